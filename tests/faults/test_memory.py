"""An evaluation that runs out of memory gets a second chance with half the batch."""

from __future__ import annotations

import pytest

from .conftest import Place, finished, right_answers, samples

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


def test_half_the_batch_fits(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(20, delay=0, batch_size=8, fits=4))["job_id"]
    job = finished(server, job_id)
    assert (job["status"], samples(job)) == ("completed", right_answers(20)), job["error"]
    assert [(attempt["cause"], attempt["batch_size"]) for attempt in job["attempts"]] == [
        ("out_of_memory", None),
        (None, 4),
    ]
    assert "Attempt 1 ran out of memory; trying again with batch_size 4" in job["warnings"]
    assert job["request"]["batch_size"] == 8


def test_nothing_fits(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(20, delay=0, batch_size=8, fits=0))["job_id"]
    job = finished(server, job_id)
    assert (job["status"], job["attempt"], job["failure"]["cause"]) == ("failed", 2, "out_of_memory")
    assert job["failure"]["advice"].startswith("It ran out of memory with batch_size 4 too.")
