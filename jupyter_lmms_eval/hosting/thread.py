"""A server on a background thread of this process, with an event loop of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fastapi import FastAPI

from ..api.app import create_app, state_dir_of
from ..api.server_args import ServerArgs
from ..protocol.server import ServerRecord
from .reaping import let_go_in_children
from .record import server_record
from .serving import AnnouncedServer, serve
from .thread_log import logging_to

LOG_NAME = "server.log"
# Of the time a stop may take, the last part is for a server that does not stop when asked.
_FORCE_SECONDS = 2.0
# It is woken to stop; this is for the date in its answers, and every look takes time from the cells.
_LOOK_AROUND_SECONDS = 1.0


class ServerThread:
    """A server on a daemon thread.

    Nothing of it is printed; it logs to ``server.log`` in its folder. Signals are left to the main thread.

    Parameters
    ----------
    args
        Its arguments.
    sockets
        Where it listens, as `bind` returns them; they are closed when it ends.

    Attributes
    ----------
    args
        Its arguments.
    log
        Where it logs.
    record
        How it is found, once it answers.
    """

    def __init__(self, args: ServerArgs, sockets: Sequence[socket.socket]) -> None:
        self.args = args
        self.log = state_dir_of(args) / LOG_NAME
        self.record: ServerRecord | None = None
        self._sockets = list(sockets)
        self._pid = os.getpid()
        self._error: BaseException | None = None
        self._settled = threading.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: AnnouncedServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._main, name="lmms-eval-server", daemon=True)

    def start(self, timeout: float) -> bool:
        """Start it and wait until it answers.

        Parameters
        ----------
        timeout
            Seconds to wait.

        Returns
        -------
        bool
            False if it does not answer in time; it goes on trying.

        Raises
        ------
        Exception
            Whatever kept it from starting.
        """
        let_go_in_children(self)
        self._thread.start()
        if not self._settled.wait(timeout):
            return False
        if self._error is not None:
            self._thread.join(timeout)
            raise self._error
        return True

    @property
    def alive(self) -> bool:
        """Whether it runs, in this process and not in the one that this was forked from."""
        return self._pid == os.getpid() and self._thread.is_alive()

    def stop(self, timeout: float = 10.0, drain: float | None = None) -> bool:
        """Stop it: open requests get a moment, running evaluations go back to the queue.

        Parameters
        ----------
        timeout
            Seconds in which it must be over.
        drain
            Seconds for open requests, if other than usual.

        Returns
        -------
        bool
            Whether it is over.
        """
        if not self.alive:
            return True
        self._stopping = True
        self._call(lambda: self._ask_to_stop(drain))
        self._thread.join(max(0.0, timeout - _FORCE_SECONDS))
        if self._thread.is_alive():
            self._call(self._cancel)
            self._thread.join(_FORCE_SECONDS)
        return not self._thread.is_alive()

    def descriptors(self) -> list[int]:
        """List the descriptors that a forked child must not keep: the state directory's lock, evaluations' pipes."""
        scheduler = None if self._server is None else getattr(self._server.app.state, "scheduler", None)
        return [] if scheduler is None else scheduler.descriptors()

    def let_go(self) -> None:
        """Let go, in a forked child, of what belongs to the parent."""
        for listener in self._sockets:
            listener.close()
        for descriptor in self.descriptors():
            with suppress(OSError):
                os.close(descriptor)

    # ------------------------------------------------------------------------------------------- on the thread

    def _main(self) -> None:
        try:
            with logging_to(self.log), _own_loop() as loop:
                self._loop = loop
                self._serving = loop.create_task(self._serve())
                with suppress(asyncio.CancelledError):
                    loop.run_until_complete(self._serving)
        except BaseException as error:  # noqa: BLE001  (the starter raises it; printing it here would go to some cell)
            self._error = error
        finally:
            self._loop = None
            for listener in self._sockets:
                listener.close()
            self._settled.set()

    async def _serve(self) -> None:
        # Made here: what it imports must not hold up the thread that starts it any longer than needed.
        self._server = AnnouncedServer(
            create_app(self.args), self._answering, own_logging=False, look_around=_LOOK_AROUND_SECONDS
        )
        self._server.should_exit = self._stopping
        await serve(self._server, self._sockets)

    def _answering(self, app: FastAPI) -> None:
        self.record = server_record(app)
        self._settled.set()

    def _ask_to_stop(self, drain: float | None) -> None:
        if self._server is None:  # it is about to be made, and learns of it then
            return
        if drain is not None:
            self._server.config.timeout_graceful_shutdown = drain  # type: ignore[assignment]  # any number does
        self._server.stop_soon()

    def _cancel(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    def _call(self, action: object) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(action)  # type: ignore[arg-type]


class _OwnLoop(asyncio.SelectorEventLoop):
    """asyncio's loop as it comes, also where nest_asyncio has replaced methods of its class for the cells' sake."""

    run_forever = asyncio.BaseEventLoop.run_forever
    run_until_complete = asyncio.BaseEventLoop.run_until_complete
    _run_once = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]  # noqa: SLF001
    _check_running = asyncio.BaseEventLoop._check_running  # type: ignore[attr-defined]  # noqa: SLF001


class _own_loop:  # noqa: N801  (used like a function)
    """A loop for this thread, closed at the end with all that belongs to it."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self._loop = _OwnLoop()
        self._loop.set_default_executor(ThreadPoolExecutor(4, thread_name_prefix="lmms-eval-worker"))
        return self._loop

    def __exit__(self, *_: object) -> None:
        loop = self._loop
        try:
            for task in asyncio.all_tasks(loop):
                task.cancel()
                with suppress(BaseException):
                    loop.run_until_complete(task)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
