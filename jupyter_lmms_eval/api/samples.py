"""Routes of samples: what was asked, said and scored, and the media of the questions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response

from ..engine.samples import MOST_SAMPLES, Wanted
from ..protocol.samples import SampleFilter, SampleMediaList, SamplePage
from ..protocol.server import ErrorResponse
from .caching import UNCHANGED, matches
from .dependencies import Scheduler

router = APIRouter(tags=["samples"])

JobId = Annotated[str, Path(description="The job's id, as the submission answered it")]
_FAILURES: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorResponse, "description": "No such job, task or sample"},
    409: {"model": ErrorResponse, "description": "There are none (yet)"},
    410: {"model": ErrorResponse, "description": "Their files are gone or damaged"},
}

_MEDIA_FAILURES: dict[int | str, dict[str, Any]] = {
    **_FAILURES,
    404: {"model": ErrorResponse, "description": "No such sample or medium, or its dataset is not on this machine"},
    503: {"model": ErrorResponse, "description": "Reading the dataset failed, or took too long"},
}
TaskName = Annotated[str, Path(max_length=1000, description="One of the `tasks` that `GET .../samples` lists")]
DocId = Annotated[int, Path(ge=0, le=2**53, description="The sample's `doc_id`")]
# A browser need not ask again for what a sample showed a while ago.
_KEPT = "private, max-age=3600"


@router.get(
    "/jobs/{job_id}/samples", summary="Look at the samples of a job", response_model=SamplePage, responses=_FAILURES
)
async def list_samples(
    scheduler: Scheduler,
    job_id: JobId,
    task: Annotated[
        str | None, Query(max_length=1000, description="One of the answer's `tasks`; nothing: the first that has some")
    ] = None,
    offset: Annotated[int, Query(ge=0, le=2**53, description="Leave out so many of those that match")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_SAMPLES, description="So many at most")] = 50,
    which: Annotated[
        SampleFilter,
        Query(alias="filter", description="Only those with full marks, or without; none where that cannot be told"),
    ] = SampleFilter.ALL,
    q: Annotated[
        str, Query(max_length=1000, description="A text that occurs in question, answer or target, in whatever case")
    ] = "",
) -> Response:
    """Return a page of the samples of one task of a job, in the order of the dataset.

    While the job runs these are the answers so far (`live`), without question, target and scores. Texts are cut at
    20,000 characters, in pages of more than 50 samples earlier; an ellipsis shows where.
    """
    page = await scheduler.samples(job_id, Wanted(task, offset, limit, which, q))
    # Megabytes at most: long enough to keep everybody else waiting.
    return Response(await asyncio.to_thread(page.model_dump_json), media_type="application/json")


@router.get(
    "/jobs/{job_id}/samples/{task}/{doc_id}/media", summary="List the media of a sample", responses=_MEDIA_FAILURES
)
async def list_media(scheduler: Scheduler, job_id: JobId, task: TaskName, doc_id: DocId) -> SampleMediaList:
    """Return which pictures, videos and sounds the task gives to a model with this sample.

    They are read from the dataset as it is on this machine; nothing is downloaded. The first look at a task takes
    some seconds.
    """
    return SampleMediaList(job_id=job_id, task=task, doc_id=doc_id, media=await scheduler.media(job_id, task, doc_id))


@router.get(
    "/jobs/{job_id}/samples/{task}/{doc_id}/media/{n}",
    summary="Get a picture, video or sound of a sample",
    response_class=Response,
    responses={
        **UNCHANGED,
        **_MEDIA_FAILURES,
        200: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}, "description": "Its bytes"},
        206: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}, "description": "Some of them"},
        416: {"description": "The `Range` is beyond its end"},
    },
)
async def get_medium(
    request: Request,
    scheduler: Scheduler,
    job_id: JobId,
    task: TaskName,
    doc_id: DocId,
    n: Annotated[int, Path(ge=0, le=10_000, description="Its number, from 0")],
) -> Response:
    """Return one of the media: pictures as PNG, JPEG or WebP, sounds as WAV, files of the dataset as they are.

    Understands `Range`, so that players can seek, and `If-None-Match`.
    """
    found = await scheduler.medium(job_id, task, doc_id, n)
    tag = found.medium.tag
    headers = {"ETag": f'"{tag}"', "Cache-Control": _KEPT}
    if (known := request.headers.get("if-none-match")) and matches(known, tag):
        return Response(status_code=304, headers=headers)
    return FileResponse(found.path, media_type=found.medium.type, headers=headers, stat_result=found.status)
