"""Keeps every answered request on disk, so that no answer is computed twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..protocol.run import JournalEntry
from .digests import digest
from .records import AppendedFile


def request_key(request_type: str, request: Any, repeat: int, task_digest: str, model_digest: str) -> str:
    """Digest of everything an answer depends on.

    Parameters
    ----------
    request_type
        The model's method that answers.
    request
        An lmms-eval ``Instance``.
    repeat
        Which of the generations for the same question.
    task_digest
        Digest of the task's configuration.
    model_digest
        Digest of the model, its arguments and its weights.
    """
    plain = [argument for argument in request.args if not callable(argument)]
    return digest(
        request_type, request.task_name, request.doc_id, request.idx, repeat, plain, task_digest, model_digest
    )


class Journal:
    """The journal of a job.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.answered = {entry.key: entry for entry in read(path)}
        self._file = AppendedFile(path)

    def append(self, entries: Iterable[JournalEntry]) -> None:
        """Add the answers of a chunk in one write; an answer that JSON cannot hold stays out.

        Raises
        ------
        OSError
            If they cannot be written: answers that are not on disk would be lost with this process.
        """
        lines: list[str] = []
        for entry in entries:
            try:
                # pydantic would turn infinite log-likelihoods into null
                lines.append(json.dumps(entry.model_dump(exclude_none=True), ensure_ascii=False) + "\n")
            except (TypeError, ValueError):
                continue
        if lines:
            self._file.append("".join(lines))


def read(path: Path) -> list[JournalEntry]:
    """Read a journal; lines that are no entry (torn by a kill or a full disk) are skipped.

    Parameters
    ----------
    path
        The file; none means an empty journal.
    """
    entries: list[JournalEntry] = []
    if not path.exists():
        return entries
    with path.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            try:
                entries.append(JournalEntry.model_validate(json.loads(line)))
            except (ValueError, RecursionError):
                continue
    return entries
