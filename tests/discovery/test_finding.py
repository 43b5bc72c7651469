"""Real processes, real sockets: which server is alive, and which one is chosen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from jupyter_lmms_eval.discovery import (
    Liveness,
    NoServerRunning,
    find_server,
    known_token,
    process_create_time,
    read_records,
    record_path,
    running_servers,
    write_record,
)
from jupyter_lmms_eval.discovery.liveness import Answer, judge
from jupyter_lmms_eval.protocol.server import ServerRecord

Make = Callable[..., ServerRecord]
Start = Callable[[], "subprocess.Popen[bytes]"]


class Health(ThreadingHTTPServer):
    """Answers everything like ``/health`` of one server."""

    daemon_threads = True

    def __init__(self, server_id: str) -> None:
        self.server_id, self.delay, self.status, self.seen = server_id, 0.0, 200, []
        self.body: bytes | None = None
        self.together: threading.Barrier | None = None
        super().__init__(("127.0.0.1", 0), HealthAnswer)
        self.url = f"http://127.0.0.1:{self.server_port}"


class HealthAnswer(BaseHTTPRequestHandler):
    server: Health

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        time.sleep(self.server.delay)
        if self.server.together is not None:
            self.server.together.wait()
        body = self.server.body or json.dumps({"status": "healthy", "server_id": self.server.server_id}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[str], Health]]:
    servers = []

    def start(server_id: str) -> Health:
        servers.append(Health(server_id))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("lives", "answer", "verdict"),
    [
        (True, Answer.SAME_SERVER, Liveness.ALIVE),
        (True, Answer.NONE, Liveness.BUSY),
        (True, Answer.OTHER_SERVER, Liveness.GONE),
        (False, Answer.SAME_SERVER, Liveness.GONE),
        (False, Answer.OTHER_SERVER, Liveness.GONE),
        (False, Answer.NONE, Liveness.GONE),
    ],
)
def test_the_verdict(lives: bool, answer: Answer, verdict: Liveness) -> None:
    assert judge(lives, answer) is verdict


def test_a_server_that_answers_is_alive(
    make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    health = serve("one")
    write_record(make_record("one", start_process().pid, url=health.url + "/"))
    assert [(server.record.id, server.liveness) for server in running_servers()] == [("one", Liveness.ALIVE)]
    assert health.seen == [("/health", "Bearer secret")]


def test_kill_minus_nine_leaves_no_record(
    make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    process = start_process()
    write_record(make_record("one", process.pid, url=serve("one").url))
    assert len(running_servers()) == 1
    process.send_signal(signal.SIGKILL)
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert process_create_time(process.pid) is None, "a zombie serves nobody"
    assert running_servers() == []
    assert not record_path("one").exists()
    process.wait()
    assert process_create_time(process.pid) is None


def test_a_reused_process_number_is_not_the_server(
    make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    process = start_process()
    born = psutil.Process(process.pid).create_time()
    write_record(make_record("one", process.pid, url=serve("one").url, create_time=born - 5.0))
    assert running_servers() == []
    assert not record_path("one").exists()


def test_a_corrected_clock_does_not_kill_a_server(
    make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    process = start_process()
    born = psutil.Process(process.pid).create_time()
    write_record(make_record("one", process.pid, url=serve("one").url, create_time=born + 0.9))
    assert len(running_servers()) == 1


def test_all_servers_are_asked_at_once(make_record: Make, start_process: Start, serve: Callable[[str], Health]) -> None:
    together = threading.Barrier(3, timeout=20)
    for server_id in ("a", "b", "c"):
        health = serve(server_id)
        health.together = together
        write_record(make_record(server_id, start_process().pid, url=health.url))
    found = running_servers(timeout=60)
    assert not together.broken, "each answers when all have been asked"
    assert [server.liveness for server in found] == [Liveness.ALIVE] * 3


def test_a_slow_silent_or_failing_server_is_busy_not_gone(
    make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    slow, failing = serve("slow"), serve("failing")
    slow.delay, failing.status = 10.0, 503
    for server_id, url in (("slow", slow.url), ("failing", failing.url), ("silent", "http://127.0.0.1:9")):
        write_record(make_record(server_id, start_process().pid, url=url))
    began = time.monotonic()
    found = running_servers(timeout=0.2)
    assert time.monotonic() - began < 5, "nobody is waited for"
    assert {server.record.id for server in found} == {"slow", "failing", "silent"}
    assert {server.liveness for server in found} == {Liveness.BUSY}


@pytest.mark.parametrize("url", ["http://[broken", "nonsense", "http://127.0.0.1:99999"])
def test_a_record_with_a_nonsensical_url_does_not_stop_the_search(
    url: str, make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    write_record(make_record("odd", start_process().pid, url=url))
    write_record(make_record("one", start_process().pid, url=serve("one").url))
    assert "one" in {server.record.id for server in running_servers()}
    assert find_server().record is not None
    assert known_token("http://localhost:1") is None


@pytest.mark.parametrize("body", [b'{"server_id": "other"}', b"<html>", b"[]", b"\xff"])
def test_an_address_taken_by_another_is_not_the_server_but_its_record_stays(
    body: bytes, make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    health = serve("other")
    health.body = body
    write_record(make_record("one", start_process().pid, url=health.url))
    assert running_servers() == []
    assert [record.id for record in read_records()] == ["one"]


def test_the_newest_server_that_answers_is_chosen(
    make_record: Make, start_process: Start, serve: Callable[[str], Health]
) -> None:
    for server_id in ("old", "new"):
        write_record(
            make_record(server_id, start_process().pid, url=serve(server_id).url, token=f"token of {server_id}")
        )
        time.sleep(0.05)
    write_record(make_record("newest-but-busy", start_process().pid))
    address = find_server(timeout=10)
    assert address.record is not None
    assert address.record.id == "new"
    assert address.token == "token of new"
    assert "token of new" not in repr(address)


def test_a_busy_server_is_better_than_none(make_record: Make, start_process: Start) -> None:
    write_record(make_record("busy", start_process().pid))
    assert find_server(timeout=0.2).url == "http://127.0.0.1:9"


def test_no_server_is_a_sentence_that_says_how_to_start_one() -> None:
    with pytest.raises(NoServerRunning) as caught:
        find_server()
    assert str(caught.value) == (
        "No evaluation server is running: start one with `%lmms_eval_server start` in a notebook or "
        "`jupyter lmms-eval serve` in a terminal, or name one with LMMS_EVAL_SERVER."
    )


def test_the_environment_names_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMMS_EVAL_SERVER", "http://gpu-box:8800")
    assert (find_server().url, find_server().token) == ("http://gpu-box:8800", None)
    monkeypatch.setenv("LMMS_EVAL_SERVER_TOKEN", "second")
    assert find_server().token == "second"
    monkeypatch.setenv("LMMS_EVAL_TOKEN", "first")
    assert find_server().token == "first"


def test_the_token_of_an_own_server_is_known_by_its_address(make_record: Make, start_process: Start) -> None:
    process = start_process()
    write_record(make_record("one", process.pid, url="http://127.0.0.1:8800", token="mine"))
    assert known_token("http://localhost:8800/") == "mine"
    assert known_token("http://localhost:8801") is None
    assert known_token("http://elsewhere:8800") is None
    process.kill()
    process.wait()
    assert known_token("http://localhost:8800") is None


def test_finding_servers_needs_nothing_heavy() -> None:
    code = (
        "import sys, jupyter_lmms_eval.discovery as d; d.read_records();"
        "print([m for m in ('fastapi', 'torch', 'lmms_eval', 'httpx', 'uvicorn', 'pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert shown.stdout.strip() == "[]"
