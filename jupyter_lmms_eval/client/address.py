"""Where a client sends its requests, and with which token."""

from __future__ import annotations

import re
import ssl
from typing import TypedDict
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

import httpx

from ..discovery.certificate import trusting
from ..discovery.finder import ServerAddress, environment_token, find_server, known_server
from .calls import CONNECT_SECONDS
from .credentials import Credentials

# Where a server shows its description to people.
_DOCUMENTATION = re.compile(r"/(docs|redoc)$")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def resolve(base_url: str | None, token: str | None) -> ServerAddress:
    """Find the server that a client talks to.

    Parameters
    ----------
    base_url
        ``http://host:port``, also with credentials (``http://any:TOKEN@host:port``) or as the link that a server
        prints; None finds the running one.
    token
        The server's token. Without one: that of the URL, else of this user's own server at that address, else
        of the environment.

    Returns
    -------
    ServerAddress
        URL without credentials or trailing slash, and the token.

    Raises
    ------
    NoServerRunning
        If no URL is given and no server runs.
    ValueError
        If the URL is not one of HTTP.
    """
    found = find_server() if base_url is None else ServerAddress(base_url)
    url, url_token = split_credentials(found.url)
    given = token or url_token
    record = found.record or known_server(url)
    known = record.token if record is not None else None
    return ServerAddress(
        url=url,
        token=given or found.token or known or environment_token(),
        record=record,
        # Our own programs hand over what a record says; a person does not know it better than the record.
        given=bool(given) and given != known,
    )


def split_credentials(url: str) -> tuple[str, str | None]:
    """Take the credentials out of a URL, so that no message and no log shows them.

    Parameters
    ----------
    url
        A URL of HTTP; ``host:port`` is read as one. The link that a server prints, to its documentation and with its
        token, is that of the server.

    Returns
    -------
    tuple of str and str or None
        The URL without credentials, documentation or trailing slash; the token, from the password or the link.

    Raises
    ------
    ValueError
        If the URL is not one of HTTP.
    """
    text = url.strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(
            f"a server's URL looks like http://localhost:8000, not {urlunsplit(parts._replace(netloc=host, query=''))}"
        )
    token = unquote(parts.password) if parts.password else dict(parse_qsl(parts.query)).get("token")
    path = _DOCUMENTATION.sub("", parts.path.rstrip("/"))
    return urlunsplit((parts.scheme, host, path, "", "")), token


class HttpOptions(TypedDict):
    """Keyword arguments that httpx's two clients share."""

    auth: Credentials
    timeout: httpx.Timeout
    trust_env: bool
    verify: ssl.SSLContext | bool


def http_options(address: ServerAddress, timeout: float | None) -> HttpOptions:
    """Say how to set up httpx for an address.

    Parameters
    ----------
    address
        Where requests go.
    timeout
        Seconds for a request; None waits for as long as it takes, once the server is reached.

    Returns
    -------
    HttpOptions
        For ``httpx.Client(**options)``. The environment's proxies apply neither to this machine's loopback, which
        they cannot know, nor to a server of this user on this machine, whose token is for nobody else to read. Such a
        server is trusted by the certificate in its record; any other by those of the system, or of the file that
        ``SSL_CERT_FILE`` names.
    """
    certificate = "" if address.record is None else address.record.certificate
    direct = address.record is not None or urlsplit(address.url).hostname in _LOOPBACK
    return {
        # What is looked up later must not pass a proxy either.
        "auth": Credentials(address, renewable=direct and not address.given),
        # What does not answer at all is no server that works for long.
        "timeout": httpx.Timeout(timeout, connect=min(timeout or CONNECT_SECONDS, CONNECT_SECONDS)),
        "trust_env": not direct,
        "verify": trusting(certificate) if certificate else True,
    }
