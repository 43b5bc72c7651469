"""Serve an application until told to stop: what a server in a terminal and one on a thread have in common."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from ..api.server_args import ServerArgs
from ..discovery.records import remove_record, write_record
from .record import server_record

# Requests that still run when the server stops have so long; then running evaluations are ended.
DRAIN_SECONDS = 2


class AnnouncedServer(uvicorn.Server):
    """Tells the world about itself once it answers.

    Parameters
    ----------
    app
        The application.
    announce
        Called once it answers and can be found.
    own_logging
        Whether uvicorn sets up its logging, which writes to this process's output.
    look_around
        Seconds between two looks at ``should_exit``.
    """

    def __init__(
        self,
        app: FastAPI,
        announce: Callable[[FastAPI], None],
        *,
        own_logging: bool = True,
        look_around: float = 0.1,
    ) -> None:
        args: ServerArgs = app.state.server_args
        super().__init__(
            uvicorn.Config(
                app,
                # The lifespan is entered by `serve`: uvicorn turns an exception in it into sys.exit().
                lifespan="off",
                log_config=LOGGING_CONFIG if own_logging else None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                server_header=False,
                # Who guesses at the token is known by the address; anybody can write another into a header.
                proxy_headers=False,
                # There is none here, and an offer to change to one would be taken for a request.
                ws="none",
                ssl_certfile=args.tls_certificate,
                ssl_keyfile=args.tls_key,
            )
        )
        self.app = app
        self._announce = announce
        self._look_around = look_around
        self._woken = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then be found."""
        await super().startup(sockets)
        write_record(server_record(self.app))
        self._announce(self.app)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to whoever runs it.

        uvicorn raises those that it got once more when it has stopped answering, and asyncio would then cancel the
        end of the scheduler.
        """
        yield

    async def main_loop(self) -> None:
        """Wait until it is to stop; uvicorn's own loop looks ten times a second, which a kernel would feel."""
        while not await self.on_tick(0):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._look_around)

    def stop_soon(self) -> None:
        """Stop, without waiting for the next look; to be called in its own loop."""
        self.should_exit = True
        self._woken.set()


async def serve(server: AnnouncedServer, sockets: list[socket.socket]) -> None:
    """Run a server, and its application's scheduler around it, until its ``should_exit`` is set.

    Parameters
    ----------
    server
        The server.
    sockets
        Where it listens, as `bind` returns them.
    """
    app = server.app
    async with app.router.lifespan_context(app):
        try:
            if not server.should_exit:  # told to stop while the scheduler started
                await server.serve(sockets=sockets)
        finally:
            remove_record(app.state.server_id)
