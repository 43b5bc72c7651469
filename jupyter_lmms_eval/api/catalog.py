"""Routes of the catalog: tasks and models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from ..engine.describing import describe_model, describe_task, size_of_local_data
from ..engine.searching import find_models, find_tasks
from ..engine.validation import nearest
from ..protocol.server import (
    ErrorResponse,
    FieldError,
    ModelDetails,
    ModelList,
    TaskDetails,
    TaskKind,
    TaskList,
)
from .dependencies import Scheduler
from .errors import answer
from .links import link, links

router = APIRouter(tags=["catalog"], responses={503: {"model": ErrorResponse, "description": "Could not be listed"}})

_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": ErrorResponse, "description": "No such name"}}
Words = Annotated[str, Query(max_length=200, description="Words that must occur in the name, description or dataset")]


@router.get(
    "/tasks",
    summary="List or search tasks",
    response_model=TaskList,
    response_model_exclude_unset=True,
    responses=links(get_task=link("get_task", name="$response.body#/tasks/0")),
)
async def list_tasks(
    scheduler: Scheduler,
    q: Words = "",
    kind: Annotated[TaskKind | None, Query(description="Only tasks, only groups, or only tags")] = None,
    output_type: Annotated[str | None, Query(description="Only tasks of this type, such as `generate_until`")] = None,
    dataset: Annotated[str | None, Query(description="Only tasks whose dataset has this in its path or name")] = None,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="So many names at most")] = None,
    offset: Annotated[int, Query(ge=0, description="Leave out so many at the beginning")] = 0,
    details: Annotated[bool, Query(description="Tell what is known of each")] = False,
) -> TaskList | Response:
    """Return every name a request may give as task, groups and tags among them; or those that match, best first.

    `total` is then how many match. The first call after an update of lmms-eval waits some seconds for the list; the
    server answers others meanwhile.
    """
    catalog = await scheduler.catalog.get()
    if not (q or kind or output_type or dataset or limit or offset or details):
        return TaskList(tasks=sorted(catalog.tasks), groups=catalog.names("group"), tags=catalog.names("tag"))
    found = find_tasks(catalog, q, kind=kind, output_type=output_type, dataset=dataset)
    page = found[offset : None if limit is None else offset + limit]
    told = TaskList(
        tasks=page,
        groups=[name for name in page if catalog.tasks[name].type == "group"],
        tags=[name for name in page if catalog.tasks[name].type == "tag"],
        total=len(found),
    )
    if not details:
        return told
    sizes = await scheduler.task_sizes.get()

    def text() -> str:
        told.details = [describe_task(catalog, name, sizes) for name in page]
        return told.model_dump_json(exclude_unset=True)

    # All two thousand at once would keep everybody else waiting.
    return Response(await asyncio.to_thread(text), media_type="application/json")


@router.get("/tasks/{name:path}", summary="Get a task", response_model=TaskDetails, responses=_UNKNOWN)
async def get_task(
    scheduler: Scheduler, name: Annotated[str, Path(description="Name of a task, group or tag")]
) -> TaskDetails | JSONResponse:
    """Return what is known of a task, a group or a tag. Nothing is downloaded for it."""
    catalog = await scheduler.catalog.get()
    if name not in catalog.tasks:
        return _unknown("task", name, await asyncio.to_thread(nearest, name, catalog.tasks))
    told = describe_task(catalog, name, await scheduler.task_sizes.get())
    if told.samples is None:
        told.samples = await asyncio.to_thread(size_of_local_data, catalog.tasks[name])
    return told


@router.get(
    "/models",
    summary="List or search models",
    responses=links(get_model=link("get_model", name="$response.body#/models/0")),
)
async def list_models(scheduler: Scheduler, q: Words = "") -> ModelList:
    """Return the model types a request may name; or those that match, best first."""
    return ModelList(models=find_models(await scheduler.catalog.get(), q))


@router.get("/models/{name:path}", summary="Get a model", response_model=ModelDetails, responses=_UNKNOWN)
async def get_model(
    scheduler: Scheduler, name: Annotated[str, Path(description="A model type, or another name of one")]
) -> ModelDetails | JSONResponse:
    """Return what the source of a model type says: its classes, and what `model_args` may give them."""
    catalog = await scheduler.catalog.get()
    known = catalog.model_aliases.get(name, name)
    if known not in catalog.models:
        return _unknown(
            "model", name, await asyncio.to_thread(nearest, name, [*catalog.models, *catalog.model_aliases])
        )
    return await asyncio.to_thread(describe_model, catalog, known)


def _unknown(what: str, name: str, close: Sequence[str]) -> JSONResponse:
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"GET /{what}s lists the names"
    detail = f"Unknown {what} {name!r}; {hint}"
    return answer(404, detail, [FieldError(field="name", message=detail, nearest=list(close))])
