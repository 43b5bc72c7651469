"""The token that goes with each request, found again when the server that wants it was started anew."""

from __future__ import annotations

from collections.abc import Generator

import httpx

from ..discovery.finder import ServerAddress, known_token


class Credentials(httpx.Auth):
    """The token of a server, sent with each request.

    A server of this user makes another token with each start. When one refuses a token, its record is looked at; if
    that holds another, the request is repeated once with it: a refused request has done nothing. A token that a person
    gave is never replaced, and none goes anywhere but to the address of its record.

    Parameters
    ----------
    address
        The server.
    renewable
        Whether the token may be looked up again.

    Attributes
    ----------
    token
        What is sent; None sends nothing.
    renewable
        Whether the token may be looked up again.
    """

    def __init__(self, address: ServerAddress, *, renewable: bool) -> None:
        self.token = address.token
        self.renewable = renewable
        self._url = address.url

    @property
    def handed_on(self) -> str | None:
        """What another connection to the same server is given; None where it finds the token itself."""
        return None if self.renewable else self.token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request, and once more if the token is no longer the one that is wanted."""
        sent = self.token
        _sign(request, sent)
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED or not self.renewable:
            return
        known = known_token(self._url)
        if known is not None and known != sent:
            self.token = known
            _sign(request, known)
            yield request


def _sign(request: httpx.Request, token: str | None) -> None:
    if token:
        request.headers["Authorization"] = f"Bearer {token}"
