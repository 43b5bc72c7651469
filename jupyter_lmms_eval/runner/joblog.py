"""Writes the job's log; a full disk costs lines of it, never the evaluation."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .records import AppendedFile


class JobLog:
    """The log of a job.

    Parameters
    ----------
    path
        The file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: AppendedFile | None = None

    def write(self, text: str) -> None:
        """Append whole lines."""
        if not text:
            return
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = AppendedFile(self._path)
            self._file.append(text)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None
