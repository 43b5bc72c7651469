"""Room on the disk of the jobs."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DiskFull


def shortage(folder: Path, reserve: int) -> str | None:
    """Say that a folder's disk is full, or None.

    Parameters
    ----------
    folder
        The folder.
    reserve
        Bytes that must be free.
    """
    free = shutil.disk_usage(folder).free
    if free >= reserve:
        return None
    return f"the disk of {folder} is full: {free / 2**20:.1f} MiB are free, {reserve / 2**20:.0f} MiB must be"


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that a disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def needing_room(folder: Path) -> Iterator[None]:
    """Raise `DiskFull` where the system, or SQLite, says so of what is written within.

    Parameters
    ----------
    folder
        The folder to be named.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if means_full_disk(error, folder):
            raise DiskFull(folder) from error
        raise


def means_full_disk(error: OSError | sqlite3.Error, folder: Path) -> bool:
    """Tell whether something failed because a disk is full.

    Parameters
    ----------
    error
        What was raised.
    folder
        A folder on that disk.
    """
    if isinstance(error, OSError):
        return is_full(error)
    if _is_sqlite(error, _SQLITE_FULL, "database or disk is full"):
        return True
    # SQLite says "I/O error" for a spent quota, and where it could not lengthen its shared memory.
    return _is_sqlite(error, _SQLITE_IOERR, "disk I/O error") and not _has_room(folder)


_SQLITE_IOERR, _SQLITE_FULL = 10, 13


def _is_sqlite(error: sqlite3.Error, code: int, text: str) -> bool:
    found: int | None = getattr(error, "sqlite_errorcode", None)  # new in Python 3.11
    return text in str(error) if found is None else found & 0xFF == code


def _has_room(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(65536))
    except OSError as error:
        return not is_full(error)
    return True
