"""A thread that asks a server and passes on what it heard."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable

from .watch import News, Watch

logger = logging.getLogger(__name__)

_LOOK = 60.0  # seconds between two looks whether the listener is still there, while nobody looks at the table


class Poller:
    """Asks a server from a thread of its own and passes the news on.

    Parameters
    ----------
    watch
        What is asked.
    listen
        A bound method that hears the news, called from the thread. It is held weakly: the thread ends when its object
        is gone.
    """

    def __init__(self, watch: Watch, listen: Callable[[News], None]) -> None:
        self._watch = watch
        self._listen = weakref.WeakMethod(listen)
        self._wake = threading.Event()
        self._stopped = False
        self._awake = True
        self._thread = threading.Thread(target=self._run, name="lmms-eval-job-table", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def soon(self) -> None:
        """Ask at once: something is known to have changed."""
        self._wake.set()

    def rest(self, *, resting: bool) -> None:
        """Stop asking while nobody looks, or go on."""
        self._awake = not resting
        self._wake.set()

    def stop(self) -> None:
        """End the thread as soon as it has its answer; returns at once."""
        self._stopped = True
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._stopped:
                if not self._round():
                    return
                self._wake.wait(self._watch.pause if self._awake else _LOOK)
                self._wake.clear()
        finally:
            self._watch.close()

    def _round(self) -> bool:
        if self._listen() is None:
            return False
        if not self._awake:
            return True
        try:
            news = self._watch.ask()
            listen = self._listen()
            if listen is not None and not self._stopped:
                listen(news)
        except Exception:
            logger.debug("A round of questions failed", exc_info=True)
        return True
