"""What is too much, too slow or no JSON is refused in a sentence, and costs the server nothing."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from starlette.types import Message, Receive, Scope, Send

from jupyter_lmms_eval.api.bodies import MOST_BYTES, BodyMiddleware
from tests.conftest import Server
from tests.security.raw import request

JSON = "Content-Type: application/json"


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(guarded: Server) -> None:
    answer = request(guarded, "POST /evaluate HTTP/1.1", JSON, f"Content-Length: {MOST_BYTES + 1}")
    assert (answer.status, f"{MOST_BYTES:,} bytes" in answer.detail) == (413, True)
    waits = ("Expect: 100-continue", f"Content-Length: {10**15}")
    assert request(guarded, "POST /evaluate HTTP/1.1", JSON, *waits).status == 413


def test_a_body_in_chunks_is_counted_as_it_comes(guarded: Server) -> None:
    """It says no length: how much it is shows when it is too much."""
    head = f"POST /evaluate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {guarded.token}\r\n{JSON}\r\n"
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", guarded.record.port), timeout=20) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(MOST_BYTES // 0x10000 + 1):
            connection.sendall(chunk)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_without_the_token_no_body_is_even_read(guarded: Server) -> None:
    answer = request(guarded, "POST /evaluate HTTP/1.1", JSON, f"Content-Length: {10**12}", token=False)
    assert answer.status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"model": "dummy", "tasks": ["mme"], "limit": ' + b"9" * 5000 + b"}",
        b'{"model": "dummy", "tasks": ["mme"], "limit": 1e999}',
        b'{"model": "\xff\xfe", "tasks": ["mme"]}',
        b'{"model": "\\ud800", "tasks": ["\\ud800"]}',
        b'{"model": "dummy", "tasks": ["\\u0000"]}',
        b'{"model": "dummy", "model": "other", "tasks": []}',
        b"\xef\xbb\xbf{}",
        b"null",
        b'"text"',
        b"",
        json.dumps({"model": "dummy", "tasks": ["x" * 100_000]}).encode(),
        json.dumps({"model": "dummy", "tasks": ["mme"], "seed": [[[]]], "model_args": {"a": {"b": [None]}}}).encode(),
        json.dumps({"model": "dummy", "tasks": ["mme"], "priority": 10**400}).encode(),
        json.dumps({"model": "dummy", "tasks": ["mme"], "output_dir": "\0"}).encode(),
        json.dumps({"model": "dummy", "tasks": ["\0/a.yaml"], "include_path": "a\0b"}).encode(),
        json.dumps({"model": "dummy", "tasks": ["/" + "a/" * 5000 + "x.yaml"], "include_path": "a" * 5000}).encode(),
    ],
)
def test_no_body_gets_more_than_a_refusal(guarded: Server, body: bytes) -> None:
    answer = request(guarded, "POST /evaluate HTTP/1.1", JSON, f"Content-Length: {len(body)}", body=body)
    assert 400 <= answer.status < 500, answer
    assert len(answer.body) < 1_000_000
    assert isinstance(answer.detail, str)
    assert guarded.client.is_healthy()
    assert "Traceback" not in guarded.log.read_text()


QUERIES = ["limit=0", "limit=10001", "cursor=-1", "since=-1", "wait=1e9", "status=%00", "limit=%ff"]


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_gets_more_than_a_page(guarded: Server, query: str) -> None:
    answer = request(guarded, f"GET /jobs?{query} HTTP/1.1")
    assert answer.status in (200, 422)


def test_a_body_that_stops_does_not_wait_for_ever() -> None:
    sent: list[Message] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await receive()

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-length", b"10"), (b"content-type", b"application/json")],
    }
    with pytest.raises(Exception, match="408"):
        asyncio.run(BodyMiddleware(app, patience=0.05)(scope, never, send))
    assert sent == []
