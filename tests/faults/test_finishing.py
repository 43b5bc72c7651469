"""A job that is told to finish scores what it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from tests.conftest import eventually

from .conftest import Place, answering, finished, gone, kill, right_answers, samples

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


def test_what_is_answered_is_scored_and_marked_partial(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(400))["job_id"]
    answering(server, job_id)
    assert "what is complete is scored" in server.client.cancel_job(job_id, finish=True)["message"]
    assert server.client.get_job(job_id)["finishing"] is True
    job = finished(server, job_id)
    assert (job["status"], job["partial"], job["finishing"]) == ("cancelled", True, False)
    answered = samples(job)
    assert 0 < len(answered) < 400
    assert answered == right_answers(len(answered))
    assert [metric["samples"] for metric in job["metrics"]] == [len(answered)]
    results = server.client.results(job_id)
    assert (results["partial"], results["n_samples"]["digits_read"]["effective"]) == (True, len(answered))
    # Nothing is lost by it: tried again, it asks for the rest.
    server.client.retry_job(job_id)
    job = finished(server, job_id)
    assert (job["status"], job["partial"], samples(job)) == ("completed", False, right_answers(400))
    assert max(place.asked().values()) == 1


def test_a_job_without_an_answer_is_just_cancelled(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(4))["job_id"]
    waiting = server.client.evaluate(**place.request(4))["job_id"]
    for job in (job_id, waiting):
        assert server.client.cancel_job(job, finish=True)["message"] == f"Job {job} cancelled"
        assert server.client.get_job(job)["status"] == "cancelled"
    with pytest.raises(EvalServerError, match="has no results"):
        server.client.results(job_id)


def test_the_wish_outlives_the_server(place: Place) -> None:
    first = place.start()
    job_id = first.client.evaluate(**place.request(400))["job_id"]
    job = answering(first, job_id)
    kill(first)
    gone(job)
    second = place.start()
    second.client.cancel_job(job_id, finish=True)
    asked = sum(place.asked().values())
    job = finished(second, job_id)
    assert (job["status"], job["partial"]) == ("cancelled", True)
    assert 0 < len(samples(job)) <= asked


def test_a_wish_that_only_the_evaluation_heard_of(place: Place) -> None:
    server = place.start()
    ahead = server.client.evaluate(**place.request(60))["job_id"]
    job_id = server.client.evaluate(**place.request(4))["job_id"]
    # As a server leaves it that dies at the wrong moment.
    folder = Path(server.client.get_job(job_id)["job_dir"])
    eventually(folder.is_dir)
    (folder / "finish").touch()
    assert finished(server, ahead)["status"] == "completed"
    job = finished(server, job_id)
    assert (job["status"], job["result"]) == ("cancelled", None)


def test_whoever_does_not_want_to_wait_for_the_scores_cancels_again(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(400))["job_id"]
    answering(server, job_id)
    server.client.cancel_job(job_id, finish=True)
    server.client.cancel_job(job_id)
    job = server.client.get_job(job_id)
    assert job["status"] == "cancelled"
    gone(job)
    assert not Path(job["job_dir"], "spec.json").exists()


def test_old_clients_may_hear_of_a_failure_instead(place: Place) -> None:
    from lmms_eval.entrypoints import EvalClient

    server = place.start("--cancelled-as-failed")
    job_id = server.client.evaluate(**place.request(400))["job_id"]
    server.client.cancel_job(job_id)
    with pytest.raises(RuntimeError, match="The job was cancelled"):
        EvalClient(server.url_with_token).wait_for_job(job_id, poll_interval=0.1, timeout=10, verbose=False)
