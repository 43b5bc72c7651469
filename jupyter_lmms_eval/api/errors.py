"""The one table that turns refusals into HTTP answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ..engine.errors import (
    CatalogUnavailable,
    DiskFull,
    EngineError,
    InvalidRequest,
    JobAlreadyFinished,
    JobNotFinished,
    JobNotFound,
    JobNotQueued,
    KeyReused,
    LogUnreadable,
    MediaNotFound,
    MediaUnavailable,
    QueueFull,
    ResultsGone,
    ResultsNotReady,
    SampleNotFound,
    SamplesGone,
    SamplesNotReady,
    SecretsNeeded,
    StorageFull,
)
from ..engine.validation import MOST_LOOKED_FOR, MOST_TOLD, nearest
from ..protocol.server import ErrorResponse, FieldError

STATUS_OF = {
    InvalidRequest: 422,
    JobNotFound: 404,
    JobAlreadyFinished: 400,
    JobNotFinished: 409,
    JobNotQueued: 409,
    KeyReused: 409,
    SecretsNeeded: 422,
    QueueFull: 429,
    StorageFull: 507,
    ResultsNotReady: 409,
    ResultsGone: 410,
    SamplesNotReady: 409,
    SamplesGone: 410,
    SampleNotFound: 404,
    MediaNotFound: 404,
    MediaUnavailable: 503,
    LogUnreadable: 410,
    DiskFull: 507,
    CatalogUnavailable: 503,
}

# SQLite has waited for some seconds when it gives up.
RETRY_SECONDS = 5

# What any route may answer; what only some do is said there.
COMMON: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in {
        400: "The request can be read in two ways, or not at all",
        401: "The token is missing, or not the one of this server",
        403: "A page of another origin sent it, or the operator did not allow it",
        408: "The body stopped",
        413: "The body is too large",
        415: "The body is not called JSON",
        421: "The server does not answer to this name",
        422: "A value cannot be used; the sentence says which and why",
        429: "Too many wrong tokens came",
        500: "The server failed; its log says why",
    }.items()
}


def register(app: FastAPI) -> None:
    """Let an app answer every refusal with `ErrorResponse`."""

    @app.exception_handler(EngineError)
    async def refused(_: Request, error: EngineError) -> JSONResponse:
        status = next((code for kind, code in STATUS_OF.items() if isinstance(error, kind)), 500)
        return answer(status, str(error), error.errors if isinstance(error, InvalidRequest) else ())

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        wanted = _body_model(request.scope.get("endpoint"))
        found = error.errors()
        errors = [_field_error(each, wanted) for each in found[:MOST_TOLD]]
        if further := len(found[MOST_TOLD:]):
            errors.append(FieldError(field=errors[-1].field, message=f"{further:,} further values cannot be used"))
        return answer(422, "; ".join(each.message for each in errors), errors)

    @app.exception_handler(sqlite3.OperationalError)
    async def held(_: Request, error: sqlite3.OperationalError) -> JSONResponse:
        if "is locked" not in str(error):
            raise error
        told = answer(503, "Another program holds the database of the jobs, nothing was stored; try again in a while")
        told.headers["Retry-After"] = str(RETRY_SECONDS)
        return told

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> JSONResponse:
        # It is logged with its traceback; what it says may quote anything.
        return answer(500, "The server failed to answer this; its log says why, and its jobs go on")

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(
            ErrorResponse(detail=str(error.detail)).model_dump(), error.status_code, getattr(error, "headers", None)
        )


def answer(status: int, detail: str, errors: Sequence[FieldError] = ()) -> JSONResponse:
    """Return a refusal as JSON."""
    return JSONResponse(ErrorResponse(detail=detail, errors=list(errors)).model_dump(), status)


def _body_model(endpoint: Callable[..., object] | None) -> type[BaseModel] | None:
    """Return what the function of a route takes as body."""
    taken = get_type_hints(endpoint) if endpoint else {}
    return next(
        (
            kind
            for name, kind in taken.items()
            if name != "return" and isinstance(kind, type) and issubclass(kind, BaseModel)
        ),
        None,
    )


def _field_error(found: dict[str, Any], wanted: type[BaseModel] | None) -> FieldError:
    """Say in one sentence what pydantic found."""
    place = [str(part) for part in found["loc"] if part not in ("body", "query", "path", "header")]
    # Behind the field's own name stand the branches of a union and the indices of a list.
    name = place[0] if place else "body"
    kind = found["type"]
    if kind == "json_invalid":
        return FieldError(field="body", message=f"The body is not JSON: {found['ctx']['error']}")
    if kind == "missing" and not place:
        return FieldError(field="body", message=f"The body is missing; send a JSON object{_with_fields(wanted)}")
    if kind == "missing":
        close = _nearest_given(name, found.get("input"), wanted)
        return FieldError(field=name, message=f"{name} is missing", nearest=close)
    message = str(found["msg"]).removeprefix("Value error, ")
    return FieldError(field=name, message=f"{name}: {message[:1].lower()}{message[1:]}")


def _with_fields(wanted: type[BaseModel] | None) -> str:
    """Name the fields that a body must have, or those of which it may have any."""
    if wanted is None:
        return ""
    fields = wanted.model_fields
    needed = [name for name, field in fields.items() if field.is_required()]
    return f" with {' and '.join(needed) or ' or '.join(fields)}"


def _nearest_given(name: str, given: object, wanted: type[BaseModel] | None) -> list[str]:
    """Find what may be the missing field under a mistyped name."""
    if not isinstance(given, dict) or wanted is None:
        return []
    unknown = [key for key in given if isinstance(key, str) and key not in wanted.model_fields]
    return nearest(name, unknown[:MOST_LOOKED_FOR], 1)
