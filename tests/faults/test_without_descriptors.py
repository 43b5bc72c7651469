"""A moment in which the server may open no file costs nothing, as a busy kernel may have one."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Server, eventually

from .conftest import Place, answering, evaluating, finished, right_answers, samples

pytestmark = [
    pytest.mark.evaluation,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the files of another process"),
]


@contextmanager
def no_descriptors(server: Server) -> Iterator[None]:
    """Let a server open no file; what is open stays open."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)


def test_a_running_job_is_followed_to_its_end(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(300))["job_id"]
    answering(server, job_id)
    with no_descriptors(server):
        eventually(lambda: "Too many open files" in server.log.read_text())
        time.sleep(1)
    job = finished(server, job_id)
    assert (job["status"], job["attempt"], samples(job)) == ("completed", 1, right_answers(300)), job["error"]


def test_devices_stay_booked(place: Place) -> None:
    one = place.start(state_dir=place.root / "one")
    two = place.start(state_dir=place.root / "two")
    first = one.client.evaluate(**place.request(200))["job_id"]
    answering(one, first)
    second = two.client.evaluate(**place.request(4, delay=0))["job_id"]
    eventually(lambda: "used by job" in two.client.get_job(second)["wait_reason"])
    with no_descriptors(two):
        time.sleep(2.5)
    assert evaluating(two) == []
    assert two.client.get_job(second)["status"] == "queued"
    assert finished(one, first)["status"] == "completed"
    assert finished(two, second)["status"] == "completed"
    assert two.client.health()["notices"] == []
