"""What the buttons do, each in one call that may take its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx
from pydantic import ValidationError

from ..client import EvalClient, wording
from ..protocol.jobs import JobInfo, JobResults
from .rows import score_rows

PATIENCE = 120.0  # seconds: a cancelled job answers when its processes are gone


def cancel(client: EvalClient, job_ids: Sequence[str]) -> dict[str, Any]:
    """Cancel jobs, in this order; returns when their processes are gone."""
    return _each(client.cancel_job, job_ids, "cancelled")


def retry(client: EvalClient, job_ids: Sequence[str]) -> dict[str, Any]:
    """Put finished jobs back into the queue."""
    return _each(client.retry_job, job_ids, "queued again")


def results(client: EvalClient, job_ids: Sequence[str]) -> dict[str, Any]:
    """Read the scores of one completed job, or of one that was told to finish early."""
    job_id = job_ids[0]
    try:
        found = JobResults.model_validate(client.results(job_id))
        # How many samples that were, only the job knows.
        note = wording.partial(JobInfo.model_validate(client.get_job(job_id))) if found.partial else ""
    except (OSError, httpx.HTTPError, ValidationError) as error:
        return {"ok": False, "job_id": job_id, "text": str(error)}
    return {
        "ok": True,
        "job_id": job_id,
        "text": note,
        "scores": score_rows(found.metrics),
        "path": found.results_path,
    }


def free(client: EvalClient, devices: Sequence[str]) -> dict[str, Any]:
    """Take the models out of the memory of devices."""
    try:
        freed = client.free(devices)
    except (OSError, httpx.HTTPError) as error:
        return {"ok": False, "text": f"{', '.join(devices)}: {error}"}
    return {"ok": True, "text": f"{', '.join(freed) or 'Nothing'} was freed."}


ACTIONS: dict[str, Callable[[EvalClient, Sequence[str]], dict[str, Any]]] = {
    "cancel": cancel,
    "retry": retry,
    "results": results,
    "free": free,
}


def _each(call: Callable[[str], object], job_ids: Sequence[str], done: str) -> dict[str, Any]:
    refusals: dict[str, str] = {}
    for job_id in job_ids:
        try:
            call(job_id)
        except (OSError, httpx.HTTPError) as error:
            refusals[job_id] = str(error)
    return {"ok": not refusals, "text": _sentence(job_ids, refusals, done)}


def _sentence(job_ids: Sequence[str], refusals: dict[str, str], done: str) -> str:
    """Say what became of all of it; one reason stands for the others."""
    if len(job_ids) == 1:
        short = job_ids[0][: wording.SHORT_ID]
        return f"Job {short}: {refusals[job_ids[0]]}" if refusals else f"Job {short} is {done}."
    if not refusals:
        return f"{len(job_ids):,} jobs are {done}."
    job_id, reason = next(iter(refusals.items()))
    return (
        f"{len(job_ids) - len(refusals):,} of {len(job_ids):,} jobs are {done}; {job_id[: wording.SHORT_ID]}: {reason}"
    )
