"""The extension of the Jupyter server."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_events import EventLogger
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from traitlets import Float, Integer, Unicode

from .routes_proxy import ServerProxyHandler
from .routes_servers import ServerHandler, ServersHandler, VersionHandler
from .upstream import Upstream
from .watching import SCHEMA_ID, JobWatch

_EVENT_SCHEMA = Path(__file__).parent / "events" / "job_v1.yaml"
NAME = "lmms_eval"


class LmmsEvalExtension(ExtensionApp):
    """Brings the evaluation servers of a user to where Jupyter is, under ``<base_url>/lmms-eval/``."""

    name = NAME
    extension_url = "/lmms-eval/"
    description = "Evaluation servers of lmms-eval, through Jupyter"

    python = Unicode(
        sys.executable,
        help="Python with which servers are started: that of the environment which holds lmms-eval and this package.",
    ).tag(config=True)
    connect_timeout = Float(2.0, help="Seconds for connecting to an evaluation server.").tag(config=True)
    read_timeout = Float(
        30.0, help="Seconds for an answer of an evaluation server; the `wait` of a long poll is added."
    ).tag(config=True)
    health_timeout = Float(
        2.0, help="Seconds after which an evaluation server that does not answer is listed as busy."
    ).tag(config=True)
    max_body_bytes = Integer(1 << 20, help="Largest body that is passed on to an evaluation server.").tag(config=True)
    watch_interval = Float(
        5.0, help="Seconds between two looks for evaluation servers that came or went, a few small files."
    ).tag(config=True)

    upstream: Upstream
    watch: JobWatch
    launching: asyncio.Lock

    @property
    def servers_path(self) -> str:
        """Path on this Jupyter server under which servers are found by id."""
        return url_path_join(self._jupyter.base_url, "lmms-eval/servers")

    @property
    def folder(self) -> str:
        """What names of folders are relative to."""
        return str(self._jupyter.root_dir)

    def initialize_handlers(self) -> None:
        """Register the routes."""
        own = {"extension": self}
        self.upstream = Upstream(self.connect_timeout)
        self.launching = asyncio.Lock()
        self.watch = JobWatch(self.upstream, self._emit, self._note_activity, self.watch_interval, self.log)
        self.handlers.extend(
            [
                (r"/lmms-eval/?", VersionHandler, own),
                (r"/lmms-eval/servers/?", ServersHandler, own),
                (r"/lmms-eval/servers/([^/]+)", ServerHandler, own),
                (r"/lmms-eval/servers/([^/]+)/(.*)", ServerProxyHandler, own),
            ]
        )
        self._events.register_event_schema(_EVENT_SCHEMA)

    def current_activity(self) -> dict[str, int] | None:
        """Say what goes on: Jupyter does not end for want of activity while a job runs."""
        running = self.watch.running_jobs
        return {"running_jobs": running} if running else None

    async def _start_jupyter_server_extension(self, _: ServerApp) -> None:
        self.watch.start()

    async def stop_extension(self) -> None:
        """End with the Jupyter server."""
        await self.watch.stop()
        await self.upstream.close()

    def _emit(self, data: dict[str, Any]) -> None:
        self._events.emit(schema_id=SCHEMA_ID, data=data)

    def _note_activity(self) -> None:
        # What a hub asks for when it looks for idle servers.
        self._jupyter.web_app.settings["last_activity_times"][NAME] = datetime.now(timezone.utc)

    @property
    def _jupyter(self) -> ServerApp:
        serverapp = self.serverapp
        if serverapp is None:
            raise RuntimeError("The extension is not linked to a Jupyter server")
        return serverapp

    @property
    def _events(self) -> EventLogger:
        logger = self._jupyter.event_logger
        if logger is None:
            raise RuntimeError("The Jupyter server has no event logger yet")
        return logger
