"""Read a job's log, from any byte on."""

from __future__ import annotations

from pathlib import Path

from ..protocol.jobs import LogChunk

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
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            file.seek(start)
            data = file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return LogChunk(text="", offset=0, next_offset=0, complete=finished)
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
