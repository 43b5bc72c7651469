"""Whoever asks again and again hears at once what changed, and next to nothing while nothing did."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_lmms_eval.api import events
from jupyter_lmms_eval.engine.ledger import JobLedger
from jupyter_lmms_eval.engine.queueing import JobQueue
from jupyter_lmms_eval.engine.store import JobStore
from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server, eventually, run_server

Start = Callable[..., Server]


@pytest.fixture
def jobs(tmp_path: Path) -> list[str]:
    return waiting_jobs(tmp_path / "state", 5)


@pytest.fixture
def waiting(jobs: list[str], start_server: Start) -> Server:
    """A server with five jobs that wait."""
    server = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    server.client.changed_jobs(0)  # why they wait is news once
    return server


@contextmanager
def asking(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def http(waiting: Server) -> Iterator[httpx.Client]:
    with asking(waiting) as client:
        yield client


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with five jobs that wait, for tests that change none of them."""
    state_dir = tmp_path_factory.mktemp("quiet")
    waiting_jobs(state_dir, 5)
    with run_server(state_dir, IMPORTS_NOTHING, "--cpu-slots", "1") as server:
        server.client.changed_jobs(0)
        yield server


@contextmanager
def soon(action: Callable[[], Any]) -> Iterator[None]:
    """Do something while the test waits for what comes of it."""
    timer = threading.Timer(0.3, action)
    timer.start()
    yield
    timer.join()


# ------------------------------------------------------------------------------------------- waiting for news


def test_a_question_waits_for_the_next_change(waiting: Server, jobs: list[str]) -> None:
    revision = waiting.client.list_jobs()["revision"]
    with soon(lambda: waiting.client.cancel_job(jobs[2])):
        answer = waiting.client.changed_jobs(revision, wait=60)
    assert jobs[2] in [job["job_id"] for job in answer["jobs"] if job["status"] == "cancelled"]
    assert answer["revision"] > revision


def test_a_question_without_news_is_answered_with_the_same_revision(quiet: Server) -> None:
    revision = quiet.client.list_jobs()["revision"]
    answer = quiet.client.changed_jobs(revision, wait=0.2)
    assert (answer["jobs"], answer["revision"]) == ([], revision)


def test_a_revision_of_an_earlier_server_is_answered_at_once(quiet: Server) -> None:
    answer = quiet.client.changed_jobs(10**30, wait=60)
    assert (answer["jobs"], answer["revision"] < 10**30) == ([], True)


@pytest.mark.parametrize("query", ["wait=5", "since=1&wait=0", "since=1&wait=61", "since=1&wait=long"])
def test_a_wait_that_makes_no_sense_is_refused(quiet: Server, query: str) -> None:
    with asking(quiet) as http:
        answer = http.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert "wait" in answer.json()["detail"]


def test_many_clients_wait_and_all_hear(waiting: Server, jobs: list[str]) -> None:
    async def all_hear() -> None:
        limits = httpx.Limits(max_connections=None)
        headers = {"Authorization": f"Bearer {waiting.token}"}
        async with httpx.AsyncClient(base_url=waiting.url, headers=headers, limits=limits, timeout=60) as client:
            revision = (await client.get("/jobs")).json()["revision"]
            query = f"/jobs?since={revision}&wait=60"
            asked = [asyncio.create_task(client.get(query)) for _ in range(200)]
            await asyncio.sleep(0.5)
            assert not any(task.done() for task in asked)
            await client.delete(f"/jobs/{jobs[0]}")
            for answer in await asyncio.gather(*asked):
                assert jobs[0] in [job["job_id"] for job in answer.json()["jobs"]]

    asyncio.run(all_hear())


def test_a_job_is_waited_for_until_its_status_is_another_one(http: httpx.Client, jobs: list[str]) -> None:
    assert http.get(f"/jobs/{jobs[1]}?while=queued&wait=0.2").json()["status"] == "queued"
    assert http.get(f"/jobs/{jobs[1]}?while=running&wait=60").json()["status"] == "queued"
    with soon(lambda: http.delete(f"/jobs/{jobs[1]}")):
        assert http.get(f"/jobs/{jobs[1]}?while=queued&wait=60").json()["status"] == "cancelled"
    assert http.get(f"/jobs/{jobs[1]}?while=cancelled&wait=60").json()["status"] == "cancelled"


def connections(server: Server) -> int:
    """How many programs are connected to a server."""
    found = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED for one in found)


