"""Another program holds the database for a while: what happens meanwhile happens all the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import eventually

from .conftest import Place, answering, evaluating, finished, hang, right_answers, samples

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Let nobody else write."""
    with closing(sqlite3.connect(state / "jobs.sqlite", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def stored_status(state: Path, job_id: str) -> str:
    """The status of a job that the next server would find."""
    with closing(sqlite3.connect(state / "jobs.sqlite")) as database:
        ((status,),) = database.execute("SELECT status FROM job WHERE job_id = ?", (job_id,))
    return str(status)


def test_a_job_that_ends_meanwhile_is_completed(place: Place) -> None:
    server, state = place.start(), place.root / "state"
    job_id = server.client.evaluate(**place.request(160))["job_id"]
    answering(server, job_id)
    with held(state):
        job = finished(server, job_id)
        assert (job["status"], job["attempt"], samples(job)) == ("completed", 1, right_answers(160))
        assert stored_status(state, job_id) == "running"
    eventually(lambda: stored_status(state, job_id) == "completed")


@pytest.mark.long
def test_a_job_that_begins_meanwhile_displaces_the_models_in_its_way(place: Place) -> None:
    server = place.start("--cpu-slots", "2")
    finished(server, server.client.evaluate(**place.request(4, delay=0))["job_id"])
    hang(server)
    running = server.client.evaluate(**place.request(160))["job_id"]
    answering(server, running)
    both = server.client.evaluate(**place.request(4, delay=0.001, num_gpus=2, device="cpu"))["job_id"]
    with held(place.root / "state"):
        job = finished(server, both)
    assert (job["status"], samples(job)) == ("completed", right_answers(4)), job["error"]
    eventually(lambda: evaluating(server) == [])


def test_a_job_that_is_cancelled_while_it_is_tried_again_stays_cancelled(place: Place) -> None:
    server, state = place.start(), place.root / "state"
    job_id = server.client.evaluate(**place.request(4, delay=0))["job_id"]
    finished(server, job_id)
    with ThreadPoolExecutor(1) as pool:
        with held(state):
            again = pool.submit(server.client.retry_job, job_id)
            eventually(lambda: server.client.get_job(job_id)["status"] != "completed")
            server.client.cancel_job(job_id)
        again.result()
    assert server.client.get_job(job_id)["status"] == "cancelled"
    eventually(lambda: stored_status(state, job_id) == "cancelled")
    assert server.client.devices()[0]["job_id"] is None
