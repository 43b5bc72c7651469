"""Route of the figures for Prometheus."""

from __future__ import annotations

import asyncio
import importlib
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from .dependencies import Scheduler

router = APIRouter(tags=["server"])


@router.get(
    "/metrics",
    summary="Get the figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format, or OpenMetrics if asked"}},
)
async def read_metrics(
    request: Request, scheduler: Scheduler, accept: Annotated[str | None, Header(include_in_schema=False)] = None
) -> Response:
    """Return the server's figures: queue, jobs, samples, phases, devices, and its own process.

    Counters begin at zero when the server starts. Prometheus sends the token as `authorization: credentials:`.
    """
    # Loaded when first asked for, on another thread: a server in a kernel that nobody watches pays nothing.
    exposition = await asyncio.to_thread(importlib.import_module, "jupyter_lmms_eval.api.exposition")
    if not hasattr(request.app.state, "exposition"):
        request.app.state.exposition = exposition.Exposition(request.app.state.server_id)
    text, media_type = request.app.state.exposition.write(scheduler, await scheduler.devices(), accept)
    return Response(text, headers={"Content-Type": media_type})
