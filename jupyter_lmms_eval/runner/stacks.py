"""Makes a process write where its threads are: when it is asked with SIGUSR1, and when native code crashes."""

from __future__ import annotations

import faulthandler
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

REQUEST = signal.SIGUSR1


def write_stacks() -> None:
    """Write the stacks of all threads to standard error from now on.

    It is done in C and needs no lock of the interpreter, so that a process that hangs in native code answers too.
    """
    faulthandler.enable(file=sys.stderr, all_threads=True)
    faulthandler.register(REQUEST, file=sys.stderr, all_threads=True, chain=False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {REQUEST})


@contextmanager
def requests_held_back() -> Iterator[None]:
    """Let processes that are started within be deaf to requests until they call `write_stacks`.

    A request that comes before would end them. One that comes to this process is heard afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {REQUEST})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
