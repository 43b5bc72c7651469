"""Jobs in every state, and devices."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus


def job(job_id: str, status: str = "queued", *, minutes: float = 0, **fields: Any) -> JobInfo:
    """Make a job that was submitted some minutes ago."""
    request = {"model": "qwen2_5_vl", "tasks": ["mme"]} | fields.pop("request", {})
    return JobInfo(
        job_id=job_id,
        status=JobStatus(status),
        created_at=ago(minutes),
        request=EvaluateRequest.model_validate(request),
        **fields,
    )


_NOW = datetime.now(timezone.utc)


def ago(minutes: float) -> str:
    return (_NOW - timedelta(minutes=minutes)).isoformat()


def metric(**changes: Any) -> dict[str, Any]:
    usual = {"task": "mmmu_val", "metric": "acc", "value": 0.8733, "stderr": 0.0157, "samples": 450}
    return usual | {"higher_is_better": True} | changes


def many_states() -> list[JobInfo]:
    """Make a screen of jobs as a lab would have them."""
    return [
        job(
            "3fa1c2d4-failed",
            "failed",
            minutes=95,
            started_at=ago(94),
            completed_at=ago(92),
            devices=["cuda:3"],
            request={"model": "internvl3", "tasks": ["mathvista_testmini"], "name": "internvl bs 64"},
            failure={
                "cause": "out_of_memory",
                "type": "OutOfMemoryError",
                "message": "CUDA out of memory. Tried to allocate 9.31 GiB.",
                "advice": "Lower batch_size, or use more GPUs.",
            },
        ),
        job(
            "5cc0b9a7-done",
            "completed",
            minutes=70,
            started_at=ago(69),
            completed_at=ago(41),
            devices=["cuda:2"],
            request={"model": "llava_onevision", "tasks": ["mmmu_val", "mme"], "name": "baseline 7B"},
            progress={"phase": "done", "samples_done": 3274, "samples_total": 3274, "errors_logged": 3},
            metrics=[
                metric(value=0.4811, stderr=0.0166, samples=900),
                metric(task="mme", metric="mme_perception_score", value=1580.21, stderr=12.12, samples=2374),
                metric(task="mme", metric="mme_cognition_score", value=418.2, stderr=None, samples=2374),
                metric(task="mmmu_val_art", value=0.6001, stderr=0.0892, samples=30),
            ],
        ),
        job(
            "88ad0f31-cancelled",
            "cancelled",
            minutes=50,
            started_at=ago(40),
            completed_at=ago(39),
            devices=["cuda:3"],
            request={"tasks": ["ocrbench"], "name": "typo in path"},
        ),
        job(
            "9b2d51ff-running",
            "running",
            minutes=30,
            started_at=ago(12.4),
            devices=["cuda:0", "cuda:1"],
            request={"tasks": ["mme", "mmmu_val", "mmstar"], "name": "step 2000", "num_gpus": 2},
            progress={
                "phase": "answering",
                "samples_done": 1312,
                "samples_total": 4774,
                "rate": 12.34,
                "eta_seconds": 281,
            },
        ),
        job(
            "a1b7e0c2-loading",
            "running",
            minutes=20,
            started_at=ago(0.4),
            devices=["cuda:2"],
            request={"model": "llava_onevision", "tasks": ["ocrbench"], "model_args": "pretrained=x"},
            progress={"phase": "loading model"},
        ),
        job(
            "c0ffee12-queued",
            minutes=10,
            wait_reason="needs 4 GPUs, 1 of 4 is free",
            request={"tasks": ["mmmu_val", "mathvista_testmini"], "num_gpus": 4, "name": "step 4000"},
        ),
        job(
            "d00dfeed-evil",
            minutes=5,
            wait_reason="2 jobs before it",
            request={"tasks": ["mme"], "name": "<img src=x onerror=alert(1)>"},
        ),
    ]


def devices() -> list[dict[str, Any]]:
    """Make a machine with four GPUs."""
    used = [62, 61, 31, 1]
    holders = ["9b2d51ff-running", "9b2d51ff-running", "a1b7e0c2-loading", None]
    busy = [0.97, 0.95, 0.12, 0.0]
    return [
        {
            "id": f"cuda:{number}",
            "kind": "cuda",
            "name": "NVIDIA H100 80GB HBM3",
            "memory_total": 85 * 10**9,
            "memory_used": used[number] * 10**9,
            "utilization": busy[number],
            "job_id": holders[number],
            "model": None if holders[number] else "qwen2_5_vl",
        }
        for number in range(4)
    ]
