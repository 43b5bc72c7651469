"""The stream of changes: Server-Sent Events, one for each job that changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from ..engine.ledger import JobLedger
from ..protocol.jobs import JobInfo
from ..protocol.server import ErrorResponse
from .dependencies import Ledger
from .ending import STREAMED

router = APIRouter(tags=["jobs"])

# Proxies and clients take a longer silence for the end.
HEARTBEAT_SECONDS = 15.0
# What is held in memory for one reader, however far behind it is.
AT_ONCE = 100


class _Events(StreamingResponse):
    media_type = "text/event-stream"


@router.get(
    "/events",
    summary="Follow the changes of jobs",
    response_class=_Events,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "The stream; it ends when the server stops"},
        422: {"model": ErrorResponse, "description": "Bad revision"},
    },
)
async def follow_events(
    ledger: Ledger,
    since: Annotated[
        int | None, Query(ge=0, description="Begin after this `revision`; nothing: with what changes from now on")
    ] = None,
    last_event_id: Annotated[
        int | None, Header(ge=0, description="Begin after this event; browsers send it when they connect again")
    ] = None,
) -> _Events:
    """Stream an event `job` for every job that changes; its data is the job as in the list, its id the revision.

    A reader that is slow or was away hears of a job once, in its present state. An event `restarted` says that the
    revision comes from an earlier server, which counted otherwise: list the jobs again. A comment every 15 s shows
    that the stream lives.
    """
    after = since if last_event_id is None else last_event_id
    headers = {**STREAMED, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return _Events(_stream(ledger, ledger.revision if after is None else after), headers=headers)


async def _stream(ledger: JobLedger, since: int) -> AsyncIterator[str]:
    if since > ledger.revision:
        since = ledger.revision
        yield f"event: restarted\nid: {since}\ndata: {json.dumps({'revision': since})}\n\n"
    else:
        yield f"id: {since}\n\n"  # no event, but a browser that loses the connection now goes on from here
    while not ledger.closed:
        # Asked again for every part: while a slow reader takes one, nothing is kept for it but a number.
        part = await ledger.news(since, HEARTBEAT_SECONDS, most=AT_ONCE)
        for job in part.jobs:
            yield _event(job)
        if not part.jobs:
            yield ": still here\n\n"
        since = part.revision


def _event(job: JobInfo) -> str:
    return f"event: job\nid: {job.revision}\ndata: {job.model_dump_json()}\n\n"