def test_open_questions_and_streams_do_not_keep_a_server_from_stopping(
    waiting: Server, jobs: list[str], http: httpx.Client
) -> None:
    revision = waiting.client.list_jobs()["revision"]
    ends: list[str] = []

    def ask(path: str) -> None:
        try:
            with http.stream("GET", path) as answer:
                answer.read()
            ends.append(f"{answer.status_code}")
        except httpx.HTTPError as error:
            ends.append(repr(error))

    paths = [f"/jobs?since={revision}&wait=60", "/events", f"/jobs/{jobs[0]}?while=queued&wait=60"]
    paths.append(f"/jobs/{jobs[0]}/logs?follow=true")
    asked = [threading.Thread(target=ask, args=[path]) for path in paths]
    for thread in asked:
        thread.start()
    eventually(lambda: connections(waiting) >= len(paths))
    time.sleep(0.5)
    assert ends == []
    assert waiting.end(patience=30) == 0
    for thread in asked:
        thread.join()
    assert sorted(ends) == ["200", "200", "503", "503"], "streams end as if they were complete"
    assert "Traceback" not in waiting.log.read_text()


# ------------------------------------------------------------------------------------------- nothing new


PATHS = ["/jobs", "/jobs?limit=2", "/jobs?status=queued", "/jobs?since=3", "/jobs/{job}", "/queue", "/tasks", "/models"]


@pytest.mark.parametrize("path", PATHS)
def test_what_did_not_change_is_not_sent_again(quiet: Server, path: str) -> None:
    with asking(quiet) as http:
        path = path.format(job=http.get("/queue").json()["queued_jobs"][1])
        first = http.get(path)
        assert first.status_code == 200
        for known in (first.headers["etag"], f'"other", {first.headers["etag"]}', "*"):
            again = http.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
        assert http.get(path, headers={"If-None-Match": 'W/"other"'}).json() == first.json()


