"""An evaluation that hangs is noticed, says where, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import ranks_of, supervisor_of

from .conftest import Place, answering, finished, gone, right_answers, samples

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]
IMPATIENT = ("--stall-seconds", "8", "--stall-factor", "3")


def test_a_model_that_never_answers(place: Place) -> None:
    server = place.start(*IMPATIENT)
    job_id = server.client.evaluate(**place.request(60, trouble="hang", at=40))["job_id"]
    job = finished(server, job_id)
    assert (job["status"], job["attempt"], samples(job)) == ("completed", 2, right_answers(60))
    first = job["attempts"][0]
    assert (first["ended"], first["cause"]) == ("failed", "stalled")
    assert first["message"].startswith("No chunk of samples was finished for")
    # The log tells where it hung.
    assert "never_answers" in Path(job["job_dir"], "log.txt").read_text()


@pytest.mark.parametrize("whom", ["rank", "supervisor"])
def test_a_stopped_process(place: Place, whom: str) -> None:
    server = place.start(*IMPATIENT)
    job_id = server.client.evaluate(**place.request(200))["job_id"]
    job = answering(server, job_id)
    (ranks_of(job)[0] if whom == "rank" else supervisor_of(job)).suspend()
    job = finished(server, job_id)
    assert (job["status"], samples(job)) == ("completed", right_answers(200))
    gone(job)


@pytest.mark.long
def test_a_job_that_takes_longer_than_it_may(place: Place) -> None:
    server = place.start()
    # Time counts from the start of the process, which alone can take ten seconds on a busy machine.
    job_id = server.client.evaluate(**place.request(400, delay=0.2, timeout=25))["job_id"]
    job = finished(server, job_id)
    assert (job["status"], job["attempt"], job["failure"]["cause"]) == ("failed", 1, "timeout")
    assert "longer timeout" in job["failure"]["advice"]
    gone(job)
    answered = len(place.asked())
    assert answered
    # Its answers are kept: tried again it gets further.
    server.client.retry_job(job_id)
    again = finished(server, job_id)
    assert again["failure"]["cause"] == "timeout"
    assert len(place.asked()) > answered
