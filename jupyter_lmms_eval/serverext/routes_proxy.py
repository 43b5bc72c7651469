"""The way to a server's REST API: whoever is let in by Jupyter is passed on, with the server's own token."""

from __future__ import annotations

import asyncio
from asyncio import Future
from typing import Any

import httpx
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import authenticated, stream_request_body

from ..protocol.server import ServerRecord
from . import allowing, headers, pages, servers
from .allowing import Patience, Target
from .handling import LmmsEvalHandler
from .refusal import Refusal
from .upstream import pieces

_REDIRECTS = (301, 302, 303, 307, 308)
_LARGEST_PAGE = 1 << 20


@stream_request_body
class ServerProxyHandler(LmmsEvalHandler):
    """Passes requests on, and answers back as they come.

    The client names a record, never a host or a port. ``authorized`` remembers the action of its first call, so every
    verb is decorated for itself.
    """

    _forwarding: asyncio.Future[None] | None = None
    _body_read = False

    async def prepare(self) -> None:  # type: ignore[override]  # as Jupyter's own
        """Let in who may; a body that is too large is not even read."""
        self._body = bytearray()
        most = self.extension.max_body_bytes
        length = self.request.headers.get("Content-Length", "")
        await super().prepare()
        if self._finished:
            return
        if length.isdigit() and int(length) > most:
            raise Refusal(413, f"The body may have at most {most} bytes")
        self._connection.set_max_body_size(most)

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body."""
        self._body += chunk

    def get_login_url(self) -> str:
        """Lead a person who opens a page to the login; refuse everybody else."""
        if self._raw_path() in ("", *allowing.PAGES):
            return JupyterHandler.get_login_url(self)
        return super().get_login_url()

    @authenticated
    @authorized
    async def get(self, server_id: str, _: str) -> None:
        """Pass a question on."""
        if not self._raw_path():
            self._body_read = True
            servers.recorded(server_id)
            self.redirect("docs")
            return
        await self._pass_on(server_id)

    @authenticated
    @authorized
    async def post(self, server_id: str, _: str) -> None:
        """Pass a request for something new on."""
        await self._pass_on(server_id)

    @authenticated
    @authorized
    async def patch(self, server_id: str, _: str) -> None:
        """Pass a request for a change on."""
        await self._pass_on(server_id)

    @authenticated
    @authorized
    async def delete(self, server_id: str, _: str) -> None:
        """Pass a request for an end on."""
        await self._pass_on(server_id)

    def finish(self, *args: Any, **kwargs: Any) -> Future[None]:
        """End the answer; tornado closes a connection whose body it did not read, and the client should know."""
        if not self._body_read:
            self.set_header("Connection", "close")
        return super().finish(*args, **kwargs)

    def on_connection_close(self) -> None:
        """Ask the evaluation server no longer when the client has gone."""
        super().on_connection_close()
        if self._forwarding is not None:
            self._forwarding.cancel()

    def compute_etag(self) -> str | None:
        """Leave tags to the evaluation server."""
        return None

    async def _pass_on(self, server_id: str) -> None:
        self._body_read = True
        target = allowing.target(str(self.request.method), self._raw_path(), self.request.query)
        record = servers.recorded(server_id)
        self._forwarding = asyncio.ensure_future(self._forward(record, target))
        try:
            await self._forwarding
        except asyncio.CancelledError:
            if not self._forwarding.cancelled():
                raise
        except StreamClosedError:
            pass  # the client has gone
        except Refusal:
            if not self._headers_written:
                raise
            # An end that looked orderly would be a lie: the rest of the answer is missing.
            self._connection.stream.close()

    async def _forward(self, record: ServerRecord, target: Target) -> None:
        extension = self.extension
        prefix = f"{extension.servers_path}/{record.id}"
        patience = allowing.patience(target, extension.read_timeout)
        sent = headers.passed_on(self.request.headers.get_all(), record.token, prefix)
        if target.page:
            sent = [(name, value) for name, value in sent if name.lower() != "accept-encoding"]
        async with extension.upstream.ask(
            record, str(self.request.method), target.raw, sent, bytes(self._body), patience
        ) as response:
            self._begin(record, target, response, prefix)
            if target.page and response.status_code == 200:
                await self._send_page(record, response, patience)
                return
            if "content-length" not in response.headers:
                await self.flush()  # a stream may be silent at first; what has a length comes with its beginning
            async for piece in pieces(record, response, patience):
                self.write(piece)
                await self.flush()  # done when the client takes it: nothing piles up here
            if not self._headers_written:
                await self.flush()

    def _begin(self, record: ServerRecord, target: Target, response: httpx.Response, prefix: str) -> None:
        """Take over what the answer begins with."""
        if response.status_code in (401, 421):
            raise Refusal(
                502, f"The evaluation server {record.id} does not accept the token of its record; start it anew"
            )
        location = None
        if response.status_code in _REDIRECTS:
            location = headers.redirected(response.headers.get("location", ""), record.url, prefix)
            if location is None:
                raise Refusal(
                    502, f"The evaluation server {record.id} sends its clients elsewhere, which is not followed"
                )
        self.set_status(response.status_code)
        self.set_header("Content-Type", "application/octet-stream")
        taken = HTTPHeaders()
        for name, value in headers.passed_back(response.headers.multi_items()):
            taken.add(name, value)
        for name, value in taken.items():
            self.set_header(name, value)
        if location is not None:
            self.set_header("Location", location)
        # Jupyter's own policy, without what it adds for JSON.
        usual = super(APIHandler, self).content_security_policy
        policy = pages.PAGE_POLICY if target.page else pages.DATA_POLICY
        self.set_header("Content-Security-Policy", f"{usual}; {policy}")

    async def _send_page(self, record: ServerRecord, response: httpx.Response, patience: Patience) -> None:
        content = bytearray()
        async for piece in pieces(record, response, patience):
            content += piece
            if len(content) > _LARGEST_PAGE:
                raise Refusal(502, f"The page of the evaluation server {record.id} is too large")
        self.clear_header("Content-Length")
        self.set_header("Cache-Control", "no-store")
        self.write(pages.with_xsrf_token(content.decode(errors="replace"), self.xsrf_token.decode()))
        await self.flush()

    @property
    def _connection(self) -> HTTP1Connection:
        connection = self.request.connection
        if not isinstance(connection, HTTP1Connection):
            raise TypeError(f"Jupyter's server speaks HTTP/1, not {type(connection).__name__}")
        return connection

    def _raw_path(self) -> str:
        """Return the path below the server as it was sent; what tornado hands over is decoded already."""
        below = self.request.path[len(url_path_join(self.base_url, "lmms-eval/servers/")) :]
        return below.partition("/")[2]
