"""Shifts the wall clock of Python processes by the seconds that a file says; the clock that only grows stays."""

import os
import time

_time = time.time


def shifted() -> float:
    """Tell the time, as it is after the clock was set."""
    with open(os.environ["CLOCK_SHIFT"]) as file:  # noqa: PTH123  (every program that is started loads this)
        return _time() + float(file.read() or 0)


time.time = shifted
