"""Read a job's log, from any byte on."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..protocol.jobs import LogChunk
from .errors import LogUnreadable

CHUNK_BYTES = 1 << 20


def read_log(path: Path, offset: int, *, finished: bool) -> LogChunk:
    """Return the part of a log that starts at a byte.

    Parameters
    ----------
    path
        The log; it may not exist yet.
    offset
        Byte to start at; a negative one counts from the end.
    finished
        Whether nothing will be added any more.

    Raises
    ------
    LogUnreadable
        If it is not a file of the job's own: what an evaluation left in its place may lead anywhere.
    """
    try:
        # Not blocking: nobody may ever write into a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return LogChunk(text="", offset=0, next_offset=0, complete=finished)
    except OSError as error:
        raise LogUnreadable(path, "a link" if error.errno == errno.ELOOP else str(error.strerror)) from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise LogUnreadable(path, "not a file")
        size = file.seek(0, 2)
        start = max(0, size + offset) if offset < 0 else min(offset, size)
        file.seek(start)
        data = file.read(CHUNK_BYTES)
    if not (finished and start + len(data) >= size):  # the other half of a character is still to come
        data = _whole_characters(data)
    end = start + len(data)
    return LogChunk(
        text=data.decode(errors="replace"), offset=start, next_offset=end, complete=finished and end >= size
    )


def _whole_characters(data: bytes) -> bytes:
    """Leave a character that is cut off at the end for the next chunk."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-back] if width > back else data
    return data
