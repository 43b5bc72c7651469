"""Sleeps in a way that libfaketime understands: it refuses Python's own, which names the moment of waking up."""

import select
import time


def sleep(seconds: float) -> None:
    """Wait."""
    select.select([], [], [], seconds)


time.sleep = sleep
