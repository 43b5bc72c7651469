"""Take the address before anything starts: a port that is in use is an answer, not a dead server."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

import psutil

from ..discovery.records import read_records


class PortTaken(OSError):
    """The port is in use; the text says by whom."""


class AddressUnusable(OSError):
    """The address cannot be listened on."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Listen on an address.

    Parameters
    ----------
    host
        Name or address. ``localhost`` is taken on IPv4 and IPv6, so that nobody else can answer in our place
        to clients that try the other one first.
    port
        Port; 0 for any free one.

    Returns
    -------
    list of socket
        Bound sockets, all on the same port.

    Raises
    ------
    PortTaken
        If the port is in use.
    AddressUnusable
        If this machine does not have the address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:  # no name has two dots in a row
        why = getattr(error, "strerror", None) or "it is no name"
        raise AddressUnusable(f"Host {host!r} is not known: {why}; use localhost or an address") from None
    bound: list[socket.socket] = []
    try:
        # IPv4 first: a free port is chosen there.
        for family, address in sorted({(entry[0], entry[4][0]) for entry in found}):
            wanted = bound[0].getsockname()[1] if bound else port
            if (listener := _listen(family, str(address), wanted, required=not bound)) is not None:
                bound.append(listener)
    except BaseException:
        for listener in bound:
            listener.close()
        raise
    return bound


def _listen(family: int, address: str, port: int, *, required: bool) -> socket.socket | None:
    listener: socket.socket | None = None
    try:
        # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 40 ms for an ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(2048)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} is in use by {holder(port)}; stop it or choose another --port") from None
        if not required:  # a machine without IPv6 still has localhost
            return None
        raise AddressUnusable(f"Cannot listen on {address} port {port}: {error.strerror}") from None
    return listener


def holder(port: int) -> str:
    """Say who listens on a port, as well as can be told."""
    for record in read_records():
        if record.port == port and psutil.pid_exists(record.pid):
            return f"the evaluation server at {record.url} (pid {record.pid}, since {record.started_at})"
    with suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                if connection.pid is None:
                    return "a program of another user"
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another program"
