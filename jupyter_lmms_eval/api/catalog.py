"""Routes of the catalog: tasks and models."""

from __future__ import annotations

from fastapi import APIRouter

from ..protocol.server import ErrorResponse, ModelList, TaskList
from .dependencies import Scheduler

router = APIRouter(tags=["catalog"], responses={503: {"model": ErrorResponse, "description": "Could not be listed"}})


@router.get("/tasks", summary="List tasks")
async def list_tasks(scheduler: Scheduler) -> TaskList:
    """Return every name a request may give as task, groups and tags among them.

    The first call after an update of lmms-eval waits some seconds for the list; the server answers others meanwhile.
    """
    catalog = await scheduler.catalog.get()
    return TaskList(tasks=sorted(catalog.tasks), groups=catalog.names("group"), tags=catalog.names("tag"))


@router.get("/models", summary="List models")
async def list_models(scheduler: Scheduler) -> ModelList:
    """Return the model types a request may name."""
    return ModelList(models=(await scheduler.catalog.get()).models)
