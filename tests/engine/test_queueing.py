"""The order of waiting jobs, and what outside keeps them waiting."""

from __future__ import annotations

import time

import pytest

from jupyter_lmms_eval.engine.queueing import Job, JobQueue
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus
from tests.conftest import eventually

SERVER = "used by job ab12cd34 of the server with pid 77"
FULL = "waits for space: 0.1 GiB are free in /jobs"


def job(name: str, seq: int, **needs: object) -> Job:
    request = EvaluateRequest.model_validate({"model": "dummy", "tasks": ["digits_read"], **needs})
    return Job(JobInfo(job_id=name, status=JobStatus.QUEUED, created_at="2026-01-01T00:00:00Z", request=request), seq)


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(["cuda:0", "cuda:1"])


def starts(queue: JobQueue) -> dict[str, tuple[str, ...]]:
    return {starting.id: granted for starting, granted in queue.starting()}


def test_a_job_waits_for_a_blocked_device_until_it_is_given_free(queue: JobQueue) -> None:
    waiting = job("a", 1, device="cuda:0")
    queue.add(waiting)
    assert starts(queue) == {"a": ("cuda:0",)}
    assert queue.block({"cuda:0": SERVER})
    assert starts(queue) == {}
    assert queue.reason(waiting) == f"waits for cuda:0: {SERVER}"
    assert queue.block({})
    assert starts(queue) == {"a": ("cuda:0",)}


def test_a_job_rests_after_a_crash_and_then_starts_by_itself(queue: JobQueue) -> None:
    tired = job("a", 1)
    tired.not_before = time.monotonic() + 0.3
    queue.add(tired)
    queue.add(job("b", 2))
    assert starts(queue) == {"b": ("cuda:0",)}
    assert queue.waits_for_others
    assert queue.reason(tired).startswith("rests a moment")
    eventually(lambda: "a" in starts(queue))
    assert not queue.waits_for_others


def test_nothing_starts_while_the_queue_is_paused(queue: JobQueue) -> None:
    waiting = job("a", 1)
    queue.add(waiting)
    assert queue.pause(FULL)
    assert starts(queue) == {}
    assert queue.reason(waiting) == FULL
    assert queue.pause(None)
    assert starts(queue) == {"a": ("cuda:0",)}


def test_what_is_said_again_changes_nothing(queue: JobQueue) -> None:
    queue.add(job("a", 1))
    assert not queue.block({})
    assert not queue.pause(None)
    queue.block({"cuda:0": SERVER})
    queue.pause(FULL)
    kept = queue._decide()
    assert not queue.block({"cuda:0": SERVER})
    assert not queue.pause(FULL)
    assert queue._decide() is kept
    assert queue.block({"cuda:0": "used by another server"})
    assert queue._decide() is not kept


def test_what_a_caller_does_with_its_reasons_later_does_not_matter(queue: JobQueue) -> None:
    reasons = {"cuda:0": SERVER}
    queue.block(reasons)
    reasons.clear()
    assert queue.blocked == {"cuda:0": SERVER}
    assert queue.block(reasons)


def test_nothing_starts_when_held_and_blocked_devices_are_all_there_are(queue: JobQueue) -> None:
    queue.hold(["cuda:0"], job("running", 1))
    queue.block({"cuda:1": SERVER})
    waiting = job("a", 2)
    queue.add(waiting)
    assert starts(queue) == {}
    assert queue.reason(waiting) == f"waits for a device: job running running, cuda:1 {SERVER}"


def test_a_device_that_is_held_and_blocked_counts_once(queue: JobQueue) -> None:
    queue.hold(["cuda:0"], job("running", 1))
    queue.block({"cuda:0": SERVER, "cuda:7": SERVER})
    queue.add(job("a", 2))
    assert starts(queue) == {"a": ("cuda:1",)}


def test_the_queue_knows_whether_it_waits_for_others(queue: JobQueue) -> None:
    running = job("running", 1)
    assert not queue.waits_for_others
    queue.pause(FULL)
    queue.block({"cuda:0": SERVER})
    assert not queue.waits_for_others  # nobody waits
    queue.add(job("a", 2))
    assert queue.waits_for_others
    queue.pause(None)
    assert queue.waits_for_others
    queue.hold(["cuda:0"], running)
    assert queue.held == {"cuda:0"}
    assert not queue.waits_for_others  # what a job of ours holds is told by its end
    queue.release(running)
    assert queue.waits_for_others
    queue.block({})
    assert not queue.waits_for_others


def test_jobs_whose_reason_changed_are_told(queue: JobQueue) -> None:
    first, second = job("a", 1, device="cuda:0"), job("b", 2, device="cuda:1")
    queue.add(first)
    queue.add(second)
    queue.block({"cuda:0": SERVER})
    assert queue.newly_explained() == [first]
    assert first.wait_reason == f"waits for cuda:0: {SERVER}"
    assert queue.newly_explained() == []
    queue.pause(FULL)
    assert queue.newly_explained() == [first, second]
    queue.pause(None)
    queue.block({})
    assert queue.newly_explained() == [first, second]
    assert first.wait_reason is None


@pytest.mark.parametrize("memory", [1e308, 10**400], ids=["float", "integer"])
def test_a_job_that_wants_more_than_any_gpu_keeps_nobody_waiting(queue: JobQueue, memory: float) -> None:
    """Such a one may be in the database: it was taken once."""
    queue.divide({"cuda:0": 80 << 30, "cuda:1": 80 << 30})
    absurd = job("absurd", 1, gpu_memory=memory)
    queue.add(absurd)
    queue.add(job("usual", 2, gpu_memory=20))
    assert starts(queue) == {"usual": ("cuda:0",)}
    assert "of a GPU, the largest has 80.0 GiB for jobs" in queue.reason(absurd)


def test_a_job_for_a_part_of_a_gpu_is_looked_after_until_there_is_room(queue: JobQueue) -> None:
    queue.divide({"cuda:0": 20 << 30, "cuda:1": 20 << 30})
    large = job("a", 1, gpu_memory=60)
    queue.add(large)
    assert starts(queue) == {}
    assert queue.waits_for_others, "nobody tells when another program leaves the GPU"
    queue.divide({"cuda:0": 80 << 30, "cuda:1": 20 << 30})
    assert starts(queue) == {"a": ("cuda:0",)}
