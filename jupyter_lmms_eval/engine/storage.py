"""How much of the disk the jobs take."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

# Measured anew so often at most (seconds): many submissions share one look.
LOOK_AGAIN_SECONDS = 10.0


class Storage:
    """The disk space of the jobs' directories, held against what the operator gives them.

    What finished jobs take is measured once. Nothing is ever deleted here: results are the user's.

    Parameters
    ----------
    folder
        The folder of the jobs' directories.
    most
        Bytes they may take; 0 for no limit, and then nothing is measured.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._looked = float("-inf")
        self._lock = threading.Lock()

    @property
    def stale(self) -> bool:
        """Whether it has to be measured before `excess` is asked."""
        return bool(self._most) and time.monotonic() - self._looked >= LOOK_AGAIN_SECONDS

    def measure(self, live: Collection[str]) -> None:
        """Measure what the jobs take, unless somebody else just did; blocking.

        Parameters
        ----------
        live
            Names of the directories that may change.
        """
        with self._lock:
            if self.stale:
                self._measure(live)
                self._looked = time.monotonic()

    def excess(self) -> str | None:
        """Say that the jobs took too much when last measured, in one sentence, or None."""
        if not self._most or self._total < self._most:
            return None
        return (
            f"The jobs take {_gigabytes(self._total)} of the {_gigabytes(self._most)} that this server gives them: "
            f"remove directories of jobs that you no longer need from {self._folder}, or start the server with a "
            "higher --max-stored-gb"
        )

    def _measure(self, live: Collection[str]) -> None:
        try:
            names = [entry.name for entry in os.scandir(self._folder) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            names = []
        known = self._sizes
        self._sizes = {
            name: known[name] if name in known and name not in live else _size(self._folder / name) for name in names
        }
        self._total = sum(self._sizes.values())
        for name in live:
            self._sizes.pop(name, None)  # it may be over, and bigger, at the next look


def _size(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder, onerror=None):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118  (many times faster)
            except OSError:  # removed meanwhile
                continue
    return total


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.3g} GB"
