"""Jobs that wait are put before others, and any job is given another name."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server, eventually
from tests.tasks import write_gated_task

Start = Callable[..., Server]


def patch(server: Server, job_id: str, **changes: Any) -> httpx.Response:
    return httpx.patch(f"{server.url}/jobs/{job_id}", json=changes, headers={"Authorization": f"Bearer {server.token}"})


def test_a_job_overtakes_others_and_stays_there(start_server: Start, tmp_path: Path) -> None:
    first, second, third = waiting_jobs(tmp_path / "state", 3)
    server = start_server(IMPORTS_NOTHING, state_dir=tmp_path / "state")
    since = server.client.list_jobs()["revision"]
    changed = server.client.update(third, priority=5, name="urgent")
    assert (changed["position_in_queue"], changed["request"]["priority"]) == (0, 5)
    assert server.client.get_queue_status()["queued_jobs"] == [third, first, second]
    assert third in [job["job_id"] for job in server.client.changed_jobs(since)["jobs"]]
    server.client.update(first, priority=-1)
    assert server.client.get_queue_status()["queued_jobs"] == [third, second, first]
    server.client.update(third, priority=0)
    assert server.client.get_queue_status()["queued_jobs"] == [second, third, first]

    server.end(signal.SIGKILL)
    again = start_server(IMPORTS_NOTHING, state_dir=tmp_path / "state")
    assert again.client.get_queue_status()["queued_jobs"] == [second, third, first]
    assert again.client.get_job(third)["request"]["name"] == "urgent"


def test_who_has_the_old_order_is_told_the_new_one(start_server: Start, tmp_path: Path) -> None:
    first, second = waiting_jobs(tmp_path / "state", 2)
    server = start_server(IMPORTS_NOTHING, state_dir=tmp_path / "state")
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}) as http:
        paths = ("/queue", "/jobs", f"/jobs/{first}")
        tags = {path: http.get(path).headers["etag"] for path in paths}
        assert {http.get(path, headers={"If-None-Match": tags[path]}).status_code for path in paths} == {304}
        server.client.update(second, priority=1)
        told = {path: http.get(path, headers={"If-None-Match": tags[path]}) for path in paths}
    assert {answer.status_code for answer in told.values()} == {200}
    assert told["/queue"].json()["queued_jobs"] == [second, first]
    assert told[f"/jobs/{first}"].json()["position_in_queue"] == 1


@pytest.mark.evaluation
def test_the_priority_of_a_running_or_finished_job_is_past_and_its_name_is_not(
    start_server: Start, tmp_path: Path
) -> None:
    task = write_gated_task(tmp_path / "tasks")
    folders = ("--include-path", str(task.folder), "--include-path", str(TASKS_DIR))
    server = start_server(*folders, "--cpu-slots", "1", "--max-completed-jobs", "1")
    request = {"model": "dummy", "model_args": {"response": "7"}, "limit": 2}
    running = server.client.evaluate(tasks=["gated_digits"], **request)["job_id"]
    low, high = (server.client.evaluate(tasks=["digits_read"], **request)["job_id"] for _ in range(2))
    eventually(lambda: server.client.get_job(running)["status"] == "running")
    with pytest.raises(EvalServerError, match="only the priority of a queued job") as refused:
        server.client.update(running, priority=3, name="not this either")
    assert refused.value.status_code == 409
    assert server.client.get_job(running)["request"]["name"] is None
    assert server.client.update(running, name="the first")["status"] == "running"
    server.client.update(high, priority=9)
    task.open()
    for job_id in (running, low, high):
        server.client.wait_for_job(job_id, verbose=False)
    started = {job_id: server.client.get_job(job_id)["started_at"] for job_id in (low, high)}
    assert started[high] < started[low]
    # Also of jobs that are no longer in memory.
    for job_id in (running, low, high):
        assert server.client.update(job_id, name=f"done {job_id[:4]}")["request"]["name"] == f"done {job_id[:4]}"
        assert server.client.get_job(job_id)["status"] == "completed"
    with pytest.raises(EvalServerError, match="is completed"):
        server.client.update(low, priority=1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"priority": "high"},
        {"priority": None},
        {"priority": True},
        {"priority": 10**10},
        {"name": "x" * 201},
        {"name": "a\0b"},
        {"limit": 3},
        {"priority": 1, "model": "dummy"},
    ],
)
def test_nothing_else_of_a_job_can_be_changed(server: Server, changes: dict[str, Any]) -> None:
    answer = patch(server, "no-such-job", **changes)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]


def test_a_name_can_be_taken_away(start_server: Start, tmp_path: Path) -> None:
    (job_id,) = waiting_jobs(tmp_path / "state", 1)
    server = start_server(IMPORTS_NOTHING, state_dir=tmp_path / "state")
    server.client.update(job_id, name="mine")
    assert patch(server, job_id, name=None).json()["request"]["name"] is None
    assert patch(server, "no-such-job", name="x").status_code == 404
