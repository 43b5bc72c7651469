"""Behind a proxy that serves this server below a path, addresses in answers begin with that path."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

# It stands in pages and scripts: nothing that could end a string there, and no other host.
_PREFIX = re.compile(r"(/[A-Za-z0-9._~@%+=-]+)+")


class PrefixMiddleware:
    """Believes the ``X-Forwarded-Prefix`` of a proxy that took the prefix off; only addresses depend on it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the prefix back, as ASGI wants it: into ``root_path`` and ``path``."""
        if scope["type"] == "http":
            prefix = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            if _PREFIX.fullmatch(prefix):
                root_path = prefix + scope.get("root_path", "")
                scope = {**scope, "root_path": root_path, "path": prefix + scope["path"]}
        await self._app(scope, receive, send)
