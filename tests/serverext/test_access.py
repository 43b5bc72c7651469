"""Who is let in, and that nothing of Jupyter's goes further than Jupyter."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
import pytest

from jupyter_lmms_eval.discovery.identity import ProcessIdentity
from jupyter_lmms_eval.discovery.records import remove_record, write_record
from jupyter_lmms_eval.protocol.server import ServerRecord
from tests.conftest import Server
from tests.serverext.conftest import BASE, Jupyter, queued, run_jupyter

ROUTES = [
    ("GET", "/lmms-eval/"),
    ("GET", "/lmms-eval/servers"),
    ("POST", "/lmms-eval/servers"),
    ("GET", "/lmms-eval/servers/{id}"),
    ("DELETE", "/lmms-eval/servers/{id}"),
    ("GET", "/lmms-eval/servers/{id}/jobs"),
    ("GET", "/lmms-eval/servers/{id}/docs"),
    ("POST", "/lmms-eval/servers/{id}/evaluate"),
    ("DELETE", "/lmms-eval/servers/{id}/jobs/x"),
    ("PATCH", "/lmms-eval/servers/{id}/jobs/x"),
]


@pytest.fixture(scope="module")
def other(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """The Jupyter server of somebody else, at the root, where others may look but do nothing."""
    options = ("--ServerApp.authorizer_class=tests.serverext.denying.LookOnly",)
    with run_jupyter(tmp_path_factory.mktemp("other"), *options, base="") as running:
        yield running


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_gets_in_without_the_token(
    jupyter: Jupyter, other: Jupyter, waiting: Server, method: str, path: str
) -> None:
    path = path.format(id=waiting.record.id)
    with httpx.Client(base_url=jupyter.url) as anonymous:
        tokens = {
            "none": {},
            "wrong": {"Authorization": "token wrong"},
            "of another user": {"Authorization": f"token {other.token}"},
            "of the evaluation server": {"Authorization": f"Bearer {waiting.token}"},
            "empty": {"Authorization": "token"},
        }
        for which, headers in tokens.items():
            answer = anonymous.request(method, path, headers=headers)
            # A person who opens a page is led to the login.
            expected = 302 if path.endswith("/docs") else 403
            assert answer.status_code == expected, which
            assert waiting.record.id not in answer.text
            if expected == 302:
                assert answer.headers["location"].startswith(f"{BASE}/login?next=")


def test_a_page_of_another_origin_is_refused_even_with_the_cookies(jupyter: Jupyter, waiting: Server) -> None:
    with jupyter.browser() as browser:
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"]}
        for method, path in ROUTES:
            address = path.format(id=waiting.record.id)
            answer = browser.request(method, address, headers={"Origin": "https://evil.example", **xsrf})
            assert answer.status_code == 404, (method, path)
            assert "access-control-allow-origin" not in answer.headers


def test_a_name_that_a_page_points_here_leads_nowhere_and_a_person_hears_why(jupyter: Jupyter, waiting: Server) -> None:
    for method, path in ROUTES:
        with jupyter.client(Host=f"evil.example:{jupyter.port}") as client:
            answer = client.request(method, path.format(id=waiting.record.id))
        assert answer.status_code == 403, (method, path)
        assert "does not answer to the name" in answer.json()["detail"]


def test_cookies_alone_change_nothing(jupyter: Jupyter, waiting: Server) -> None:
    job = queued(waiting)["job_id"]
    below = f"/lmms-eval/servers/{waiting.record.id}"
    with jupyter.browser() as browser:
        assert browser.get(f"{below}/jobs").status_code == 200
        for method, path in [
            ("POST", "/lmms-eval/servers"),
            ("DELETE", below),
            ("DELETE", f"{below}/jobs/{job}"),
            ("POST", f"{below}/evaluate"),
        ]:
            answer = browser.request(method, path)
            assert answer.status_code == 403, path
            assert "_xsrf" in answer.json()["message"]
            wrong = browser.request(method, path, headers={"X-XSRFToken": "2|0|0|0"})
            assert wrong.status_code == 403, path
        assert waiting.client.get_job(job)["status"] == "queued"
        # With the token that only pages of this origin can read, it reaches the API.
        answer = browser.post(f"{below}/evaluate", headers={"X-XSRFToken": browser.cookies["_xsrf"]}, json={})
        assert answer.status_code == 422
        assert "model is missing" in answer.json()["detail"]


def test_another_authorizer_decides_verb_by_verb(other: Jupyter, waiting: Server) -> None:
    below = f"/lmms-eval/servers/{waiting.record.id}"
    with other.client() as client:
        # In both orders: what is decided for a question must not stick to a change, nor the other way round.
        for _ in range(2):
            for path in ("/lmms-eval/", "/lmms-eval/servers", below, f"{below}/jobs", f"{below}/docs"):
                assert client.get(path).status_code == 200, path
            for method, path in [(method, path) for method, path in ROUTES if method != "GET"]:
                answer = client.request(method, path.format(id=waiting.record.id))
                assert answer.status_code == 403, path
                assert "not authorized to write on resource: lmms_eval" in answer.json()["message"]


class Parrot(BaseHTTPRequestHandler):
    """Stands where an evaluation server should be, and tells what it hears."""

    heard: ClassVar[list[tuple[str, str, list[tuple[str, str]], bytes]]] = []
    redirect = ""
    status = 200

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.heard.append((self.command, self.path, self.headers.items(), body))
        self.send_response(307 if self.redirect else self.status)
        if self.redirect:
            self.send_header("Location", self.redirect)
        self.send_header("Set-Cookie", "lmms_eval_token_1=secret; Path=/")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "14")
        self.end_headers()
        self.wfile.write(b"<b>anything</b>"[:14])

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def parrot(jupyter: Jupyter) -> Iterator[str]:
    """The id of a recorded server that tells what it hears."""
    Parrot.heard, Parrot.redirect, Parrot.status = [], "", 200
    with ThreadingHTTPServer(("127.0.0.1", 0), Parrot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        identity = ProcessIdentity.of(psutil.Process().pid)
        assert identity is not None
        record = ServerRecord(
            id="parrot",
            pid=identity.pid,
            create_time=psutil.Process().create_time(),
            process_start=identity.start,
            hostname=socket.gethostname(),
            host="127.0.0.1",
            port=server.server_port,
            url=f"http://127.0.0.1:{server.server_port}",
            token="parrots-own",
            state_dir="",
            started_at="",
            version="",
        )
        write_record(record)
        yield "parrot"
        remove_record("parrot")
        server.shutdown()


def asked_of_the_parrot() -> tuple[str, str, dict[str, list[str]], bytes]:
    # Jupyter also asks by itself, for jobs and health; those questions carry no prefix.
    asked = [each for each in Parrot.heard if any(name == "X-Forwarded-Prefix" for name, _ in each[2])]
    method, path, items, body = asked[-1]
    headers: dict[str, list[str]] = {}
    for name, value in items:
        headers.setdefault(name.lower(), []).append(value)
    return method, path, headers, body


def test_only_what_is_needed_arrives(jupyter: Jupyter, parrot: str) -> None:
    with jupyter.browser() as browser:
        answer = browser.post(
            f"/lmms-eval/servers/{parrot}/evaluate?token={jupyter.token}&x=1",
            content=b'{"a": 1}',
            headers={
                "X-XSRFToken": browser.cookies["_xsrf"],
                "Content-Type": "application/json",
                "Idempotency-Key": "once",
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-For": "1.2.3.4",
                "Forwarded": "for=1.2.3.4",
                "Proxy-Authorization": "Basic x",
                "TE": "trailers",
            },
        )
    assert answer.status_code == 200
    method, path, headers, body = asked_of_the_parrot()
    assert (method, path, body) == ("POST", "/evaluate?x=1", b'{"a": 1}')
    assert headers.pop("authorization") == ["Bearer parrots-own"]
    assert headers.pop("x-forwarded-prefix") == [f"{BASE}/lmms-eval/servers/parrot"]
    assert headers.pop("idempotency-key") == ["once"]
    assert headers.pop("host")[0].startswith("127.0.0.1:")
    assert set(headers) == {"accept", "accept-encoding", "content-type", "content-length"}
    assert jupyter.token not in json.dumps(headers)
    # And nothing comes back that the browser would keep, or run.
    assert "set-cookie" not in answer.headers or "lmms_eval_token" not in answer.headers["set-cookie"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_headers_cannot_be_smuggled(jupyter: Jupyter, parrot: str) -> None:
    start = f"POST {BASE}/lmms-eval/servers/parrot/evaluate HTTP/1.1\nHost: 127.0.0.1:{jupyter.port}\n"
    start += f"Authorization: token {jupyter.token}\n"
    # What Connection lists ends here, also if it is something that would pass.
    jupyter.talk(start + "Connection: close, Idempotency-Key\nIdempotency-Key: stolen\nContent-Length: 2\n\n", b"{}")
    assert "idempotency-key" not in asked_of_the_parrot()[2]
    heard = len(Parrot.heard)
    for lines, body in [
        ("Transfer-Encoding: chunked\nTransfer-Encoding: identity\n", b"0\r\n\r\n"),
        ("Transfer-Encoding: chunked, chunked\n", b"0\r\n\r\n"),
        ("Transfer-Encoding: xchunked\n", b"0\r\n\r\n"),
        ("Transfer-Encoding: chunked\nContent-Length: 4\n", b"0\r\n\r\n"),
        ("Content-Length: 2\nContent-Length: 40\n", b"{}"),
        ("Content-Length: +2\n", b"{}"),
        ("X: a\n Authorization: Bearer x\nContent-Length: x\n", b"{}"),
    ]:
        answer = jupyter.talk(start + lines + "\n", body)
        assert b" 200 " not in answer.split(b"\r\n")[0], lines
    own = [each for each in Parrot.heard[heard:] if any(name == "X-Forwarded-Prefix" for name, _ in each[2])]
    assert own == []


def test_a_body_that_is_too_large_is_not_read(jupyter: Jupyter, parrot: str) -> None:
    start = f"POST {BASE}/lmms-eval/servers/parrot/evaluate HTTP/1.1\nHost: 127.0.0.1:{jupyter.port}\n"
    start += f"Authorization: token {jupyter.token}\n"
    answer = jupyter.talk(start + f"Content-Length: {1 << 30}\n\n", b"{")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"at most 1048576 bytes" in answer
    chunk = b"80000\r\n" + b"x" * 0x80000 + b"\r\n"
    answer = jupyter.talk(start + "Transfer-Encoding: chunked\n\n", chunk * 4)
    assert not answer.startswith(b"HTTP/1.1 200")
    assert not [each for each in Parrot.heard if each[0] == "POST"]


def test_redirects_are_not_followed(jupyter: Jupyter, parrot: str) -> None:
    with jupyter.client() as client:
        Parrot.redirect = "http://169.254.169.254/latest"
        answer = client.get(f"/lmms-eval/servers/{parrot}/jobs")
        assert answer.status_code == 502
        assert "elsewhere" in answer.json()["detail"]
        Parrot.redirect = "/jobs/x?y=1"
        answer = client.get(f"/lmms-eval/servers/{parrot}/jobs")
        assert answer.status_code == 307
        assert answer.headers["location"] == f"{BASE}/lmms-eval/servers/parrot/jobs/x?y=1"


def test_another_program_at_the_recorded_address_is_no_server(jupyter: Jupyter, parrot: str) -> None:
    with jupyter.client() as client:
        info = client.get(f"/lmms-eval/servers/{parrot}").json()
    assert info["state"] == "busy"
    assert "another program" in info["message"]


def test_a_server_that_stops_is_not_taken_for_another_program(jupyter: Jupyter, parrot: str) -> None:
    Parrot.status = 503
    with jupyter.client() as client:
        info = client.get(f"/lmms-eval/servers/{parrot}").json()
    assert info["state"] == "busy"
    assert "is stopping" in info["message"]


@pytest.mark.parametrize(
    "server_id",
    [
        "nothing",
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "localhost:22",
        "127.0.0.1",
        "a%00b",
        "x" * 300,
        "%25",
        "%ff",
    ],
)
def test_only_recorded_servers_are_reached(jupyter: Jupyter, waiting: Server, server_id: str) -> None:
    token = f"Authorization: token {jupyter.token}"
    for method, below in [("GET", ""), ("GET", "/jobs"), ("DELETE", "")]:
        address = f"{BASE}/lmms-eval/servers/{server_id}{below}"
        answer = jupyter.talk(f"{method} {address} HTTP/1.1\nHost: localhost:{jupyter.port}\n{token}\n\n")
        status = int(answer.split()[1])
        assert status in (400, 404), answer[:300]
        assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "path", ["jobs/..%2f..%2fhealth", "jobs/%2e%2e/health", "../../health", "jobs%2fx", "//health"]
)
def test_paths_stay_below_the_server(jupyter: Jupyter, parrot: str, path: str) -> None:
    jupyter_lines = f"Host: localhost:{jupyter.port}\nAuthorization: token {jupyter.token}\n\n"
    answer = jupyter.talk(f"GET {BASE}/lmms-eval/servers/{parrot}/{path} HTTP/1.1\n{jupyter_lines}")
    assert int(answer.split()[1]) in (400, 404), answer[:300]
    assert not [each for each in Parrot.heard if any(name == "X-Forwarded-Prefix" for name, _ in each[2])]
