"""Disks that are really full when they are full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size: str, files: int = 0) -> Iterator[Path]:
    """Mount a disk, or skip the test where that is not allowed.

    Parameters
    ----------
    folder
        Where.
    size
        As ``mount`` takes it: ``1m``.
    files
        So many there can be on it; 0 for as many as it likes.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={files}", "tmpfs", str(folder)]
    try:
        made = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that a test left behind must not keep the disk.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Use up all of a disk but a few bytes; removing the file that is returned makes room again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    if leave:
        os.truncate(ballast, ballast.stat().st_size - leave)
    return ballast
