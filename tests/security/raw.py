"""Requests as bytes: what no client of ours would send."""

from __future__ import annotations

import itertools
import json
import socket
import sys
from dataclasses import dataclass
from typing import Any

from tests.conftest import Server


@dataclass
class Answer:
    """The first answer that came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> Any:
        return json.loads(self.body)["detail"]


_addresses = itertools.cycle(range(2, 250))


def another_address() -> str:
    """An address of this machine from which nobody has guessed lately, or the usual one where there is but that."""
    return f"127.0.0.{next(_addresses)}" if sys.platform == "linux" else "127.0.0.1"


def send(server: Server, content: bytes, *, end: bool = False) -> Answer:
    """Send bytes and read the first answer; status 0 if the connection is closed without one."""
    with socket.create_connection(
        ("127.0.0.1", server.record.port), timeout=20, source_address=(another_address(), 0)
    ) as connection:
        connection.sendall(content)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return _read(connection)


def request(
    server: Server, line: str, *headers: str, body: bytes = b"", host: str = "localhost", token: bool = True
) -> Answer:
    """Send a request line, headers as they are written, and a body."""
    given = [line, f"Host: {host}", *([f"Authorization: Bearer {server.token}"] if token else []), *headers]
    return send(server, "\r\n".join([*given, "", ""]).encode("latin-1") + body)


def _read(connection: socket.socket) -> Answer:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            return Answer(0, {}, received)
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")) and (part := connection.recv(65536)):
        body += part
    return Answer(int(first.split()[1]), headers, body)
