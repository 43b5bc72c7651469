"""Jobs in every state, and devices."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from jupyter_lmms_eval.protocol.jobs import JobInfo
from tests.client.speaking_server import make_job

NOW = datetime(2026, 11, 22, 10, 5, 3, tzinfo=timezone.utc)


def metric(**changes: Any) -> dict[str, Any]:
    usual = {"task": "digits_read", "metric": "exact_match", "value": 0.8733, "stderr": 0.0157, "samples": 450}
    return usual | {"higher_is_better": True} | changes


QUEUED = make_job(
    "0e1c62aa-1",
    wait_reason="needs 4 GPUs, 2 of 4 are free",
    position_in_queue=1,
    request={"model": "qwen2_5_vl", "tasks": ["mmmu_val", "mathvista_testmini"], "num_gpus": 4},
)
RUNNING = make_job(
    "9b2d51ff-2",
    "running",
    started_at="2026-11-22T10:01:00Z",
    devices=["cuda:0", "cuda:1"],
    request={"model": "qwen2_5_vl", "tasks": ["mme"], "name": "step 2000"},
    progress={
        "phase": "answering",
        "samples_done": 1312,
        "samples_total": 2374,
        "rate": 12.34,
        "eta_seconds": 86,
    },
)
LOADING = make_job(
    "8b2d51ff-2",
    "running",
    started_at="2026-11-22T10:04:51+00:00",
    devices=["cuda:2"],
    request={"model": "llava_onevision", "tasks": ["ocrbench"]},
    progress={"phase": "loading model"},
)
COMPLETED = make_job(
    "6b2d51ff-2",
    "completed",
    started_at="2026-11-22T09:04:51+00:00",
    completed_at="2026-11-22T09:14:51+00:00",
    devices=["cuda:3"],
    request={"model": "internvl2", "tasks": ["digits_read", "digits_mc"]},
    progress={"phase": "done", "samples_done": 900, "samples_total": 900, "errors_logged": 3},
    metrics=[
        metric(),
        metric(task="digits_mc", metric="acc", value=0.5, stderr=None),
        metric(task="mme", metric="mme_score", value=1512.333, stderr=12.1, higher_is_better=None, samples=None),
        metric(task="sub", metric="submission", value=None, stderr=None, higher_is_better=False),
    ],
)
FAILED = make_job(
    "5b2d51ff-2",
    "failed",
    started_at="2026-11-22T09:04:51+00:00",
    completed_at="2026-11-22T09:05:00+00:00",
    error="Traceback:\n x\nOutOfMemoryError: CUDA out of memory",
    request={"model": "internvl2", "tasks": ["digits_read"]},
    failure={
        "cause": "out_of_memory",
        "type": "OutOfMemoryError",
        "message": "CUDA out of memory.\nMore of it.",
        "advice": "Lower --batch_size.",
    },
)
CANCELLED = make_job("4b2d51ff-2", "cancelled")
FINISHING = make_job(
    "3b2d51ff-2",
    "running",
    started_at="2026-11-22T10:01:00Z",
    devices=["cuda:1"],
    finishing=True,
    attempt=2,
    request={"model": "internvl2", "tasks": ["digits_read"], "batch_size": 8},
    progress={"phase": "scoring", "samples_done": 120, "samples_total": 450},
    attempts=[
        {
            "number": 1,
            "started_at": "2026-11-22T10:00:10Z",
            "seconds": 40.2,
            "devices": ["cuda:0"],
            "samples_done": 64,
            "ended": "failed",
            "cause": "out_of_memory",
            "message": "CUDA out of memory. Tried to allocate 9.31 GiB.",
        },
        {"number": 2, "started_at": "2026-11-22T10:01:00Z", "devices": ["cuda:1"], "batch_size": 4},
    ],
)
PARTIAL = make_job(
    "2b2d51ff-2",
    "cancelled",
    started_at="2026-11-22T10:01:00Z",
    completed_at="2026-11-22T10:02:00Z",
    devices=["cuda:1"],
    partial=True,
    request={"model": "internvl2", "tasks": ["digits_read"]},
    progress={"phase": "done", "samples_done": 120, "samples_total": 450},
    metrics=[metric(samples=120)],
)
HUNG = make_job(
    "1b2d51ff-2",
    "failed",
    request={"model": "internvl2", "tasks": ["digits_read"]},
    error="No chunk of samples was finished for 1,800 s",
    failure={
        "cause": "stalled",
        "type": "",
        "message": "No chunk of samples was finished for 1,800 s",
        "advice": "The log shows what each of its threads was doing",
    },
)
EVERY_STATE: list[JobInfo] = [QUEUED, RUNNING, LOADING, COMPLETED, FAILED, CANCELLED]

DEVICES: list[dict[str, Any]] = [
    {
        "id": "cuda:0",
        "kind": "cuda",
        "name": "NVIDIA H100 80GB HBM3",
        "memory_total": 85 * 10**9,
        "memory_used": 62 * 10**9,
        "utilization": 0.97,
        "job_id": "9b2d51ff-2",
    },
    {"id": "cpu:0", "kind": "cpu", "name": "CPU"},
]
HELD_ELSEWHERE: dict[str, Any] = {
    "id": "cuda:1",
    "kind": "cuda",
    "name": "NVIDIA H100 80GB HBM3",
    "held_by": "used by job ab12cd34 of the server with pid 77",
}
