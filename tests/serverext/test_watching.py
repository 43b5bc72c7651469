"""Jupyter hears of jobs, and knows whether anything is going on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.serverext.app import LmmsEvalExtension
from jupyter_lmms_eval.serverext.upstream import Upstream
from jupyter_lmms_eval.serverext.watching import JobWatch
from tests.conftest import IMPORTS_NOTHING, Server, eventually
from tests.faults.conftest import PLUGIN
from tests.serverext.conftest import Jupyter, queued, run_jupyter

SCHEMA = "https://events.jupyter.org/jupyter_lmms_eval/job/v1"
Start = Callable[..., Server]


def heard(
    jupyter: Jupyter, act: Callable[[], Any], enough: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """Listen to Jupyter's events while something is done."""

    async def listen() -> list[dict[str, Any]]:
        request = HTTPRequest(
            f"{jupyter.url.replace('http', 'ws', 1)}/api/events/subscribe",
            headers={"Authorization": f"token {jupyter.token}"},
        )
        connection = await websocket_connect(request)
        events: list[dict[str, Any]] = []
        acted = asyncio.ensure_future(asyncio.to_thread(act))
        while not enough(events):
            message = await asyncio.wait_for(connection.read_message(), 60)
            event = json.loads(message)
            if event["schema_id"] == SCHEMA:
                events.append(event)
        await acted
        connection.close()
        return events

    return asyncio.run(listen())


def last_activity(client: httpx.Client) -> datetime:
    return datetime.fromisoformat(
        client.get("/api/status?no_track_activity=1").json()["last_activity"].replace("Z", "+00:00")
    )


def test_a_change_is_told_to_whoever_listens(jupyter: Jupyter, waiting: Server) -> None:
    job = queued(waiting)["job_id"]
    with jupyter.client() as client:
        # Whoever follows has heard of the job when it is cancelled.
        client.get("/lmms-eval/servers")
    eventually(lambda: jupyter.connections_to(waiting.record.port))

    def cancel() -> None:
        waiting.client.cancel_job(job)

    (event,) = heard(jupyter, cancel, lambda events: any(one["job_id"] == job for one in events))
    assert (event["server_id"], event["status"], event["previous_status"]) == (waiting.record.id, "cancelled", "queued")
    assert (event["model"], event["tasks"]) == ("dummy", ["digits_read"])
    assert waiting.token not in json.dumps(event)


def test_looking_again_and_again_is_no_activity(jupyter: Jupyter, way: httpx.Client) -> None:
    with jupyter.client() as client:
        before = last_activity(client)
        for _ in range(3):
            client.get("/lmms-eval/").raise_for_status()
            client.get("/lmms-eval/servers").raise_for_status()
            way.get("jobs").raise_for_status()
            revision = way.get("jobs").json()["revision"]
            way.get("jobs", params={"since": revision, "wait": 0.2}).raise_for_status()
            client.get("/lmms-eval/servers/nothing/jobs")
        assert last_activity(client) == before
        # What a person does is, noted when the answer is on its way.
        assert way.delete("jobs/nothing").status_code == 404
        eventually(lambda: last_activity(client) > before)


def test_a_server_that_does_not_answer_is_asked_again_later_and_jupyter_ends_in_time(
    tmp_path: Path, start_server: Start
) -> None:
    server = start_server(IMPORTS_NOTHING)
    with run_jupyter(tmp_path / "jupyter") as jupyter:
        eventually(lambda: jupyter.connections_to(server.record.port))
        server.process.send_signal(signal.SIGSTOP)
        try:
            jupyter.process.terminate()
            assert jupyter.process.wait(10) is not None
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert "Traceback" not in jupyter.log.read_text()


@pytest.fixture
def troubled(start_server: Start) -> Server:
    """A server whose jobs take as long as is wished."""
    return start_server("--include-path", str(TASKS_DIR), PYTHONPATH=str(PLUGIN), LMMS_EVAL_PLUGINS="troubled_model")


async def activity_seen() -> dict[str, int] | None:
    """What keeps a Jupyter server from ending itself, once it has looked around."""
    extension = LmmsEvalExtension()
    upstream = Upstream()
    extension.watch = JobWatch(upstream, lambda _: None, lambda: None, 0.2, extension.log)
    assert extension.current_activity() is None
    extension.watch.start()
    for _ in range(100):
        if extension.current_activity():
            break
        await asyncio.sleep(0.1)
    seen = extension.current_activity()
    await extension.watch.stop()
    await upstream.close()
    return seen


@pytest.mark.evaluation
def test_a_running_job_is_activity_and_streams_through(jupyter: Jupyter, troubled: Server, tmp_path: Path) -> None:
    request = {
        "model": "troubled",
        "model_args": {"asked": str(tmp_path / "asked"), "delay": 0.1},
        "tasks": ["digits_read"],
        "limit": 400,
    }
    with jupyter.client() as client:
        client.base_url = f"{jupyter.url}/lmms-eval/servers/{troubled.record.id}/"
        eventually(lambda: jupyter.connections_to(troubled.record.port))
        submitted: list[str] = []

        def submit() -> None:
            answer = client.post("evaluate", json=request)
            assert answer.status_code == 200, answer.text
            submitted.append(answer.json()["job_id"])

        events = heard(jupyter, submit, lambda events: any(one["phase"] == "answering" for one in events))
        job = submitted[0]
        assert {one["job_id"] for one in events} == {job}
        assert events[-1]["status"] == "running"
        # A running job counts, though nobody does anything.
        with jupyter.client() as plain:
            first = last_activity(plain)
            eventually(lambda: last_activity(plain) > first, patience=10)
        assert asyncio.run(activity_seen()) == {"running_jobs": 1}
        # It is followed while it runs, until the reader has enough.
        with client.stream("GET", "events") as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data: "))
            done = [json.loads(next(lines)[6:])["progress"]["samples_done"] for _ in range(5)]
        assert done == sorted(done)
        assert done[-1] > done[0]
        cancelled = heard(jupyter, lambda: client.delete(f"jobs/{job}"), lambda events: len(events) > 0)
        assert [(one["status"], one["previous_status"]) for one in cancelled][-1] == ("cancelled", "running")
        # Then it is quiet again.
        with jupyter.client() as plain:

            def quiet() -> bool:
                before = last_activity(plain)
                eventually(lambda: plain.get("/lmms-eval/servers").is_success)
                os.sched_yield()
                return last_activity(plain) == before

            eventually(quiet, patience=10, every=0.5)
