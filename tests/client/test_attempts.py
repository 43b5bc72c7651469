"""The attempts at a job, as a person reads them."""

from __future__ import annotations

from typing import Any

from jupyter_lmms_eval.client.attempts import attempts

from .speaking_server import make_job


def attempt(number: int, ended: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"number": number, "started_at": "2026-11-22T10:00:00Z", "ended": ended, "devices": ["cuda:0"]} | fields


def test_a_job_that_was_tried_again_tells_how_each_attempt_ended_and_why() -> None:
    job = make_job(
        status="running",
        attempt=4,
        attempts=[
            attempt(1, "failed", seconds=12, cause="out_of_memory", message="Tried to allocate 9.31 GiB"),
            attempt(2, "interrupted", seconds=3700, batch_size=4, samples_done=1),
            attempt(3, "failed", seconds=0.2, batch_size=4, samples_done=1200, cause="stalled", message="It hung"),
            attempt(4, batch_size=4, devices=["cuda:0", "cuda:1"]),
        ],
    )
    assert attempts(job) == [
        "Attempt 1 on cuda:0 failed after 0:12, no sample answered (out of memory): Tried to allocate 9.31 GiB",
        "Attempt 2 on cuda:0 with batch size 4 was interrupted after 1:01:40, 1 sample answered: its server ended",
        "Attempt 3 on cuda:0 with batch size 4 failed after 0:01, 1,200 samples answered (stalled): It hung",
        "Attempt 4 on cuda:0,1 with batch size 4 runs",
    ]


def test_the_attempt_that_was_told_to_finish_is_not_called_completed() -> None:
    ended = [attempt(1, "interrupted", samples_done=80), attempt(2, "completed", seconds=5, samples_done=120)]
    early = make_job(status="cancelled", partial=True, attempts=ended)
    assert attempts(early)[-1] == "Attempt 2 on cuda:0 was told to finish early after 0:05, 120 samples answered"
    done = make_job(status="completed", attempts=ended)
    assert attempts(done)[-1] == "Attempt 2 on cuda:0 completed after 0:05, 120 samples answered"


def test_a_single_attempt_is_the_job_itself() -> None:
    assert attempts(make_job(status="failed", attempts=[attempt(1, "failed")])) == attempts(make_job()) == []
