"""Kept HTTP connections that do next to nothing, so that what is measured is the server."""

from __future__ import annotations

import base64
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Parameters
    ----------
    status
        The HTTP status.
    headers
        Lower-case names.
    content
        The body.
    size
        Bytes of head and body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    size: int

    def json(self) -> Any:
        return json.loads(self.content)


def request_bytes(
    url: str, path: str, *, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """Write a request; the password of the address is sent as such."""
    parts = urlsplit(url)
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.hostname}:{parts.port}"]
    if parts.password:
        lines.append("Authorization: Basic " + base64.b64encode(f"any:{parts.password}".encode()).decode())
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


@contextmanager
def probing(url: str, path: str) -> Iterator[list[float]]:
    """Ask for something again and again meanwhile; gives how long each answer took (ms)."""
    times: list[float] = []
    done = threading.Event()

    def probe() -> None:
        with Line(url) as line:
            while not done.is_set():
                began = time.perf_counter()
                line.ask(path)
                times.append((time.perf_counter() - began) * 1000)
                time.sleep(0.01)

    prober = threading.Thread(target=probe)
    prober.start()
    try:
        yield times
    finally:
        done.set()
        prober.join()


class Line:
    """One kept connection.

    Parameters
    ----------
    url
        The server's address.
    timeout
        Seconds that an answer may take.
    """

    def __init__(self, url: str, timeout: float = 300) -> None:
        self.url = url
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, path: str, **how: Any) -> Answer:
        """Ask and wait for the answer.

        Raises
        ------
        RuntimeError
            If the server refuses.
        """
        return self.send(request_bytes(self.url, path, **how))

    def send(self, request: bytes) -> Answer:
        """Send a request written by `request_bytes` and wait for the answer."""
        self.socket.sendall(request)
        while (answer := self.received()) is None:
            pass
        return answer

    def received(self) -> Answer | None:
        """Take in what has come; the answer once it is whole."""
        data = self.socket.recv(_CHUNK)
        if not data:
            raise RuntimeError(f"{self.url} closed the connection")
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *rest = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        status = int(first.split(" ", 2)[1])
        if "transfer-encoding" in headers:
            raise RuntimeError("an answer without a length")
        whole = end + 4 + (0 if status in (204, 304) else int(headers.get("content-length", "0")))
        if len(self._buffer) < whole:
            return None
        content, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
        if status >= 400:
            raise RuntimeError(f"{status} {content[:300]!r}")
        return Answer(status, headers, content, whole)


def time_requests(url: str, request: bytes, count: int, warm_up: int = 20) -> tuple[list[float], Answer]:
    """Ask one after the other; gives milliseconds, and the last answer."""
    times: list[float] = []
    with Line(url) as line:
        for number in range(count + warm_up):
            began = time.perf_counter()
            answer = line.send(request)
            if number >= warm_up:
                times.append((time.perf_counter() - began) * 1000)
    return times, answer


def drive(url: str, request: bytes, connections: int, count: int) -> float:
    """Send a request again and again on several connections, on each the next when the last is answered.

    Parameters
    ----------
    url, request
        Where to, and what.
    connections
        Requests under way at once.
    count
        Requests in all.

    Returns
    -------
    float
        Requests per second.
    """
    lines = [Line(url) for _ in range(connections)]
    selector = selectors.DefaultSelector()
    began = time.perf_counter()
    sent = answered = 0
    for line in lines[:count]:
        selector.register(line.socket, selectors.EVENT_READ, line)
        line.socket.sendall(request)
        sent += 1
    while answered < count:
        for key, _ in selector.select():
            if key.data.received() is None:
                continue
            answered += 1
            if sent < count:
                key.data.socket.sendall(request)
                sent += 1
    took = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return count / took
