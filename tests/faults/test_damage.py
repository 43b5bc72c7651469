"""Files that were damaged cost as little as possible, and are never taken for sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_lmms_eval.client.errors import EvalServerError

from .conftest import Place, answering, finished, gone, kill, right_answers, samples

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


def test_the_database(place: Place) -> None:
    first = place.start()
    done = first.client.evaluate(**place.request(4, delay=0), idempotency_key="once")["job_id"]
    finished(first, done)
    running = first.client.evaluate(**place.request(120))["job_id"]
    waiting = first.client.evaluate(**place.request(3, delay=0))["job_id"]
    job = answering(first, running)
    kill(first)
    gone(job)
    database = first.state_dir / "jobs.sqlite"
    database.write_bytes(b"\0" * 4096 + database.read_bytes()[4096:])
    for log in first.state_dir.glob("jobs.sqlite-*"):
        log.unlink()

    second = place.start()
    (notice,) = second.client.health()["notices"]
    assert "3 of 3 jobs were rebuilt" in notice
    assert list(second.state_dir.glob("jobs.sqlite.damaged-*"))
    assert [job["job_id"] for job in second.client.list_jobs()["jobs"]] == [waiting, running, done]
    assert second.client.results(done)["metrics"]
    # Keys are remembered too, and what was under way goes on.
    assert second.client.evaluate(**place.request(4, delay=0), idempotency_key="once")["job_id"] == done
    job = finished(second, running)
    assert (job["status"], job["attempt"], samples(job)) == ("completed", 2, right_answers(120))
    assert finished(second, waiting)["status"] == "completed"


def test_the_journal(place: Place) -> None:
    first = place.start()
    job_id = first.client.evaluate(**place.request(150))["job_id"]
    job = answering(first, job_id, least=20)
    kill(first)
    gone(job)
    journal = Path(job["job_dir"], "journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    # A line overwritten, a line cut, bytes that are no text, and a line that a power cut left half written.
    lines[3] = b"\x00" * len(lines[3])
    lines[7] = lines[7][: len(lines[7]) // 2] + b"\n"
    journal.write_bytes(b"".join(lines) + b'\xff\xfe{"key": "torn')

    second = place.start()
    job = finished(second, job_id)
    assert (job["status"], samples(job)) == ("completed", right_answers(150))
    asked = place.asked()
    again = {doc_id for doc_id, times in asked.items() if times > 1}
    assert {3, 7} <= again
    assert len(again) < 60  # the others came from the journal


def test_results(place: Place) -> None:
    server = place.start()
    job_id = server.client.evaluate(**place.request(6, delay=0))["job_id"]
    job = finished(server, job_id)
    (files,) = job["result"].values()
    results = Path(files["results"])
    results.write_bytes(results.read_bytes()[:100])
    with pytest.raises(EvalServerError, match=r"cannot be read .*; try it again: its answers are kept") as refused:
        server.client.results(job_id)
    assert refused.value.status_code == 410
    server.client.retry_job(job_id)
    assert samples(finished(server, job_id)) == right_answers(6)
    assert server.client.results(job_id)["metrics"]
    assert sum(place.asked().values()) == 6
    # Another run's results in the folder are not taken for this job's.
    outcome = json.loads(Path(job["job_dir"], "outcome-2-0.json").read_text())
    assert "attempt-2" in outcome["results_path"]
