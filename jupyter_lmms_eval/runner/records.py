"""Writes the job's files so that a reader, even after a power cut, sees all of a record or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Put a file in place at once, private to the user.

    Parameters
    ----------
    path
        The file; its folder must exist.
    text
        Its whole content.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class AppendedFile:
    """A file that several processes append whole lines to.

    Every `append` is one ``write`` to a descriptor opened with ``O_APPEND``: lines of different ranks never mix,
    and no writer waits for a reader. A line that was left half written, by a full disk or a killed process, is
    ended before the next one.

    Parameters
    ----------
    path
        The file; made if it does not exist, private to the user.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, text: str) -> None:
        """Append text that ends with a newline.

        Raises
        ------
        OSError
            If it cannot be written, or only a part of it.
        """
        data = text.encode("utf-8", "surrogatepass")
        # Asked of the file each time: another rank may have left the half line.
        rest = memoryview(b"\n" + data if self._ends_within_a_line() else data)
        while rest:  # a full disk or a signal may cut a large write short
            rest = rest[os.write(self._descriptor, rest) :]

    def _ends_within_a_line(self) -> bool:
        size = os.fstat(self._descriptor).st_size
        return size > 0 and os.pread(self._descriptor, 1, size - 1) not in (b"\n", b"")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)
