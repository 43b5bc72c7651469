"""The life of jobs on a real server, with real evaluations."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import Server, eventually
from tests.processes import GONE, processes_of
from tests.tasks import write_task

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]
Start = Callable[..., Server]

SMALL: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}, "tasks": ["digits_read"], "limit": 4}


@pytest.fixture
def slow_tasks(tmp_path: Path) -> Path:
    """A folder with a task whose scoring takes a minute."""
    return write_task(tmp_path / "slow", "slow_digits", seconds=60)


def running(server: Server, job_id: str) -> Any:
    job = server.client.get_job(job_id)
    return job["status"] == "running" and len(processes_of(job)) >= 2 and job


def test_accepted_jobs_survive_kill_minus_nine(start_server: Start, slow_tasks: Path, tmp_path: Path) -> None:
    arguments = ("--include-path", str(slow_tasks), "--include-path", str(TASKS_DIR))
    first = start_server(*arguments, state_dir=tmp_path / "state")
    slow = first.client.evaluate(**{**SMALL, "tasks": ["slow_digits"], "limit": 1})["job_id"]
    waiting = first.client.evaluate(**SMALL)["job_id"]
    job = eventually(lambda: running(first, slow))
    assert first.client.get_job(waiting)["wait_reason"] == f"waits for cpu:0: job {slow[:8]} running"

    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    # Nobody orphans a device: the evaluation notices that its server is gone.
    eventually(lambda: not processes_of(job), patience=GONE)

    second = start_server(*arguments, state_dir=tmp_path / "state")
    again = eventually(lambda: running(second, slow))
    assert again["attempt"] == 2
    assert any("starts again" in warning for warning in again["warnings"])
    assert second.client.get_job(waiting)["status"] == "queued"
    second.client.cancel_job(slow)
    assert second.client.wait_for_job(waiting, poll_interval=0.2, verbose=False)["status"] == "completed"


def test_no_rank_outlives_a_killed_server(start_server: Start, slow_tasks: Path) -> None:
    server = start_server("--include-path", str(slow_tasks), "--cpu-slots", "2")
    request = {**SMALL, "tasks": ["slow_digits"], "limit": 2, "num_gpus": 2, "device": "cpu"}
    job_id = server.client.evaluate(**request)["job_id"]
    job = server.client.get_job(job_id)
    eventually(lambda: len(processes_of(job)) == 3)  # two ranks and their supervisor
    eventually(lambda: (server.client.get_job(job_id)["progress"] or {}).get("phase") == "scoring", patience=60)
    server.process.send_signal(signal.SIGKILL)
    eventually(lambda: not processes_of(job), patience=GONE)


def test_a_running_job_is_cancelled_with_all_its_processes(start_server: Start, slow_tasks: Path) -> None:
    server = start_server("--include-path", str(slow_tasks))
    job_id = server.client.evaluate(**{**SMALL, "tasks": ["slow_digits"], "limit": 1})["job_id"]
    job = eventually(lambda: running(server, job_id))
    server.client.cancel_job(job_id)
    assert not processes_of(job)
    assert server.client.get_job(job_id)["status"] == "cancelled"
    assert server.client.devices()[0]["job_id"] is None
    assert server.client.cancel_job(job_id)["message"] == f"Job {job_id} cancelled"  # again: nothing changes


def test_a_job_may_be_cancelled_by_several_at_once(start_server: Start, slow_tasks: Path) -> None:
    server = start_server("--include-path", str(slow_tasks))
    headers = {"Authorization": f"Bearer {server.token}"}
    for _ in range(3):
        job_id = server.client.evaluate(**{**SMALL, "tasks": ["slow_digits"], "limit": 1})["job_id"]
        job = eventually(lambda job_id=job_id: running(server, job_id))
        address = f"{server.url}/jobs/{job_id}"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, to=address: httpx.delete(to, headers=headers, timeout=30), range(8)))
        assert [answer.status_code for answer in answers] == [200] * 8
        assert not processes_of(job)


def test_finished_jobs_leave_memory_not_the_disk(start_server: Start, tmp_path: Path) -> None:
    server = start_server("--include-path", str(TASKS_DIR), "--max-completed-jobs", "1", "--cpu-slots", "2")
    ids = [server.client.evaluate(**SMALL)["job_id"] for _ in range(3)]
    for job_id in ids:
        server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert [server.client.get_job(job_id)["status"] for job_id in ids] == ["completed"] * 3
    for job_id in ids:
        with pytest.raises(EvalServerError, match="already finished"):
            server.client.cancel_job(job_id)
    assert [server.client.results(job_id)["metrics"][0]["metric"] for job_id in ids] == ["exact_match"] * 3
    assert [job["job_id"] for job in server.client.list_jobs()["jobs"]] == ids[::-1]
    page = server.client.list_jobs(limit=2)
    rest = server.client.list_jobs(limit=2, cursor=page["next_cursor"])
    assert [job["job_id"] for job in page["jobs"] + rest["jobs"]] == ids[::-1]


def test_one_key_is_one_job_however_many_ask(start_server: Start) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    server.client.list_tasks()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.client.evaluate(**SMALL, idempotency_key="once"), range(100)))
    assert len({answer["job_id"] for answer in answers}) == 1
    assert len(server.client.list_jobs()["jobs"]) == 1
    assert len(list((server.state_dir / "jobs").iterdir())) == 1
    with pytest.raises(EvalServerError, match="whose request is another; use a new key") as refused:
        server.client.evaluate(**{**SMALL, "limit": 5}, idempotency_key="once")
    assert refused.value.status_code == 409


def test_changes_are_told_once_and_a_retry_runs_again(start_server: Start) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    start = server.client.list_jobs()["revision"]
    job_id = server.client.evaluate(**SMALL)["job_id"]
    seen, statuses = start, []
    while "completed" not in statuses:
        answer = server.client.changed_jobs(seen)
        assert all(job["revision"] > seen for job in answer["jobs"])
        statuses += [job["status"] for job in answer["jobs"] if job["status"] not in statuses[-1:]]
        seen = answer["revision"]
    assert statuses[-2:] == ["running", "completed"]
    assert server.client.changed_jobs(seen)["jobs"] == []

    journal = Path(server.client.get_job(job_id)["job_dir"]) / "journal.jsonl"
    assert len(journal.read_text().splitlines()) == 4
    assert server.client.retry_job(job_id)["status"] == "queued"
    again = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert (again["attempt"], again["status"]) == (2, "completed")
    # The four answers came from the journal.
    assert len(journal.read_text().splitlines()) == 4
    server.client.retry_job(job_id, keep_answers=False)
    server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert {json.loads(line)["attempt"] for line in journal.read_text().splitlines()} == {3}


def test_two_devices_work_as_one_for_a_job_that_asks_for_both(start_server: Start) -> None:
    server = start_server("--include-path", str(TASKS_DIR), "--cpu-slots", "2")
    request = {**SMALL, "limit": 6, "num_gpus": 2, "device": "cpu"}
    job_id = server.client.evaluate(**request)["job_id"]
    job = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert job["devices"] == ["cpu:0", "cpu:1"]
    assert job["progress"]["samples_done"] == 6
    assert server.client.results(job_id)["n_samples"]["digits_read"] == {"original": 450, "effective": 6}


def test_one_process_gets_all_devices_of_a_job_whose_model_is_too_large_for_one(
    start_server: Start, slow_tasks: Path
) -> None:
    server = start_server("--include-path", str(slow_tasks), "--cpu-slots", "2")
    request = {**SMALL, "tasks": ["slow_digits"], "limit": 2, "num_gpus": 2, "one_process": True, "device": "cpu"}
    job_id = server.client.evaluate(**request)["job_id"]
    eventually(lambda: (server.client.get_job(job_id)["progress"] or {}).get("phase") == "scoring", patience=60)
    job = server.client.get_job(job_id)
    assert job["devices"] == ["cpu:0", "cpu:1"]
    assert job["progress"]["samples_done"] == 2
    assert len(processes_of(job)) == 2  # a rank and its supervisor
    server.client.cancel_job(job_id)


def test_a_failure_is_told_with_its_real_exception_and_cause(server: Server) -> None:
    request = {**SMALL, "model": "llava_hf", "model_args": {"pretrained": "/no/such/folder"}}
    job_id = server.client.evaluate(**request)["job_id"]
    job = eventually(lambda: (job := server.client.get_job(job_id))["status"] == "failed" and job, patience=60)
    failure = job["failure"]
    assert failure["cause"] in ("missing_data", "bad_input")
    assert "/no/such/folder" in failure["message"]
    assert failure["traceback"].startswith("Traceback")
    assert failure["log_path"] == str(Path(job["job_dir"]) / "log.txt")
    assert job["error"].startswith(failure["type"])
    with pytest.raises(EvalServerError, match="is failed; it has no results"):
        server.client.results(job_id)


def test_logs_are_read_in_parts_and_followed_to_the_end(server: Server) -> None:
    job_id = server.client.evaluate(**SMALL)["job_id"]
    followed = "".join(server.client.follow_logs(job_id))
    assert "digits_read" in followed
    parts, offset = "", 0
    while not (chunk := server.client.logs(job_id, offset))["complete"]:
        parts, offset = parts + chunk["text"], chunk["next_offset"]
    assert parts + chunk["text"] == followed
    assert "\x1b" not in followed


def test_times_carry_their_zone(server: Server) -> None:
    job_id = server.client.evaluate(**SMALL)["job_id"]
    job = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    times = [job["created_at"], job["started_at"], job["completed_at"], server.client.health()["timestamp"]]
    assert all(time.endswith("+00:00") for time in times)
    assert times == sorted(times)


def test_a_specification_with_secrets_does_not_stay(server: Server) -> None:
    job_id = server.client.evaluate(**{**SMALL, "model_args": {"response": "7", "api_key": "sk-very-secret"}})["job_id"]
    job = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    folder = Path(job["job_dir"])
    assert not (folder / "spec.json").exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(b"sk-very-secret" not in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_health_answers_while_the_catalog_is_built(start_server: Start) -> None:
    server = start_server()
    headers = {"Authorization": f"Bearer {server.token}"}
    with ThreadPoolExecutor(1) as pool, httpx.Client(headers=headers, timeout=30) as http:
        tasks = pool.submit(server.client.list_tasks)
        answered = 0
        while not tasks.done():
            assert http.get(f"{server.url}/health").json()["status"] == "healthy"
            answered += 1
        assert len(tasks.result()) > 1000
    assert answered > 5


def test_a_task_written_a_moment_ago_is_known(start_server: Start, slow_tasks: Path) -> None:
    server = start_server("--include-path", str(slow_tasks))
    assert "new_digits" not in server.client.list_tasks()
    (slow_tasks / "new.yaml").write_text(
        (slow_tasks / "slow_digits.yaml").read_text().replace("task: slow_digits", "task: new_digits")
    )
    job_id = server.client.evaluate(**{**SMALL, "tasks": ["new_digits"]})["job_id"]
    server.client.cancel_job(job_id)
    assert "new_digits" in server.client.list_tasks()


def test_a_task_file_in_an_allowed_folder_may_be_named_by_its_path(start_server: Start, slow_tasks: Path) -> None:
    server = start_server("--include-path", str(slow_tasks))
    job_id = server.client.evaluate(**{**SMALL, "tasks": [str(slow_tasks / "slow_digits.yaml")]})["job_id"]
    assert server.client.get_job(job_id)["request"]["tasks"] == ["slow_digits"]
    server.client.cancel_job(job_id)
