"""Who may enter: the token, the Host header and the origin of a request.

Submitting a job is running code, so nothing is open to a request without the token. The token arrives as
``Authorization: Bearer``, as the password of ``Authorization: Basic`` (so ``http://any:TOKEN@host:port``
serves lmms-eval's own client), or as a cookie that opening a link with ``?token=`` sets.

The Host header must be an address or a known name, so that a web page cannot reach the server by pointing a
name of its own at it (DNS rebinding). A request that a page of another origin sends is refused, whatever
it carries: browsers add cookies and passwords by themselves.

A token is compared before anything is counted, in constant time: whoever has it is never slowed down by others who
guess. Their refusals wait (`guesses`); what keeps a token from being guessed is its length.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import re
import socket
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .guesses import MOST_HELD_BACK, Guesses

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
# A second one could be read by somebody who was not asked: a proxy reads the first, we the last.
_ONCE = frozenset(
    {"host", "origin", "authorization", "content-type", "content-length", "transfer-encoding", "sec-fetch-site"}
)


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a request.

    Attributes
    ----------
    status
        0: let it in. 303: redirect to ``location`` and set the cookie. Else refuse with ``detail``.
    guess
        Whether it carried a wrong token.
    """

    status: int = 0
    detail: str = ""
    location: str = ""
    guess: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AccessRules:
    """What a request must show.

    Parameters
    ----------
    token
        The secret; empty: none is asked for.
    hosts
        Names by which the server may be addressed, besides any literal address.
    cookie
        Name of the cookie. Browsers share cookies among the ports of a host, so it must differ by port.
    """

    token: str = field(repr=False)
    hosts: Collection[str]
    cookie: str

    def judge(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Verdict:
        """Decide about a request.

        Parameters
        ----------
        method, path, query
            As sent.
        headers
            With lower-case names.
        """
        host = headers.get("host", "")
        if not self._known_host(host):
            # Without its port: what stands here is typed again, and names have none.
            name = _name(host)
            allow = f", or start it with --allowed-host {name}" if name else ""
            return Verdict(421, f"This server does not answer to the name {name or host!r}; use its address{allow}")
        origin = headers.get("origin")
        if origin is not None and _place(origin).lower() != host.lower():
            return Verdict(403, "Requests from pages of another origin are refused")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _opens_link(method, headers):
            return Verdict(403, "Requests from pages of another origin are refused; only links are followed")
        if not self.token or self._authorized(headers):
            return Verdict()
        given = dict(parse_qsl(query)).get("token", "")
        if method == "GET" and given and self._matches(given):
            rest = urlencode([(name, value) for name, value in parse_qsl(query) if name != "token"])
            # Out of the address bar, the history and the Referer of the next click; and not to another host, which
            # is what browsers take two slashes for.
            return Verdict(303, location="/" + path.lstrip("/\\") + (f"?{rest}" if rest else ""))
        detail = "This server needs its token: open the link it printed, or send 'Authorization: Bearer TOKEN'"
        guess = bool(headers.get("authorization") or given or _cookie(headers.get("cookie", ""), self.cookie))
        if guess:
            detail = "The token is not the one of this server; it prints its token when it starts"
        asks_person = "text/html" in headers.get("accept", "")
        challenge = 'Basic realm="jupyter_lmms_eval", charset="UTF-8"' if asks_person else "Bearer"
        return Verdict(401, detail, guess=guess, headers={"WWW-Authenticate": challenge})

    def _known_host(self, host: str) -> bool:
        name = _name(host)
        if name.lower() in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _authorized(self, headers: Mapping[str, str]) -> bool:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._matches(credentials.strip())
        if scheme.lower() == "basic":
            return self._matches(_password(credentials))
        return self._matches(_cookie(headers.get("cookie", ""), self.cookie))

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


def host_names(host: str, allowed: Collection[str]) -> frozenset[str]:
    """Return the names a server on ``host`` answers to: its own, and those the operator added, with or without port."""
    names = {"localhost", host.strip("[]"), *(_name(name) or name for name in allowed)}
    if host not in ("localhost", "127.0.0.1", "::1"):
        names |= {socket.gethostname(), socket.getfqdn()}
    return frozenset(name.lower() for name in names)


def repeated(names: Sequence[str]) -> Verdict:
    """Refuse a request whose headers can be read in two ways.

    Parameters
    ----------
    names
        Names of its headers, in lower case.
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1 and name in _ONCE)
    return Verdict(400, f"The header {twice[0]} came more than once") if twice else Verdict()


class AccessMiddleware:
    """Applies `AccessRules` to every request, also to documentation and errors."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"Unexpected connection type {scope['type']!r}")
        sent = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        verdict = repeated([name for name, _ in sent])
        if verdict.status == 0:
            query = scope["query_string"].decode("latin-1")
            verdict = self._rules.judge(scope["method"], scope["path"], query, dict(sent))
        if verdict.status == 0:
            await self._app(scope, receive, send)
            return
        if verdict.guess:
            verdict = await self._slowed(verdict, scope)
        await self._answer(verdict, scope)(scope, receive, send)

    async def _slowed(self, verdict: Verdict, scope: Scope) -> Verdict:
        """Wait before a wrong token is refused, if too many came."""
        address = scope["client"][0] if scope.get("client") else ""
        delay = self._guesses.delay(address, time.monotonic())
        if not delay:
            return verdict
        if self._guesses.held_back >= MOST_HELD_BACK:
            return Verdict(429, "Too many wrong tokens came; send the right one", headers={"Retry-After": "60"})
        self._guesses.held_back += 1
        try:
            await asyncio.sleep(delay)
        finally:
            self._guesses.held_back -= 1
        return verdict

    def _answer(self, verdict: Verdict, scope: Scope) -> Response:
        if verdict.status != 303:
            return JSONResponse({"detail": verdict.detail, "errors": []}, verdict.status, dict(verdict.headers))
        response = RedirectResponse(scope.get("root_path", "") + verdict.location, status_code=303)
        response.set_cookie(
            self._rules.cookie, self._rules.token, httponly=True, samesite="strict", secure=scope["scheme"] == "https"
        )
        response.headers["Cache-Control"] = "no-store"
        return response


def _opens_link(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser opens an address in a window of its own; the page with the link does not see the answer."""
    shown = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return method in ("GET", "HEAD") and shown


def _name(host: str) -> str:
    """Return the name or address in a Host header, without its port; nothing for what is no such header."""
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).removesuffix(".") if found else ""


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
