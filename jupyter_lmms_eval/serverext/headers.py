"""Which headers pass, in both directions: lists of what may, so that nothing passes that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

# Neither Cookie nor Authorization: they are for Jupyter. Neither X-Forwarded-* nor Host: those are ours to say.
REQUEST_HEADERS = {
    "accept",
    "accept-encoding",
    "accept-language",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-event-id",
    "range",
}
# Not Set-Cookie, nor WWW-Authenticate: a browser would ask its user for a password that is none of Jupyter's.
RESPONSE_HEADERS = {
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "vary",
    "x-accel-buffering",
}

Headers = list[tuple[str, str]]


def passed_on(sent: Iterable[tuple[str, str]], token: str, prefix: str) -> Headers:
    """Make the headers of a request to an evaluation server.

    Parameters
    ----------
    sent
        Those that the client sent.
    token
        The evaluation server's own token; empty if it has none.
    prefix
        Path under which the client sees the evaluation server.
    """
    headers = _allowed(sent, REQUEST_HEADERS)
    if not any(name.lower() == "accept-encoding" for name, _ in headers):
        headers.append(("Accept-Encoding", "identity"))
    headers.append(("X-Forwarded-Prefix", prefix))
    if token:
        headers.append(("Authorization", f"Bearer {token}"))
    return headers


def passed_back(received: Iterable[tuple[str, str]]) -> Headers:
    """Choose the headers of an answer that the client gets.

    Parameters
    ----------
    received
        Those of the evaluation server.
    """
    headers = _allowed(received, RESPONSE_HEADERS)
    if not any(name.lower() == "cache-control" for name, _ in headers):
        headers.append(("Cache-Control", "private, no-cache"))
    return headers


def redirected(location: str, server: str, prefix: str) -> str | None:
    """Say where a redirect of an evaluation server leads for the client.

    Parameters
    ----------
    location
        The redirect's ``Location``.
    server
        The evaluation server's own address.
    prefix
        Path under which the client sees it.

    Returns
    -------
    str or None
        A path below the prefix; None if it leads elsewhere.
    """
    try:
        to, own = urlsplit(location), urlsplit(server)
        if to.netloc and (to.scheme, to.netloc.lower()) != (own.scheme, own.netloc.lower()):
            return None
    except ValueError:
        return None
    if (to.scheme and not to.netloc) or not to.path.startswith("/") or "\\" in location:
        return None
    if ".." in to.path.split("/") or "//" in to.path:
        return None
    path = to.path if to.path.startswith(prefix + "/") else prefix + to.path
    return path + (f"?{to.query}" if to.query else "")


def _allowed(given: Iterable[tuple[str, str]], names: set[str]) -> Headers:
    pairs = list(given)
    # What a sender lists in Connection is for the next hop only, whatever it is.
    hop = {name.strip().lower() for key, value in pairs if key.lower() == "connection" for name in value.split(",")}
    return [(name, value) for name, value in pairs if name.lower() in names - hop]
