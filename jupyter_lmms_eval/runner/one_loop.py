"""One event loop for all chunks of a model, and for all jobs of a model that stays in memory.

A model that talks with a service runs ``asyncio.run`` in every call, but keeps its connections from one call to the
next. Those belong to the loop of the call before, which is closed: with every chunk all requests on the way would fail
once and be repeated, or count as wrong answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from .replacing import replaced


class OneLoop:
    """Takes the place of ``asyncio.run`` on the main thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Run what calls ``asyncio.run`` within on one loop, which outlives this context."""
        with replaced(asyncio, "run", self._run_instead_of(asyncio.run)):
            yield

    def _run_instead_of(self, run_alone: Any) -> Any:
        def run(main: Coroutine[Any, Any, Any], **options: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return run_alone(main, **options)
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            try:
                return self._loop.run_until_complete(main)
            finally:
                _end_tasks(self._loop)
                asyncio.set_event_loop(None)

        return run


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what a run left, as ``asyncio.run`` does."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
