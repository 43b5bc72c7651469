"""An evaluation server's REST API through Jupyter."""

from __future__ import annotations

import gzip
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import httpx
import psutil

from tests.conftest import IMPORTS_NOTHING, Server, eventually
from tests.serverext.conftest import BASE, Jupyter, queued

Start = Callable[..., Server]


def below(jupyter: Jupyter, server: Server) -> str:
    return f"{jupyter.url}/lmms-eval/servers/{server.record.id}"


def test_the_api_answers_as_if_it_were_asked_itself(way: httpx.Client, waiting: Server) -> None:
    assert way.get("health").json()["server_id"] == waiting.record.id
    listed = way.get("jobs", params={"status": ["queued", "running"], "limit": 2}).json()
    assert listed == waiting.client.list_jobs(status=["queued", "running"], limit=2)
    refused = way.post("evaluate", json={"model": "dummy", "tasks": ["no_such_task"]})
    assert refused.status_code in (422, 503)
    assert refused.json()["detail"]
    gone = way.delete("jobs/nothing")
    assert (gone.status_code, gone.json()["detail"]) == (404, "Job nothing not found")


def test_compressed_and_unchanged_answers_pass_as_they_are(way: httpx.Client, waiting: Server) -> None:
    with way.stream("GET", "openapi.json", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(raw)
    assert gzip.decompress(raw).startswith(b'{"openapi"')
    jobs = way.get("jobs")
    tag = jobs.headers["etag"]
    assert tag.startswith('W/"')
    again = way.get("jobs", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert way.get("jobs", headers={"If-None-Match": 'W/"other"'}).status_code == 200
    # /queue too, whose tag depends on the path.
    queue = way.get("queue")
    assert way.get("queue", headers={"If-None-Match": queue.headers["etag"]}).status_code == 304


def test_a_question_is_held_back_longer_than_other_answers_may_take(way: httpx.Client) -> None:
    revision = way.get("jobs").json()["revision"]
    answer = way.get("jobs", params={"since": revision, "wait": 7})  # Jupyter waits for 6 s otherwise
    assert (answer.status_code, answer.json()["jobs"]) == (200, [])


def test_changes_stream_and_a_closed_stream_is_closed_behind_jupyter_too(
    jupyter: Jupyter, way: httpx.Client, waiting: Server
) -> None:
    first, second = (job["job_id"] for job in way.get("jobs", params={"limit": 2, "status": "queued"}).json()["jobs"])
    with way.stream("GET", "events", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith("id: ")
        for job in (first, second):
            way.delete(f"jobs/{job}")
            assert any(job in line and '"cancelled"' in line for line in lines)
    streams = [httpx.Client(headers=way.headers) for _ in range(6)]
    before = jupyter.connections_to(waiting.record.port)
    opened = [client.send(client.build_request("GET", f"{way.base_url}events"), stream=True) for client in streams]
    assert all(answer.status_code == 200 for answer in opened)
    assert jupyter.connections_to(waiting.record.port) >= 6
    for answer, client in zip(opened, streams, strict=True):
        answer.close()
        client.close()
    # Sooner than the stream's next sign of life, which would be noticed anyway.
    eventually(lambda: jupyter.connections_to(waiting.record.port) <= max(before, 2), patience=8)


def test_a_large_log_is_passed_on_without_being_kept(jupyter: Jupyter, way: httpx.Client, waiting: Server) -> None:
    job = queued(waiting)
    waiting.client.cancel_job(job["job_id"])
    line = b"0123456789abcdef" * 63 + b"0123456789abcde\n"
    size = len(line) * (96 << 10)
    with Path(job["job_dir"], "log.txt").open("wb") as log:
        log.writelines(line * (1 << 10) for _ in range(96))
    part = way.get(f"jobs/{job['job_id']}/logs", params={"offset": -len(line)}).json()
    assert (part["text"], part["complete"]) == (line.decode(), True)
    process = psutil.Process(jupyter.process.pid)
    before = process.memory_info().rss
    most = received = 0
    with way.stream("GET", f"jobs/{job['job_id']}/logs", params={"follow": "true"}, timeout=60) as answer:
        time.sleep(1)  # a client that takes nothing: what is read ahead would pile up now
        for piece in answer.iter_raw(1 << 20):
            received += len(piece)
            most = max(most, process.memory_info().rss)
    assert received == size
    assert most - before < 48 << 20


def test_a_server_that_is_stopped_is_busy_and_one_that_is_killed_is_gone(jupyter: Jupyter, start_server: Start) -> None:
    server = start_server(IMPORTS_NOTHING)
    with jupyter.client() as client:
        info = client.get(f"/lmms-eval/servers/{server.record.id}").json()
        assert info["state"] == "alive"
        server.process.send_signal(signal.SIGSTOP)
        try:
            slow = client.get(f"{below(jupyter, server)}/jobs")
            assert slow.status_code == 504
            assert "did not answer within 6 s; it is busy or stopped" in slow.json()["detail"]
            assert client.get(f"/lmms-eval/servers/{server.record.id}").json()["state"] == "busy"
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert client.get(f"{below(jupyter, server)}/jobs").status_code == 200
        server.process.kill()
        server.process.wait()
        gone = client.get(f"{below(jupyter, server)}/jobs")
        assert gone.status_code == 502
        assert "has ended" in gone.json()["detail"]
        info = next(one for one in client.get("/lmms-eval/servers").json()["servers"] if one["id"] == server.record.id)
        assert info["state"] == "gone"
        assert "as if it was killed" in info["message"]
        # Whoever puts it away is told that all is well, once.
        assert client.delete(f"/lmms-eval/servers/{server.record.id}").status_code == 204
        assert client.delete(f"/lmms-eval/servers/{server.record.id}").status_code == 404


def test_a_server_that_dies_within_an_answer_leaves_no_whole_looking_one(jupyter: Jupyter, start_server: Start) -> None:
    server = start_server(IMPORTS_NOTHING)
    with jupyter.client() as client, client.stream("GET", f"{below(jupyter, server)}/events") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        threading.Timer(0.2, os.kill, (server.process.pid, signal.SIGKILL)).start()
        try:
            rest = list(pieces)
        except httpx.RemoteProtocolError:
            rest = None
        assert rest is None
    server.process.wait()


class Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href", "spec-url") and value]


def test_the_pages_load_everything_below_the_server(jupyter: Jupyter, way: httpx.Client, waiting: Server) -> None:
    root = f"{BASE}/lmms-eval/servers/{waiting.record.id}"
    opened = way.get("")
    assert (opened.status_code, opened.headers["location"]) == (302, "docs")
    for name in ("docs", "redoc"):
        page = way.get(name)
        assert page.headers["content-type"].startswith("text/html")
        assert "sandbox" not in page.headers["content-security-policy"]
        parser = Addresses()
        parser.feed(page.text)
        addresses = parser.found + re.findall(r"url: '([^']*)'", page.text)
        assert len(addresses) >= 3
        for address in addresses:
            assert address.startswith(f"{root}/"), address
            assert way.get(httpx.URL(jupyter.url).copy_with(raw_path=address.encode())).status_code == 200, address
    assert way.get("openapi.json").json()["servers"] == [{"url": root}]
    # Who comes by another way sees the addresses of that way.
    direct = httpx.get(f"{waiting.url}/openapi.json", headers={"Authorization": f"Bearer {waiting.token}"})
    assert "servers" not in direct.json()


def test_a_prefix_cannot_break_out_of_the_page(waiting: Server) -> None:
    for prefix in ("/a'+alert(1)+'", "//evil.example", "/a b", "evil.example", '/"><script>', "/a\\b"):
        headers = {"Authorization": f"Bearer {waiting.token}", "X-Forwarded-Prefix": prefix}
        page = httpx.get(f"{waiting.url}/docs", headers=headers).text
        assert "url: '/openapi.json'" in page, prefix
