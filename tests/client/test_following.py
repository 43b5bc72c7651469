"""Clients that wait for news instead of asking again and again."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.client import AsyncEvalClient, EvalClient, JobCancelled, ServerUnreachable
from jupyter_lmms_eval.client.event_stream import Event, EventStream
from jupyter_lmms_eval.client.waiting import left_to_sleep, next_look
from tests.api.seeding import waiting_jobs
from tests.client.speaking_server import SpeakingServer, make_job
from tests.conftest import IMPORTS_NOTHING, Server
from tests.ports import free_port

Start = Callable[..., Server]
STREAM = 'id: 4\n\n: still here\n\nevent: job\nid: 7\ndata: {"job_id": "ä"}\n\nevent: restarted\nid: 2\ndata: {}\n\n'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_read_in_pieces_of_any_size(size: int) -> None:
    stream = EventStream(None, 60)
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    found = [event for piece in pieces for event in stream.feed(piece)]
    assert found == [Event("job", {"job_id": "ä"}), Event("restarted", {})]
    assert stream.since == 2


def test_half_an_event_is_none_when_the_stream_breaks_off() -> None:
    stream = EventStream(3, 60)
    assert list(stream.feed('event: job\nid: 9\ndata: {"job_')) == []
    stream.broke_off(None)
    assert list(stream.feed('event: job\nid: 9\ndata: {"job_id": "a"}\n\n')) == [Event("job", {"job_id": "a"})]


def test_a_server_that_cannot_keep_an_answer_back_is_asked_after_a_while() -> None:
    ours, theirs = {"status": "queued", "revision": 3}, {"status": "queued"}
    assert next_look("a", theirs, 5) is None
    call = next_look("a", ours, 5)
    assert call is not None
    assert call.params == {"while": "queued", "wait": 5}
    assert call.arguments()["timeout"].read > 5
    assert left_to_sleep(ours, ours, 5, 0.5) == 4.5, "it did not wait, so the client does"
    assert left_to_sleep(ours, {"status": "running"}, 5, 0.5) == 0


def test_a_server_that_knows_no_waiting_is_not_asked_without_end(client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job(status="running", revision=3))
    server.script(job_id, *[{} for _ in range(1000)])
    with pytest.raises(TimeoutError):
        client.wait_for_job(job_id, poll_interval=0.1, timeout=0.5, verbose=False)
    assert len(server.after_get[job_id]) > 980


# ------------------------------------------------------------------------------------------- a real server


def soon(action: Callable[[], Any], seconds: float = 0.5) -> threading.Timer:
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def test_both_clients_hear_of_changes_as_they_happen(start_server: Start, tmp_path: Path) -> None:
    jobs = waiting_jobs(tmp_path / "state", 6)
    server = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    since = server.client.changed_jobs(0)["revision"]

    def cancel(*job_ids: str) -> None:
        with EvalClient(server.url, token=server.token) as other:
            for job_id in job_ids:
                other.cancel_job(job_id)

    timer = soon(lambda: cancel(jobs[0]))
    news = server.client.changed_jobs(since, wait=30)
    timer.join()
    assert jobs[0] in [job["job_id"] for job in news["jobs"]]

    timer = soon(lambda: cancel(jobs[1]))
    with pytest.raises(JobCancelled):
        server.client.wait_for_job(jobs[1], poll_interval=60, verbose=False)
    timer.join()

    timer = soon(lambda: cancel(jobs[2], jobs[3]))
    told = server.client.events(since)
    heard = [next(told)["job_id"] for _ in range(4)]
    timer.join()
    assert heard == jobs[:4]
    told.close()

    async def listen() -> list[str]:
        async with AsyncEvalClient(server.url, token=server.token) as client:
            revision = (await client.list_jobs())["revision"]
            timer = soon(lambda: cancel(jobs[4], jobs[5]))
            asked = asyncio.create_task(client.changed_jobs(revision, wait=30))
            with pytest.raises(JobCancelled):
                await client.wait_for_job(jobs[4], poll_interval=60, verbose=False)
            assert (await asked)["jobs"]
            told = client.events(revision)
            heard = [(await anext(told))["job_id"] for _ in range(2)]
            await told.aclose()
            timer.join()
            return heard

    assert asyncio.run(listen()) == jobs[4:]


def test_a_listener_outlives_the_server_it_listens_to(start_server: Start, tmp_path: Path) -> None:
    jobs = waiting_jobs(tmp_path / "state", 2)
    port = str(free_port())
    first = start_server(IMPORTS_NOTHING, "--cpu-slots", "1", "--port", port)
    told = first.client.events(first.client.changed_jobs(0)["revision"])
    timer = soon(lambda: httpx.delete(f"{first.url_with_token}/jobs/{jobs[0]}"))
    assert next(told)["job_id"] == jobs[0]
    timer.join()
    first.end()
    second = start_server(IMPORTS_NOTHING, "--cpu-slots", "1", "--port", port, f"--token={first.token}")
    httpx.delete(f"{second.url_with_token}/jobs/{jobs[1]}").raise_for_status()
    heard = next(told)
    while heard["status"] != "cancelled":
        heard = next(told)
    assert heard["job_id"] in jobs
    second.end()
    with pytest.raises(ServerUnreachable):
        next(first.client.events())


# ------------------------------------------------------------------------------------------- streams that break off


class Scripted(BaseHTTPRequestHandler):
    """Answers each connection with the next part of a stream, then ends it."""

    parts: list[str]
    asked: list[str | None]

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Last-Event-ID"))
        if not self.parts:
            time.sleep(0.1)
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(self.parts.pop(0).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def scripted() -> Iterator[tuple[str, type[Scripted]]]:
    handler = type("Handler", (Scripted,), {"parts": [], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    server.server_close()


def event(revision: int) -> str:
    return f"event: job\nid: {revision}\ndata: {json.dumps({'revision': revision})}\n\n"


def test_a_stream_that_breaks_off_goes_on_after_the_last_event(
    scripted: tuple[str, type[Scripted]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, server = scripted
    monkeypatch.setattr("jupyter_lmms_eval.client.event_stream._REST_SECONDS", 0.01)
    server.parts += ["id: 3\n\n" + event(5), event(6)[:-4], event(6) + event(8)]
    told = EvalClient(url, token="t").events()
    assert [next(told)["revision"] for _ in range(3)] == [5, 6, 8]
    assert server.asked == [None, "5", "5"]
    with pytest.raises(httpx.HTTPStatusError):
        next(told)
