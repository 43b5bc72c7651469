"""A clock that is set back confuses nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_lmms_eval.discovery import running_servers
from tests.conftest import eventually
from tests.processes import GONE, supervisor_of

from .conftest import PLUGIN, Place, answering, finished, kill, right_answers, samples

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]

SHIFTED_CLOCK = Path(__file__).parent / "shifted_clock"


@pytest.fixture
def clock(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A file that shifts the clock by so many seconds, and the environment in which processes have that clock."""
    file = tmp_path / "clock"
    file.write_text("0")
    return file, {"CLOCK_SHIFT": str(file), "PYTHONPATH": f"{PLUGIN}:{SHIFTED_CLOCK}"}


def test_set_back_while_a_job_runs(place: Place, clock: tuple[Path, dict[str, str]]) -> None:
    file, environment = clock
    server = place.start(**environment)
    before = server.client.health()["timestamp"]
    first = server.client.evaluate(**place.request(250))["job_id"]
    second = server.client.evaluate(**place.request(4, delay=0))["job_id"]
    job = answering(server, first)
    file.write_text("-7200")
    eventually(lambda: server.client.health()["timestamp"] < before)

    third = server.client.evaluate(**place.request(4, delay=0))["job_id"]
    assert server.client.get_queue_status()["queued_jobs"] == [second, third]
    progress = answering(server, first, least=job["progress"]["samples_done"] + 20)["progress"]
    assert progress["rate"] is None or 0 < progress["rate"] < 25
    assert progress["eta_seconds"] is None or 0 < progress["eta_seconds"] < 60
    for job_id, limit in ((first, 250), (second, 4), (third, 4)):
        job = finished(server, job_id)
        assert (job["status"], job["attempt"], samples(job)) == ("completed", 1, right_answers(limit))
        assert job["attempts"][0]["seconds"] > 0
    assert [job["job_id"] for job in server.client.list_jobs()["jobs"]] == [third, second, first]


def test_set_back_between_two_servers(place: Place, clock: tuple[Path, dict[str, str]]) -> None:
    file, environment = clock
    first = place.start(**environment)
    job_id = first.client.evaluate(**place.request(250))["job_id"]
    supervisor = supervisor_of(answering(first, job_id))
    supervisor.suspend()  # it must be found and ended by the next server
    file.write_text("-7200")
    assert first.record.id in [server.record.id for server in running_servers()]
    kill(first)
    second = place.start(**environment)
    eventually(lambda: not supervisor.is_running(), patience=GONE)
    job = finished(second, job_id)
    assert (job["status"], job["attempt"], samples(job)) == ("completed", 2, right_answers(250))
