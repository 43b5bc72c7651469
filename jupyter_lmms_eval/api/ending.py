"""An orderly end for requests that are open when the server stops: streams of logs and events, long polls."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import answer

# For answers that grow: a server that compresses must leave them alone, or their beginning waits for their end.
STREAMED = {"Content-Encoding": "identity"}


class EndingMiddleware:
    """Ends an answer that is cancelled.

    A server cancels requests only when it stops. Left alone, a stream would break off as if the connection had
    failed, and each request would leave a traceback in the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request be answered, to the end or to that of the server."""
        started = ended = False

        async def watched(message: Message) -> None:
            nonlocal started, ended
            started = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            if not started:
                await answer(503, "The server stops; ask again when it is back")(scope, receive, send)
            elif not ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
