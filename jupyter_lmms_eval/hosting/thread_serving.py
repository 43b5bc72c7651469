"""Serve an application until told to stop: what a server in a terminal and one on a thread have in common."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from ..discovery.records import remove_record, write_record
from ..protocol.server import ServerRecord
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
    describe
        Makes its record.
    own_logging
        Whether uvicorn sets up its logging, which writes to this process's output.
    """

    def __init__(
        self,
        app: FastAPI,
        announce: Callable[[FastAPI], None],
        describe: Callable[[FastAPI], ServerRecord] = server_record,
        *,
        own_logging: bool = True,
    ) -> None:
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
            )
        )
        self.app = app
        self._announce = announce
        self._describe = describe

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then be found."""
        await super().startup(sockets)
        write_record(self._describe(self.app))
        self._announce(self.app)


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
            await server.serve(sockets=sockets)
        finally:
            remove_record(app.state.server_id)
