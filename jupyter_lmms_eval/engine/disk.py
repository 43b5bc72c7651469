"""Room on the disk of the jobs."""

from __future__ import annotations

import errno
import shutil
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
    """Raise `DiskFull` where the system says so of what is written within.

    Parameters
    ----------
    folder
        The folder to be named.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(folder) from error
        raise
