"""Leaves out the samples that are not completely answered, if the evaluation was told to finish."""

from __future__ import annotations

from typing import Any

from .agreement import gathered
from .progress import SampleCounter, is_padding
from .turns import Turns


class NothingComplete(RuntimeError):
    """The evaluation was told to finish when not a single sample was completely answered."""


class Finishing:
    """The end of the answering.

    Parameters
    ----------
    turns
        Whether the answering was stopped.
    counter
        Which samples of this rank are complete.

    Attributes
    ----------
    partial
        Whether samples were left out, on any rank.
    scored
        Samples per task that are left to score, of all ranks; empty if the answering was not stopped.
    """

    def __init__(self, turns: Turns, counter: SampleCounter) -> None:
        self._turns = turns
        self._counter = counter
        self._tasks: list[Any] = []
        self.partial = False
        self.scored: dict[str, int] = {}

    def plan(self, task: Any) -> None:
        """Take note of an lmms-eval task whose requests are built."""
        self._tasks.append(task)

    def leave_out_incomplete(self) -> None:
        """Take away the requests of samples that are not complete: the evaluator scores only what has requests.

        Raises
        ------
        NothingComplete
            If no sample would be left.
        """
        if not self._turns.stopped:
            return
        for task in self._tasks:
            keep_complete(task, self._counter)
        ranks = gathered((dict(self._counter.done), self._counter.incomplete))
        self.partial = any(incomplete for _, incomplete in ranks)
        for done, _ in ranks:
            for name, count in done.items():
                self.scored[name] = self.scored.get(name, 0) + count
        if not any(self.scored.values()):
            raise NothingComplete("not a single sample was completely answered when the evaluation was told to finish")


def keep_complete(task: Any, counter: SampleCounter) -> None:
    """Take away the requests of a task whose samples are not complete.

    Parameters
    ----------
    task
        An lmms-eval task.
    counter
        Which samples are complete.
    """
    requests = [request for request in task.instances if not is_padding(request) and counter.complete(request)]
    task._instances = requests  # noqa: SLF001  (it has no other way)
    if not requests:
        # A task's own filters need not be able to filter nothing.
        task.apply_filters = lambda: None
