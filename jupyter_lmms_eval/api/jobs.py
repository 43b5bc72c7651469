"""Routes of jobs: submit, list, watch, cancel, logs, results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request
from fastapi.responses import StreamingResponse

from ..engine.scheduler import JobScheduler
from ..protocol.jobs import (
    LARGEST,
    CancelMode,
    CancelResponse,
    EvaluateRequest,
    JobInfo,
    JobList,
    JobResults,
    JobStatus,
    JobSubmitResponse,
    LogChunk,
    RetryRequest,
    UpdateRequest,
)
from ..protocol.server import ErrorResponse
from .caching import UNCHANGED, Fresh
from .dependencies import Ledger, Scheduler
from .ending import STREAMED
from .links import link, links, links_to_job

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(description="The job's id, as the submission answered it")]
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": ErrorResponse, "description": "No such job"}}
FOLLOW_SECONDS = 0.5
# Of more jobs the rest is told to who asks on: an answer is made and sent at once.
MOST_CHANGES = 1000
# Longer than proxies and clients bear silence is no use.
Wait = Annotated[float | None, Query(gt=0, le=60, description="Seconds to wait for news before this answers")]


@router.post(
    "/evaluate",
    summary="Submit an evaluation",
    responses={
        **links_to_job("$response.body#/job_id", "$response.body#/status"),
        409: {"model": ErrorResponse, "description": "The idempotency key belongs to another request"},
        422: {"model": ErrorResponse, "description": "It cannot work; the sentence says why"},
        429: {"model": ErrorResponse, "description": "Too many jobs wait"},
        503: {
            "model": ErrorResponse,
            "description": "The tasks and models could not be listed, or another program holds the database",
        },
        507: {"model": ErrorResponse, "description": "The disk, or the jobs' share of it, is full; nothing was kept"},
    },
)
async def submit_evaluation(
    scheduler: Scheduler,
    request: EvaluateRequest,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=255, description="Submitting again with the same key answers the first job"),
    ] = None,
) -> JobSubmitResponse:
    """Accept an evaluation. When this answers, the job is on disk and will run, whatever happens to the server.

    Names of tasks and models, devices and argument strings are checked first. Fields the server does not know are
    ignored and named in `warnings`.
    """
    accepted = await scheduler.submit(request, idempotency_key)
    info = accepted.info
    position = info.position_in_queue or 0
    queued = f"Job queued successfully. Position in queue: {position}"
    return JobSubmitResponse(
        job_id=info.job_id,
        # A new job is queued, as lmms-eval says it, even if it starts in this moment.
        status=JobStatus.QUEUED if accepted.new else info.status,
        position_in_queue=position,
        message=queued if accepted.new else f"Job was submitted before with this key and is {info.status.value}",
        warnings=info.warnings,
        created=accepted.new,
    )


@router.get(
    "/jobs",
    summary="List jobs",
    responses={
        **links(
            next_page=link("list_jobs", cursor="$response.body#/next_cursor"),
            list_changes=link("list_jobs", since="$response.body#/revision"),
            get_job=link("get_job", job_id="$response.body#/jobs/0/job_id"),
        ),
        **UNCHANGED,
        422: {"model": ErrorResponse, "description": "Bad filter"},
    },
)
async def list_jobs(
    ledger: Ledger,
    fresh: Fresh,
    status: Annotated[list[JobStatus] | None, Query(description="Only jobs in one of these; may be repeated")] = None,
    model: Annotated[str | None, Query(description="Only jobs of this model type")] = None,
    task: Annotated[str | None, Query(description="Only jobs with this task among theirs")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Jobs per page")] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST, description="`next_cursor` of the page before")] = None,
    since: Annotated[
        int | None,
        Query(ge=0, description="Only jobs that changed after this `revision`, the earliest first; no other filter"),
    ] = None,
    wait: Wait = None,
) -> JobList:
    """Return a page of jobs, newest first, those of earlier servers on the same state directory too.

    With `since`, return what changed after an earlier answer's `revision`, about a thousand jobs at once: go on from
    the answer's `revision`. An answer with a lower revision comes from
    a restarted server, which counts anew: list the jobs again. With `wait` too, answer as soon as there is a change;
    without one, after so many seconds, with no jobs and the revision to ask for next.
    """
    if wait is not None:
        if since is None:
            raise HTTPException(422, "wait: give since too, the revision after which a change is news")
        return await ledger.news(since, wait, most=MOST_CHANGES)
    fresh.check(ledger.tag())
    if since is not None:
        return await ledger.changes(since, most=MOST_CHANGES)
    return await ledger.page(statuses=status or (), model=model, task=task, before=cursor, limit=limit)


@router.get(
    "/jobs/{job_id}",
    summary="Get a job",
    responses={
        **links_to_job("$response.body#/job_id", "$response.body#/status"),
        **UNCHANGED,
        **_NOT_FOUND,
    },
)
async def get_job(
    request: Request,
    ledger: Ledger,
    fresh: Fresh,
    job_id: JobId,
    while_status: Annotated[
        JobStatus | None, Query(alias="while", description="With `wait`: answer as soon as the status is another one")
    ] = None,
    wait: Wait = None,
) -> JobInfo:
    """Return a job: status, progress, and when it is over its scores or what went wrong.

    With `while` and `wait`, answer when its status is no longer that one, or after so many seconds.

    A server started with `--cancelled-as-failed` says `failed` of a cancelled job here, for clients that know no
    other end and would wait forever.
    """
    if wait is not None and while_status is not None:
        info = await ledger.other_status(job_id, while_status, wait)
    else:
        if fresh.known is not None and (tag := await ledger.current_tag(job_id)) is not None:
            fresh.check(tag)
        info = await ledger.get(job_id)
    fresh.check(ledger.job_tag(info))
    if info.status is JobStatus.CANCELLED and request.app.state.server_args.cancelled_as_failed:
        return info.model_copy(update={"status": JobStatus.FAILED, "error": "The job was cancelled"})
    return info


@router.delete(
    "/jobs/{job_id}",
    summary="Cancel a job",
    responses={
        **links_to_job("$request.path.job_id"),
        **_NOT_FOUND,
        400: {"model": ErrorResponse, "description": "The job is over"},
        507: {"model": ErrorResponse, "description": "The disk is full"},
    },
)
async def cancel_job(
    scheduler: Scheduler,
    job_id: JobId,
    mode: Annotated[
        CancelMode,
        Query(description="`abort` ends it now; `finish` scores the samples that are answered, then ends it"),
    ] = CancelMode.ABORT,
) -> CancelResponse:
    """Cancel a queued or running job; cancelling a cancelled one changes nothing.

    With `abort` its processes are gone when this answers. With `finish` this answers at once; the job answers no
    more, and ends as `cancelled` with `partial` scores. A job without an answer is just cancelled.
    """
    if mode is CancelMode.ABORT:
        await scheduler.cancel(job_id)
        return CancelResponse(message=f"Job {job_id} cancelled")
    info = await scheduler.finish_early(job_id)
    scoring = "answers no more; what is complete is scored"
    return CancelResponse(message=f"Job {job_id} {scoring if info.finishing else 'cancelled'}")


@router.patch(
    "/jobs/{job_id}",
    summary="Change a job's priority or name",
    responses={
        **_NOT_FOUND,
        409: {"model": ErrorResponse, "description": "Its priority counts no more, as it is not queued"},
    },
)
async def update_job(scheduler: Scheduler, job_id: JobId, changes: UpdateRequest) -> JobInfo:
    """Give a queued job another priority, or any job another name.

    When this answers the change is on disk, and the positions in the queue are the new ones. All of it is done, or
    nothing.
    """
    return await scheduler.update(job_id, changes)


@router.post(
    "/jobs/{job_id}/retry",
    summary="Try a job again",
    responses={
        **links_to_job("$response.body#/job_id", "$response.body#/status"),
        **_NOT_FOUND,
        409: {"model": ErrorResponse, "description": "The job waits or runs"},
        422: {"model": ErrorResponse, "description": "It had secrets that are not given again"},
        429: {"model": ErrorResponse, "description": "Too many jobs wait"},
        507: {"model": ErrorResponse, "description": "The disk is full"},
    },
)
async def retry_job(
    scheduler: Scheduler,
    job_id: JobId,
    keep_answers: Annotated[bool, Query(description="Whether samples answered before count")] = True,
    given: RetryRequest | None = None,
) -> JobInfo:
    """Put a finished job back into the queue, under its id and with its next attempt.

    The secrets of a job are deleted when it ends. If it had any, the body gives the fields that held them again, as
    they were submitted; the secrets may be others by now.
    """
    return await scheduler.retry(job_id, keep_answers=keep_answers, given=given)


@router.get(
    "/jobs/{job_id}/logs",
    summary="Read a job's log",
    response_model=LogChunk,
    responses={
        **_NOT_FOUND,
        200: {
            "content": {"text/plain": {}},
            "description": "A part, or with follow the stream",
            "links": {
                "read_on": link("read_logs", job_id="$request.path.job_id", offset="$response.body#/next_offset")
            },
        },
        410: {"model": ErrorResponse, "description": "It is not a file of the job's own"},
    },
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
    text = _follow(scheduler, job_id, first)
    return StreamingResponse(text, media_type="text/plain; charset=utf-8", headers=STREAMED)


@router.get(
    "/jobs/{job_id}/results",
    summary="Get the results of a job",
    responses={
        **_NOT_FOUND,
        409: {"model": ErrorResponse, "description": "There are none (yet)"},
        410: {"model": ErrorResponse, "description": "Their files are gone or damaged"},
    },
)
async def get_results(scheduler: Scheduler, job_id: JobId) -> JobResults:
    """Return the parsed scores, the number of samples, and how long each phase took.

    A job that was told to finish early has them too, marked `partial`.
    """
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
