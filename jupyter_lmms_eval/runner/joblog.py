"""Writes the job's log; a full disk costs lines of it, never the evaluation."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .records import AppendedFile


class JobLog:
    """The log of a job, as one attempt goes on with it.

    Parameters
    ----------
    path
        The file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: AppendedFile | None = None
        self._began = self._size()

    def write(self, text: str) -> None:
        """Append whole lines."""
        if not text:
            return
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = AppendedFile(self._path)
            self._file.append(text)

    def end(self, most: int) -> str:
        """Return the last bytes, as text, of what the attempt has written; nothing of earlier ones."""
        with contextlib.suppress(OSError), self._path.open("rb") as stream:
            stream.seek(max(self._began, self._size() - most))
            return stream.read(most).decode(errors="replace")
        return ""

    def _size(self) -> int:
        with contextlib.suppress(OSError):
            return self._path.stat().st_size
        return 0

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None
