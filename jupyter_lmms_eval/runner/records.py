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
    and no writer waits for a reader.

    Parameters
    ----------
    path
        The file; made if it does not exist, private to the user.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, text: str) -> None:
        """Append text that ends with a newline."""
        data = memoryview(text.encode("utf-8", "surrogatepass"))
        while data:  # a full disk or a signal may cut a large write short
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)