def test_an_unchanged_answer_is_a_few_bytes_on_the_wire(quiet: Server) -> None:
    with asking(quiet) as http:
        tag = http.get("/jobs").headers["etag"]
    lines = ["GET /jobs HTTP/1.1", f"Host: localhost:{quiet.record.port}", "Connection: close"]
    lines += [f"Authorization: Bearer {quiet.token}", f"If-None-Match: {tag}"]
    with socket.create_connection(("127.0.0.1", quiet.record.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 304")
    assert len(answer) < 300


def test_what_changed_is_sent(http: httpx.Client, jobs: list[str]) -> None:
    paths = ["/jobs", "/jobs?limit=1", "/jobs?since=3", f"/jobs/{jobs[1]}", "/queue"]
    tags = {path: http.get(path).headers["etag"] for path in paths}
    http.delete(f"/jobs/{jobs[1]}").raise_for_status()
    for path, tag in tags.items():
        again = http.get(path, headers={"If-None-Match": tag})
        assert (path, again.status_code) == (path, 200)
        assert again.headers["etag"] != tag


def test_a_job_that_moves_up_in_the_queue_has_changed(http: httpx.Client, jobs: list[str]) -> None:
    tags = {path: http.get(path).headers["etag"] for path in ("/jobs", f"/jobs/{jobs[4]}")}
    http.delete(f"/jobs/{jobs[0]}").raise_for_status()
    for path, tag in tags.items():
        again = http.get(path, headers={"If-None-Match": tag})
        assert (path, again.status_code) == (path, 200)
        found = again.json()["jobs"][0] if path == "/jobs" else again.json()
        assert (found["job_id"], found["position_in_queue"]) == (jobs[4], 3)


def test_a_tag_of_an_earlier_server_means_nothing_to_the_next(
    waiting: Server, jobs: list[str], http: httpx.Client, start_server: Start
) -> None:
    tags = {path: http.get(path).headers["etag"] for path in ("/jobs", f"/jobs/{jobs[0]}", "/queue")}
    waiting.end()
    second = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    for path, tag in tags.items():
        headers = {"Authorization": f"Bearer {second.token}", "If-None-Match": tag}
        assert httpx.get(second.url + path, headers=headers).status_code == 200


def test_a_job_that_is_missing_is_no_unchanged_one(quiet: Server) -> None:
    with asking(quiet) as http:
        assert http.get("/jobs/nowhere", headers={"If-None-Match": "*"}).status_code == 404


# ------------------------------------------------------------------------------------------- a stream of changes


def read_events(text: Iterator[str], count: int) -> list[dict[str, str]]:
    """Read events off a stream as a browser does."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in text:
        if not line:
            if "data" in fields:
                found.append(fields)
            if len(found) == count:
                return found
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
    return found


def test_every_change_of_a_job_is_an_event(http: httpx.Client, jobs: list[str]) -> None:
    with http.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines).startswith("id: ")
        http.delete(f"/jobs/{jobs[3]}").raise_for_status()
        events = read_events(lines, 1)
    told = json.loads(events[0]["data"])
    assert events[0]["event"] == "job"
    assert (told["job_id"], told["status"]) == (jobs[3], "cancelled")
    assert events[0]["id"] == str(told["revision"])
    assert told == http.get(f"/jobs/{jobs[3]}").json(), "as in the list"


def test_a_reader_that_was_away_hears_of_each_job_once_in_its_present_state(
    http: httpx.Client, jobs: list[str]
) -> None:
    since = http.get("/jobs").json()["revision"]
    for job_id in (jobs[4], jobs[2]):
        http.delete(f"/jobs/{job_id}").raise_for_status()
    with http.stream("GET", "/events", headers={"Last-Event-ID": str(since)}) as stream:
        first = read_events(stream.iter_lines(), 2)
    assert [json.loads(event["data"])["job_id"] for event in first] == [jobs[4], jobs[2]]
    with http.stream("GET", f"/events?since={first[0]['id']}") as stream:
        second = read_events(stream.iter_lines(), 1)
    assert second == first[1:]


def test_a_reader_of_an_earlier_server_is_told_to_begin_anew(quiet: Server) -> None:
    with asking(quiet) as http, http.stream("GET", "/events", headers={"Last-Event-ID": "999999"}) as stream:
        (event,) = read_events(stream.iter_lines(), 1)
    assert event["event"] == "restarted"
    assert json.loads(event["data"]) == {"revision": quiet.client.list_jobs()["revision"]}


def test_silence_is_filled_until_the_server_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.02)

    async def listen() -> list[str]:
        ledger = JobLedger(JobStore(tmp_path / "jobs.sqlite"), JobQueue(["cpu:0"]), 10)
        await ledger.open()
        stream = events._stream(ledger, 0)
        heard = [await anext(stream) for _ in range(3)]
        await ledger.close()
        return heard + [text async for text in stream if text != heard[-1]]

    assert asyncio.run(listen()) == ["id: 0\n\n", ": still here\n\n", ": still here\n\n"]


# ------------------------------------------------------------------------------------------- in little room


def test_long_answers_are_compressed_and_short_ones_are_not(quiet: Server) -> None:
    with asking(quiet) as http:
        tasks = http.get("/tasks")
        assert tasks.headers["content-encoding"] == "gzip"
        assert int(tasks.headers["content-length"]) < len(tasks.content) / 3
        assert "content-encoding" not in http.get("/health").headers
        assert "content-encoding" not in http.get("/tasks", headers={"Accept-Encoding": "identity"}).headers


def test_a_log_that_is_followed_arrives_as_it_grows(http: httpx.Client, jobs: list[str]) -> None:
    log = Path(http.get(f"/jobs/{jobs[0]}").json()["job_dir"]) / "log.txt"
    log.write_text("loading\n")
    with http.stream("GET", f"/jobs/{jobs[0]}/logs?follow=true") as stream:
        pieces = stream.iter_text()
        assert next(pieces) == "loading\n"
        log.open("a").write("answering\n" * 1000)
        assert next(pieces).startswith("answering\n")
        http.delete(f"/jobs/{jobs[0]}").raise_for_status()
        assert set("".join(pieces).split()) <= {"answering"}


def test_the_counts_of_the_queue_follow_every_job(http: httpx.Client, jobs: list[str]) -> None:
    assert http.get("/queue").json()["queued_jobs"] == jobs
    for job_id in jobs[:2]:
        http.delete(f"/jobs/{job_id}").raise_for_status()
    queue = http.get("/queue").json()
    assert (queue["queue_size"], queue["completed_jobs"], queue["failed_jobs"]) == (3, 0, 0)
    assert len(http.get("/jobs?status=cancelled").json()["jobs"]) == 2
    found = http.get("/jobs?status=cancelled&status=queued&limit=4").json()
    assert [job["job_id"] for job in found["jobs"]] == jobs[:0:-1]
    rest = http.get(f"/jobs?status=cancelled&status=queued&cursor={found['next_cursor']}").json()
    assert [job["job_id"] for job in rest["jobs"]] == [jobs[0]]
    assert http.get("/health").json()["queue_size"] == 3
