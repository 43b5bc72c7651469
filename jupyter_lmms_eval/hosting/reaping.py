"""What must not outlive the process that started it, however that process goes on or ends."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol


class LetsGo(Protocol):
    """Something that holds descriptors which a forked child would inherit."""

    def let_go(self) -> None:
        """Close them, in the child."""


_holders: weakref.WeakSet[LetsGo] = weakref.WeakSet()
_hooked = False


def let_go_in_children(holder: LetsGo) -> None:
    """Have a holder let go in every process that is forked from this one.

    A child of ``multiprocessing`` would keep the port open, the state directory locked, and evaluations alive by
    holding the pipe whose end tells them that their server is gone.

    Parameters
    ----------
    holder
        Kept only as long as somebody else keeps it.
    """
    global _hooked  # noqa: PLW0603  (hooks cannot be taken back: one for the life of the process)
    _holders.add(holder)
    if not _hooked:
        os.register_at_fork(after_in_child=_let_go)
        _hooked = True


def _let_go() -> None:
    for holder in list(_holders):
        holder.let_go()
    _holders.clear()


def at_exit(function: Callable[[], object]) -> None:
    """Call a function when the interpreter ends, while threads and executors still work.

    Functions of `atexit` come too late: executors have been shut down by then, and the server's loop with them.

    Parameters
    ----------
    function
        Must end by itself and soon.
    """
    register = getattr(threading, "_register_atexit", None)
    if register is None:  # of an interpreter without it
        import atexit

        atexit.register(function)
    else:
        register(function)
