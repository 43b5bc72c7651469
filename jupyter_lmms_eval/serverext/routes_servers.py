"""Routes of the extension's own: its version; which servers there are; starting and stopping them."""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from .._version import __version__
from . import launching, servers
from .handling import LmmsEvalHandler
from .refusal import Refusal
from .watching import SCHEMA_ID

# Of the routes here; it grows when a client that knows the last one would misread them.
PROTOCOL = 1


class VersionHandler(LmmsEvalHandler):
    """Who answers here, so that a page of another version can say so."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Tell the version."""
        self.finish(
            json.dumps(
                {
                    "name": "jupyter_lmms_eval",
                    "version": __version__,
                    "protocol": PROTOCOL,
                    "record_schema": servers.KNOWN_SCHEMA,
                    "event_schema": SCHEMA_ID,
                }
            )
        )


class ServersHandler(LmmsEvalHandler):
    """All servers of this user on this machine."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        extension = self.extension
        found = await servers.look(extension.upstream, extension.servers_path, extension.health_timeout)
        self.finish(found.model_dump_json())

    @authenticated
    @authorized
    async def post(self) -> None:
        """Start one that outlives this Jupyter server; the body holds its arguments by name."""
        extension = self.extension
        async with extension.launching:
            answer = await launching.start(extension.python, _object(self.request.body), extension.folder)
        extension.watch.look_now()
        info = await servers.describe(
            extension.upstream, servers.recorded(answer["id"]), extension.servers_path, extension.health_timeout
        )
        self.set_status(answer["status"])
        self.set_header("Location", info.path)
        self.finish(json.dumps({"message": answer["message"], "server": info.model_dump(mode="json")}))


class ServerHandler(LmmsEvalHandler):
    """One server."""

    @authenticated
    @authorized
    async def get(self, server_id: str) -> None:
        """Tell how it is."""
        extension = self.extension
        info = await servers.describe(
            extension.upstream, servers.recorded(server_id), extension.servers_path, extension.health_timeout
        )
        self.finish(info.model_dump_json())

    @authenticated
    @authorized
    async def delete(self, server_id: str) -> None:
        """Stop it; the record of one that is gone is forgotten."""
        record, extension = servers.recorded(server_id), self.extension
        await launching.stop(record.id, extension.folder)
        extension.watch.look_now()
        self.set_status(204)
        self.finish()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise Refusal(400, "The body is not JSON; send an object of the server's arguments, such as {}") from None
    if not isinstance(found, dict):
        raise Refusal(400, "The body must be a JSON object of the server's arguments, such as {}")
    return found
