"""Routes of the server itself: health, queue, devices, merging of checkpoints."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from .._version import __version__
from ..engine.clock import now
from ..engine.merging import CheckpointNotFound, MergeFailed, MergeRefused, merge_checkpoint
from ..protocol.jobs import QueueStatusResponse
from ..protocol.server import DeviceList, ErrorResponse, FreedDevices, HealthResponse, MergeRequest, MergeResponse
from .caching import UNCHANGED, Fresh
from .dependencies import Ledger, Scheduler
from .links import link, links

router = APIRouter(tags=["server"])


@router.get("/health", summary="Check the server")
async def health(request: Request, scheduler: Scheduler) -> HealthResponse:
    """Answer at once, whatever else goes on."""
    return HealthResponse(
        status="healthy",
        timestamp=now(),
        queue_size=scheduler.queue_size,
        running_jobs=scheduler.running_count,
        server_id=request.app.state.server_id,
        version=__version__,
        pid=os.getpid(),
        notices=[*request.app.state.notices, *scheduler.notices],
    )


@router.get(
    "/queue",
    summary="Get the queue",
    response_model=QueueStatusResponse,
    responses={**UNCHANGED, **links(get_job=link("get_job", job_id="$response.body#/running_job"))},
)
async def get_queue(request: Request, scheduler: Scheduler, ledger: Ledger, fresh: Fresh) -> Response:
    """Return the jobs that wait, in the order in which they will start, and those that run."""
    tag = ledger.status_tag()
    fresh.check(tag)
    # Ten thousand may wait, and many may ask.
    return fresh.answer(await request.app.state.queue_told.get(tag, scheduler.queue))


@router.get("/devices", summary="List devices")
async def list_devices(scheduler: Scheduler) -> DeviceList:
    """Return the machine's devices with their memory, utilisation and the job that holds each."""
    return DeviceList(devices=await scheduler.devices())


@router.post("/devices/free", summary="Take models out of memory")
async def free_devices(
    scheduler: Scheduler,
    device: Annotated[list[str] | None, Query(description="Only these devices, such as `cuda:0`")] = None,
) -> FreedDevices:
    """Take the models out of memory that stay there for the next job; running evaluations are not touched."""
    return FreedDevices(freed=await scheduler.free(device))


@router.post(
    "/merge",
    summary="Merge a sharded checkpoint",
    responses={
        400: {"model": ErrorResponse, "description": "The checkpoint cannot be merged"},
        403: {"model": ErrorResponse, "description": "The operator did not allow it"},
        404: {"model": ErrorResponse, "description": "No such checkpoint"},
        500: {"model": ErrorResponse, "description": "Merging failed"},
    },
)
async def merge(request: Request, wanted: MergeRequest) -> MergeResponse:
    """Merge an FSDP2 checkpoint into one, in a process of its own; answers when it is done.

    Merging unpickles the shards, that is: runs code in them. The operator must have started the server with
    `--allow-merge`.
    """
    if not request.app.state.server_args.allow_merge:
        raise HTTPException(
            403, "Merging runs code from the checkpoint and is off; start the server with --allow-merge to permit it"
        )
    try:
        merged = await merge_checkpoint(wanted)
    except CheckpointNotFound as error:
        raise HTTPException(404, str(error)) from None
    except MergeRefused as error:
        raise HTTPException(400, str(error)) from None
    except MergeFailed as error:
        raise HTTPException(500, str(error)) from None
    return MergeResponse(success=True, message="Checkpoint merged successfully", merged_path=merged)
