"""Headers that tell a browser what it may do with an answer: show it, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Answers are for who asked, and are what they say they are. The address may hold the token once.
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class CommonHeadersMiddleware:
    """Gives every answer what every answer has, refusals too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def with_headers(message: Message) -> None:
            # Of an answer that still holds, the browser has them.
            if message["type"] == "http.response.start" and message["status"] != 304:
                headers = MutableHeaders(scope=message)
                for name, value in COMMON.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _DATA_POLICY)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class PagePolicyMiddleware:
    """Says of each page which scripts it holds; a script that somebody else got into it does not run."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a page is sent when it is complete."""
        start: Message | None = None
        parts: list[bytes] = []

        async def held_back(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            page = b"".join(parts)
            MutableHeaders(scope=start)["Content-Security-Policy"] = page_policy(page)
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, held_back if scope["type"] == "http" else send)


def page_policy(page: bytes) -> str:
    """Write the policy of a page: its own scripts by their digests, everything else from this server only.

    Parameters
    ----------
    page
        HTML of ours.
    """
    digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _is_page(start: Message) -> bool:
    return MutableHeaders(scope=start).get("content-type", "").startswith("text/html")
