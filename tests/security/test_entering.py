"""Who is not let in: without the token, under another name, from another page, by requests that can be read twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import IMPORTS_NOTHING, Server
from tests.security.raw import another_address, request, send

JOB = json.dumps({"model": "dummy", "tasks": ["mme"]}).encode()


def headers_for(body: bytes, kind: str = "application/json") -> tuple[str, str]:
    return f"Content-Length: {len(body)}", f"Content-Type: {kind}"


@pytest.mark.parametrize("path", ["/health", "/jobs", "/evaluate", "/metrics", "/docs", "/openapi.json", "/nowhere"])
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc=", "Bearer", "Digest x", "é"])
def test_nothing_is_open_without_the_token(guarded: Server, path: str, authorization: str | None) -> None:
    given = [] if authorization is None else [f"Authorization: {authorization}"]
    answer = request(guarded, f"GET {path} HTTP/1.1", *given, token=False)
    assert answer.status == 401
    assert "token" in answer.detail
    assert guarded.token.encode() not in answer.body


@pytest.mark.parametrize("part", [slice(0, -1), slice(1, None), slice(0, 0)])
def test_a_part_of_the_token_is_not_the_token(guarded: Server, part: slice) -> None:
    given = f"Authorization: Bearer {guarded.token[part]}"
    assert request(guarded, "GET /health HTTP/1.1", given, token=False).status == 401
    assert request(guarded, f"GET /docs?token={guarded.token[part]} HTTP/1.1", token=False).status == 401


FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::1].evil", "evil@localhost", "", "a b"]


@pytest.mark.parametrize("host", FOREIGN)
def test_a_web_page_that_points_its_own_name_here_gets_nothing(guarded: Server, host: str) -> None:
    """DNS rebinding: the browser takes this server for the page's own, and adds whatever it has for it."""
    answer = request(guarded, "GET /jobs HTTP/1.1", f"Cookie: lmms_eval_token_{guarded.record.port}=x", host=host)
    assert answer.status in (400, 421)
    assert b"job_id" not in answer.body


def test_the_name_is_told_by_no_other_header(guarded: Server) -> None:
    forwarded = ("X-Forwarded-Host: localhost", "Forwarded: host=localhost", "X-Original-Host: localhost")
    assert request(guarded, "GET /jobs HTTP/1.1", *forwarded, host="evil.example").status == 421
    assert request(guarded, "GET http://localhost/jobs HTTP/1.1", host="evil.example").status == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "https://localhost:1", "file://"]
)
@pytest.mark.parametrize("line", ["POST /evaluate HTTP/1.1", "GET /jobs HTTP/1.1", "DELETE /jobs/x HTTP/1.1"])
def test_a_page_of_another_origin_is_refused_even_with_the_token(guarded: Server, line: str, origin: str) -> None:
    answer = request(guarded, line, f"Origin: {origin}", *headers_for(JOB), body=JOB)
    assert (answer.status, "another origin" in answer.detail) == (403, True)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_elsewhere_can_neither_embed_nor_ask(guarded: Server, site: str) -> None:
    """A page of another port of localhost is of the same site, and gets the cookie sent."""
    for mode in ("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Mode: navigate"):
        assert request(guarded, "GET /jobs HTTP/1.1", f"Sec-Fetch-Site: {site}", mode).status == 403
    link = (f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert request(guarded, "GET /docs HTTP/1.1", *link).status == 200
    assert request(guarded, "DELETE /jobs/x HTTP/1.1", *link).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("path", ["/evaluate", "/merge", "/jobs/00000000-0000-4000-8000-000000000001/retry"])
def test_what_a_form_can_send_submits_nothing(guarded: Server, path: str, kind: str) -> None:
    """A browser sends these three to any address without asking; an old one says no origin."""
    before = guarded.client.list_jobs()["revision"]
    answer = request(guarded, f"POST {path} HTTP/1.1", *headers_for(JOB, kind), body=JOB)
    assert (answer.status, "application/json" in answer.detail) == (415, True)
    without_kind = request(guarded, f"POST {path} HTTP/1.1", f"Content-Length: {len(JOB)}", body=JOB)
    assert without_kind.status == 415
    assert guarded.client.list_jobs()["revision"] == before


@pytest.mark.parametrize(
    "twice",
    [
        ("Host: evil.example",),
        ("Authorization: Bearer wrong",),
        ("Origin: http://localhost", "Origin: http://evil.example"),
        ("Content-Type: application/json", "Content-Type: text/plain", "Content-Length: 0"),
    ],
)
def test_a_header_that_comes_twice_is_refused(guarded: Server, twice: tuple[str, ...]) -> None:
    answer = request(guarded, "GET /jobs HTTP/1.1", *twice)
    assert answer.status == 400
    assert "more than once" in answer.detail


SMUGGLED = b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"POST /evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0",
        b"POST /evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" + SMUGGLED,
        b"POST /evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
        b"POST /evaluate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /evaluate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n X-Folded: yes\r\n\r\n",
        b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nX-Null: a\x00b\r\n\r\n",
        b"GET /jobs\r\n\r\n",
        b"GET jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
        b"\r\n" * 50 + b"nonsense\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_gets_nothing(guarded: Server, content: bytes) -> None:
    answer = send(guarded, content, end=True)
    assert answer.status == 0 or 400 <= answer.status < 500, answer
    assert b"job_id" not in answer.body
    assert guarded.client.is_healthy()
    assert "Traceback" not in guarded.log.read_text()


def test_an_offer_to_change_the_protocol_is_not_taken(guarded: Server) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    assert request(guarded, "GET /events2 HTTP/1.1", *upgrade, token=False).status == 401
    assert request(guarded, "GET /health HTTP/1.1", *upgrade).status == 200
    assert "Traceback" not in guarded.log.read_text()


def test_who_guesses_is_slowed_down_and_nobody_else(guarded: Server) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    way = httpx.HTTPTransport(local_address=another_address())
    with httpx.Client(base_url=f"http://127.0.0.1:{guarded.record.port}", transport=way) as enemy:
        answers = [enemy.get("/health", headers=wrong) for _ in range(21)]
        assert {answer.status_code for answer in answers} == {401}
        began = time.monotonic()
        assert enemy.get("/health", headers=wrong).status_code == 401
        assert time.monotonic() - began >= 1.0
    assert guarded.client.is_healthy(), "from the same address, with the right token"


def test_who_guesses_is_known_by_no_header(start_server: Callable[..., Server]) -> None:
    """Whoever is on this machine could give another address with every guess, as a proxy does."""
    server = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    with httpx.Client(base_url=f"http://127.0.0.1:{server.record.port}") as enemy:
        began = time.monotonic()
        for number in range(22):
            wrong = {"Authorization": "Bearer wrong", "X-Forwarded-For": f"10.0.0.{number}"}
            assert enemy.get("/health", headers=wrong).status_code == 401
        assert time.monotonic() - began >= 1.0


def test_the_link_gives_a_cookie_that_no_script_and_no_other_site_gets(guarded: Server) -> None:
    answer = httpx.get(f"{guarded.url}/docs", params={"token": guarded.token, "x": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs?x=1")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["//evil.example/docs", "/%5cevil.example", "/%0d%0aLocation:%20//evil.example"])
def test_the_link_leads_nowhere_else(guarded: Server, path: str) -> None:
    answer = request(guarded, f"GET {path}?token={guarded.token} HTTP/1.1", token=False)
    assert answer.status == 303
    location = answer.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
