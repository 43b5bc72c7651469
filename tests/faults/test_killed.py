"""Whatever is killed, the job goes on where it was and ends with the same results."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.processes import GONE, processes_of, ranks_of, supervisor_of

from .conftest import (
    Place,
    answering,
    chunk_lost,
    finished,
    gone,
    kill,
    right_answers,
    samples,
    signal_group,
)

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]
LIMIT = 120


def test_server(place: Place) -> None:
    first = place.start()
    job_id = first.client.evaluate(**place.request(LIMIT))["job_id"]
    job = answering(first, job_id)
    kill(first)
    gone(job)
    answered = sum(place.asked().values())
    assert answered < LIMIT

    second = place.start()
    job = finished(second, job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2)
    assert [attempt["ended"] for attempt in job["attempts"]] == ["interrupted", "completed"]
    assert samples(job) == right_answers(LIMIT)
    assert second.client.results(job_id)["n_samples"]["digits_read"]["effective"] == LIMIT
    assert chunk_lost(place.asked(), LIMIT)


def test_server_that_has_not_yet_heard_of_the_end(place: Place) -> None:
    first = place.start()
    job_id = first.client.evaluate(**place.request(160))["job_id"]
    job = answering(first, job_id)
    first.process.send_signal(signal.SIGSTOP)
    eventually(Path(job["job_dir"], "outcome-1-0.json").exists)
    gone(job)
    kill(first)
    second = place.start()
    job = finished(second, job_id)
    # What was done is not done again.
    assert (job["status"], job["attempt"], samples(job)) == ("completed", 1, right_answers(160))
    assert job["progress"]["samples_done"] == 160
    assert max(place.asked().values()) == 1


@pytest.mark.parametrize("whom", ["supervisor", "rank", "one of two ranks", "asked to end by a stranger"])
def test_evaluation(place: Place, whom: str) -> None:
    two = {"num_gpus": 2, "device": "cpu"} if whom == "one of two ranks" else {}
    server = place.start("--cpu-slots", "2")
    job_id = server.client.evaluate(**place.request(LIMIT, **two))["job_id"]
    job = answering(server, job_id)
    if whom == "supervisor":
        supervisor_of(job).kill()
    elif whom == "asked to end by a stranger":
        signal_group(supervisor_of(job).pid, signal.SIGTERM)
    else:
        ranks_of(job)[-1].kill()
    job = finished(server, job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2), job["error"]
    assert [(attempt["ended"], attempt["cause"]) for attempt in job["attempts"]] == [
        ("failed", "crash"),
        ("completed", None),
    ]
    assert "Attempt 1 crashed; trying again" in job["warnings"]
    assert samples(job) == right_answers(LIMIT)
    assert chunk_lost(place.asked(), LIMIT, chunks=2)
    gone(job)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_that_is_told_to_stop_is_gone_after_its_evaluations(place: Place, number: signal.Signals) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(LIMIT))["job_id"]
    job = answering(server, job_id)
    ranks_of(job)[0].suspend()  # it does not end by itself
    assert server.end(number) == 0
    assert not processes_of(job)
    assert "Traceback" not in server.log.read_text()


def test_server_and_supervisor_in_the_same_moment(place: Place) -> None:
    server = place.start("--cpu-slots", "2")
    job_id = server.client.evaluate(**place.request(400, delay=0.4, num_gpus=2, device="cpu"))["job_id"]
    job = answering(server, job_id)
    assert len(ranks_of(job)) == 2
    # Nobody is left who could end the ranks: they must go by themselves.
    supervisor = supervisor_of(job).pid
    server.process.send_signal(signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    kill(server)
    gone(job)


def test_a_group_that_lost_its_supervisor_is_ended_by_the_next_server(place: Place) -> None:
    first = place.start()
    job_id = first.client.evaluate(**place.request(LIMIT))["job_id"]
    job = answering(first, job_id)
    # A stopped process notices nothing of its parent's end.
    supervisor = supervisor_of(job)
    supervisor.suspend()
    kill(first)
    assert processes_of(job)
    second = place.start()
    eventually(lambda: not supervisor.is_running(), patience=GONE)
    job = finished(second, job_id)
    assert (job["status"], samples(job)) == ("completed", right_answers(LIMIT))


def test_a_sample_that_always_kills_is_given_up(place: Place) -> None:
    server = place.start("--crash-retries", "1")
    job_id = server.client.evaluate(**place.request(20, delay=0, trouble="kill", at=10, times=99))["job_id"]
    job = finished(server, job_id)
    # Attempts that get further do not count; chunks of growing size reach the sample by and by.
    assert job["status"] == "failed"
    assert 2 <= job["attempt"] <= 5
    assert job["failure"]["cause"] == "crash"
    assert "SIGKILL" in job["failure"]["type"]
    assert "2 times at the same place" in job["failure"]["advice"]
    # What was answered before is kept, for the time when the trouble is over.
    before = place.asked()[0]
    place.asked_file.write_text('{"doc_id": 10, "pid": 0}\n' * 99)
    server.client.retry_job(job_id)
    job = finished(server, job_id)
    assert (before, job["status"], samples(job)) == (1, "completed", right_answers(20))
    assert 0 not in place.asked()
