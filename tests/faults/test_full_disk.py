"""On a full disk nothing is half accepted, and nothing that was answered is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from tests.conftest import eventually
from tests.disks import fill

from .conftest import (
    Place,
    answering,
    evaluating,
    finished,
    gone,
    hang,
    right_answers,
    samples,
    use_all_names,
)

# The disk comes first among the arguments: servers on it must end before it goes.
pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


def test_a_submission_is_refused_whole(small_disk: Path, place: Place) -> None:
    server = place.start(state_dir=small_disk / "state")
    server.client.list_tasks()
    ballast = fill(small_disk)
    with pytest.raises(EvalServerError, match="disk of the jobs is full: make room") as refused:
        server.client.evaluate(**place.request(4), idempotency_key="once")
    assert refused.value.status_code == 507
    assert server.client.list_jobs()["jobs"] == []
    assert list((small_disk / "state").glob("jobs/*")) == []
    ballast.unlink()
    # The key was not used up.
    answer = server.client.evaluate(**place.request(4, delay=0), idempotency_key="once")
    assert answer["created"] is True
    assert finished(server, answer["job_id"])["status"] == "completed"


def test_a_running_job_waits_for_room_and_goes_on(small_disk: Path, place: Place) -> None:
    server = place.start(state_dir=small_disk / "state")
    job_id = server.client.evaluate(**place.request(150))["job_id"]
    answering(server, job_id)
    ballast = fill(small_disk)

    def waits() -> bool:
        job = server.client.get_job(job_id)
        return job["status"] == "queued" and "is full" in (job["wait_reason"] or "")

    eventually(waits, patience=60)
    job = server.client.get_job(job_id)
    gone(job)
    assert job["attempts"][0]["cause"] == "disk_full"
    assert any("is full" in notice for notice in server.client.health()["notices"])
    # Who reads the journal meanwhile finds whole lines.
    asked_before = set(place.asked())
    ballast.unlink()
    job = finished(server, job_id)
    assert (job["status"], job["attempt"], samples(job)) == ("completed", 2, right_answers(150))
    assert asked_before
    assert server.client.health()["notices"] == []
    with closing(sqlite3.connect(small_disk / "state" / "jobs.sqlite")) as database:
        (row,) = database.execute("SELECT status FROM job").fetchall()
    assert row == ("completed",)


def test_a_server_killed_on_a_full_disk_loses_nothing(small_disk: Path, place: Place) -> None:
    state_dir = small_disk / "state"
    first = place.start(state_dir=state_dir)
    job_id = first.client.evaluate(**place.request(150))["job_id"]
    job = answering(first, job_id)
    ballast = fill(small_disk)
    eventually(lambda: first.client.get_job(job_id)["status"] == "queued", patience=60)
    first.process.kill()
    first.process.wait()
    gone(job)
    ballast.unlink()
    second = place.start(state_dir=state_dir)
    job = finished(second, job_id)
    assert (job["status"], samples(job)) == ("completed", right_answers(150))


# ------------------------------------------------------------------------------------------- models in memory


def test_a_model_in_memory_is_ended_if_its_next_job_cannot_be_begun(small_disk: Path, place: Place) -> None:
    server = place.start(state_dir=small_disk / "state")
    wanted = place.request(4, delay=0)
    assert finished(server, server.client.evaluate(**wanted)["job_id"])["status"] == "completed"
    hang(server)
    files = use_all_names(small_disk)
    job = finished(server, server.client.evaluate(**wanted)["job_id"])
    assert (job["status"], job["attempts"][0]["cause"]) == ("failed", "disk_full")
    eventually(lambda: evaluating(server) == [])
    for file in files:
        file.unlink()
    assert finished(server, server.client.evaluate(**wanted)["job_id"])["status"] == "completed"
