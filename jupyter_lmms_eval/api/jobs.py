"""Routes of jobs: submit, list, watch, cancel, logs, results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from ..engine.scheduler import JobScheduler
from ..protocol.jobs import (
    CancelResponse,
    EvaluateRequest,
    JobInfo,
    JobList,
    JobResults,
    JobStatus,
    JobSubmitResponse,
    LogChunk,
)
from ..protocol.server import ErrorResponse
from .dependencies import Scheduler

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(description="The job's id, as the submission answered it")]
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": ErrorResponse, "description": "No such job"}}
FOLLOW_SECONDS = 0.5


@router.post(
    "/evaluate",
    summary="Submit an evaluation",
    responses={
        422: {"model": ErrorResponse, "description": "It cannot work; the sentence says why"},
        503: {"model": ErrorResponse, "description": "The tasks and models could not be listed"},
    },
)
async def submit_evaluation(scheduler: Scheduler, request: EvaluateRequest) -> JobSubmitResponse:
    """Accept an evaluation. When this answers, the job is on disk and will run, whatever happens to the server.

    Names of tasks and models, devices and argument strings are checked first. Fields the server does not know are
    ignored and named in `warnings`.
    """
    info = await scheduler.submit(request)
    position = info.position_in_queue or 0
    return JobSubmitResponse(
        job_id=info.job_id,
        status=JobStatus.QUEUED,
        position_in_queue=position,
        message=f"Job queued successfully. Position in queue: {position}",
        warnings=info.warnings,
    )


@router.get("/jobs", summary="List jobs", responses={422: {"model": ErrorResponse, "description": "Bad filter"}})
async def list_jobs(
    scheduler: Scheduler,
    status: Annotated[list[JobStatus] | None, Query(description="Only jobs in one of these; may be repeated")] = None,
    model: Annotated[str | None, Query(description="Only jobs of this model type")] = None,
    task: Annotated[str | None, Query(description="Only jobs with this task among theirs")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Jobs per page")] = 50,
    cursor: Annotated[int | None, Query(ge=1, description="`next_cursor` of the page before")] = None,
) -> JobList:
    """Return a page of jobs, newest first, those of earlier servers on the same state directory too."""
    return await scheduler.page(statuses=status or (), model=model, task=task, before=cursor, limit=limit)


@router.get("/jobs/{job_id}", summary="Get a job", responses=_NOT_FOUND)
async def get_job(scheduler: Scheduler, job_id: JobId) -> JobInfo:
    """Return a job: status, progress, and when it is over its scores or what went wrong."""
    return await scheduler.get(job_id)


@router.delete(
    "/jobs/{job_id}",
    summary="Cancel a job",
    responses={**_NOT_FOUND, 400: {"model": ErrorResponse, "description": "The job is over"}},
)
async def cancel_job(scheduler: Scheduler, job_id: JobId) -> CancelResponse:
    """Cancel a queued or running job. When this answers, its processes are gone."""
    await scheduler.cancel(job_id)
    return CancelResponse(message=f"Job {job_id} cancelled")


@router.get(
    "/jobs/{job_id}/logs",
    summary="Read a job's log",
    response_model=LogChunk,
    responses={**_NOT_FOUND, 200: {"content": {"text/plain": {}}, "description": "A part, or with follow the stream"}},
)
async def read_logs(
    scheduler: Scheduler,
    job_id: JobId,
    offset: Annotated[int, Query(description="Byte to start at; negative: so many before the end")] = 0,
    follow: Annotated[bool, Query(description="Stream plain text until the job is over")] = False,
) -> LogChunk | StreamingResponse:
    """Return a part of the log as JSON, or with `follow` stream it as plain text."""
    first = await scheduler.log(job_id, offset)
    if not follow:
        return first
    return StreamingResponse(_follow(scheduler, job_id, first), media_type="text/plain; charset=utf-8")


@router.get(
    "/jobs/{job_id}/results",
    summary="Get the results of a job",
    responses={**_NOT_FOUND, 409: {"model": ErrorResponse, "description": "There are none (yet)"}},
)
async def get_results(scheduler: Scheduler, job_id: JobId) -> JobResults:
    """Return the parsed scores of a completed job, its number of samples, and how long each phase took."""
    return await scheduler.results(job_id)


async def _follow(scheduler: JobScheduler, job_id: str, chunk: LogChunk) -> AsyncIterator[str]:
    while True:
        if chunk.text:
            yield chunk.text
        if chunk.complete:
            return
        if not chunk.text:
            await asyncio.sleep(FOLLOW_SECONDS)
        chunk = await scheduler.log(job_id, chunk.next_offset)
