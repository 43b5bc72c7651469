"""Which process is meant: a number that can be given to another one later, together with the moment of its start."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

# Elsewhere than on Linux, and in records of before, the start is a time of the wall clock. On Linux such a time is
# computed from the time of the boot, which moves a little whenever the clock is corrected.
TOLERANCE = 1.0

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that cannot be confused with a later one of the same number, even if the clock is set meanwhile.

    Parameters
    ----------
    pid
        Its number.
    start
        When it started. On Linux ``<boot id>/<clock ticks since the boot>``; elsewhere, and in records of before,
        seconds since the epoch, compared with a tolerance of `TOLERANCE`.
    """

    pid: int
    start: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Identify a running process.

        Parameters
        ----------
        pid
            Its number.

        Returns
        -------
        ProcessIdentity or None
            None if there is no such process, or only its zombie.
        """
        if sys.platform == "linux" and (boot := _boot_id()):
            if (stat := _stat(pid)) is None:
                return None
            state, ticks = stat
            return None if state in ("Z", "X") else cls(pid, f"{boot}/{ticks}")
        created = process_create_time(pid)
        return None if created is None else cls(pid, repr(created))

    def alive(self) -> bool:
        """Tell whether just this process still runs; a zombie does not."""
        if (recorded := _seconds(self.start)) is None:
            return self == ProcessIdentity.of(self.pid)
        created = process_create_time(self.pid)
        return created is not None and abs(created - recorded) <= TOLERANCE

    def to_json(self) -> list[Any]:
        """Return what `from_json` reads."""
        return [self.pid, self.start]

    @classmethod
    def from_json(cls, value: object) -> ProcessIdentity:
        """Read ``[pid, start]``, or what was written before: ``[pid, seconds since the epoch]``.

        Raises
        ------
        ValueError
            If it is neither.
        """
        if isinstance(value, list) and len(value) == 2:
            pid, start = value
            if isinstance(pid, int) and not isinstance(pid, bool):
                if isinstance(start, str) and start:
                    return cls(pid, start)
                if isinstance(start, float | int) and not isinstance(start, bool):
                    return cls(pid, repr(float(start)))
        raise ValueError(f"a process is [number, start], not {value!r}")


def process_create_time(pid: int) -> float | None:
    """When a process started, by the wall clock.

    Parameters
    ----------
    pid
        Its number.

    Returns
    -------
    float or None
        Seconds since the epoch; None if there is no such process, or only its zombie.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None


def _seconds(start: str) -> float | None:
    try:
        return float(start)
    except ValueError:
        return None


@cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:  # a container may hide it
        return ""


def _stat(pid: int) -> tuple[str, str] | None:
    """Return state and start of a process on Linux, as the kernel writes them."""
    if pid <= 0:
        return None
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # "pid (name) state ppid ...": the name may hold anything, parentheses too; no other field holds any.
    fields = line[line.rindex(b")") + 1 :].split()
    return os.fsdecode(fields[0]), os.fsdecode(fields[19])
