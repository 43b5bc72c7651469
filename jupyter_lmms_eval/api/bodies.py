"""What may be sent: JSON that says so, not too much of it, and not for ever.

A form on a page of the Web can send anything but JSON to any address without asking; that it must be called JSON
keeps such a page from submitting a job even where it is taken for no other origin.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import answer

# Two thousand task names and a long instruction are a tenth of it.
MOST_BYTES = 1 << 20
# Of silence within a body.
PATIENCE_SECONDS = 30.0

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class BodyMiddleware:
    """Refuses a body that is not JSON, too large, or too slow.

    Parameters
    ----------
    app
        What gets the others.
    most
        Bytes that a body may have.
    patience
        Seconds of silence within a body.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES, patience: float = PATIENCE_SECONDS) -> None:
        self._app = app
        self._most = most
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it as soon as it is known to be refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        # Whether there is a body is not known of one that comes in chunks.
        has_body = "transfer-encoding" in headers or length not in ("", "0")
        if length.isdigit() and int(length) > self._most:
            await answer(413, self._too_large())(scope, receive, send)
        elif has_body and scope["method"] not in _WITHOUT_BODY and not _is_json(headers.get("content-type", "")):
            detail = "Send the body as JSON, and say so: 'Content-Type: application/json'"
            await answer(415, detail)(scope, receive, send)
        else:
            await self._app(scope, self._watched(receive) if has_body else receive, send)

    def _watched(self, receive: Receive) -> Receive:
        received, complete = 0, False

        async def next_message() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._patience)
            except asyncio.TimeoutError:
                complete = True
                raise HTTPException(408, f"The body stopped for {self._patience:g} s; send it again") from None
            received += len(message.get("body", b""))
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            if received > self._most:
                complete = True
                raise HTTPException(413, self._too_large())
            return message

        return next_message

    def _too_large(self) -> str:
        return f"The body is larger than {self._most:,} bytes; nothing that this server understands is"


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
