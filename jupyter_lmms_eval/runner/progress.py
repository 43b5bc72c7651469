"""Counts answered samples; a sample is answered when all its requests are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

PADDING = "__padding_only__"


def is_padding(request: Any) -> bool:
    """Whether a request only keeps this rank in step with others."""
    return bool((request.metadata or {}).get(PADDING))


class SampleCounter:
    """Samples of this rank, per task: how many there are and how many are answered."""

    def __init__(self) -> None:
        self._open: Counter[tuple[str, Any]] = Counter()
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}

    def plan(self, task: str, requests: Iterable[Any]) -> int:
        """Take note of a task's requests.

        Parameters
        ----------
        task
            Name of the task.
        requests
            Its lmms-eval ``Instance`` objects on this rank.

        Returns
        -------
        int
            Samples this rank will answer.
        """
        documents = set()
        for request in requests:
            if not is_padding(request):
                documents.add(request.doc_id)
                self._open[task, request.doc_id] += int(request.repeats or 1)
        self.totals[task] = len(documents)
        self.done[task] = 0
        return len(documents)

    @property
    def incomplete(self) -> bool:
        """Whether a sample still waits for an answer."""
        return bool(self._open)

    def complete(self, request: Any) -> bool:
        """Whether the sample of a request is answered."""
        return (request.task_name, request.doc_id) not in self._open

    def answered(self, request: Any) -> None:
        """Take note of one answer."""
        sample = (request.task_name, request.doc_id)
        if is_padding(request) or sample not in self._open:
            return
        self._open[sample] -= 1
        if self._open[sample] <= 0:
            del self._open[sample]
            self.done[request.task_name] = self.done.get(request.task_name, 0) + 1
