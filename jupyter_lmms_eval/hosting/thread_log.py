"""Where a server on a thread writes: a file. What a thread prints would land in some cell of the notebook."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000
# Of others, and used by others in the kernel too: only what the server's own thread says is taken from them.
_SHARED = ("uvicorn.error", "asyncio")


class _PrivateFile(RotatingFileHandler):
    """A log that only its owner reads: a traceback in it may quote a request."""

    def _open(self) -> object:  # type: ignore[override]
        return os.fdopen(
            os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600),
            "a",
            encoding="utf-8",
            errors="replace",
        )


class _Diverting(logging.Filter):
    """Hands what one thread says to a handler and keeps it from everybody else."""

    def __init__(self, thread: int, handler: logging.Handler) -> None:
        super().__init__()
        self._thread = thread
        self._handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record of another thread pass."""
        if record.thread != self._thread:
            return True
        self._handler.handle(record)
        return False


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send to a file what this thread and the package log.

    Parameters
    ----------
    path
        The file; its folder is created, private, if missing.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = _PrivateFile(path, maxBytes=_MAX_BYTES, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter(_FORMAT))
    diverting = _Diverting(threading.get_ident(), handler)
    ours = logging.getLogger(__package__.partition(".")[0])
    propagates = ours.propagate
    ours.addHandler(handler)
    ours.propagate = False
    for name in _SHARED:
        logging.getLogger(name).addFilter(diverting)
    try:
        yield
    finally:
        for name in _SHARED:
            logging.getLogger(name).removeFilter(diverting)
        ours.removeHandler(handler)
        ours.propagate = propagates
        handler.close()
