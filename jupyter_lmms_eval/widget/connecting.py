"""Which server a table watches, and clients of it."""

from __future__ import annotations

from collections.abc import Callable

from ..client import EvalClient


def connector(server: EvalClient | str | None, token: str | None, timeout: float) -> Callable[[], EvalClient]:
    """Say how to connect to the server of a table.

    Parameters
    ----------
    server
        A client, a URL, or None for the running server, whichever that is at the time.
    token
        The server's token, for a URL that needs one.
    timeout
        Seconds for a request.

    Returns
    -------
    callable
        Makes a client that nobody else uses.
    """
    if isinstance(server, EvalClient):
        # Its own patience may be endless, and its owner may close it.
        return lambda: sibling(server, timeout)
    return lambda: EvalClient(server, timeout=timeout, token=token)


def sibling(client: EvalClient, timeout: float) -> EvalClient:
    """Make another client of the same server.

    Parameters
    ----------
    client
        The client.
    timeout
        Seconds for a request of the new one.

    Returns
    -------
    EvalClient
        With connections of its own, and with the token of the server that runs there now.
    """
    return EvalClient(client.base_url, timeout=timeout, token=client.credentials.handed_on)
