"""What can go wrong between a client and a server, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import ValidationError

from ..protocol.jobs import Failure
from ..protocol.server import FieldError

_REFUSED = "Give it as `token=` (`--token` in a terminal); `%lmms_eval_server connect` finds that of a server of yours."


class EvalServerError(httpx.HTTPStatusError):
    """The server refused a request.

    Attributes
    ----------
    status_code : int
        The HTTP status.
    errors : list of FieldError
        What is wrong with which field of the request.
    """

    def __init__(
        self, message: str, *, request: httpx.Request, response: httpx.Response, errors: list[FieldError] | None = None
    ) -> None:
        super().__init__(message, request=request, response=response)
        self.status_code = response.status_code
        self.errors = errors or []


class ServerUnreachable(httpx.ConnectError):
    """Nothing answers at the server's address."""


class JobFailed(RuntimeError):
    """A job that was waited for failed.

    Attributes
    ----------
    job : dict
        The job as the server gave it.
    failure : Failure or None
        Cause and advice, if the server tells them.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        super().__init__(f"Job failed: {job.get('error') or 'Unknown error'}")
        self.job = dict(job)
        self.failure = _failure(job.get("failure"))


class JobCancelled(RuntimeError):
    """A job that was waited for was cancelled, or told to finish early.

    Attributes
    ----------
    job : dict
        The job as the server gave it.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        name = f"Job {job.get('job_id', '')}".strip()
        scored = scored_samples(job)
        super().__init__(
            f"{name} was told to finish early; the scores of {scored} are in results()"
            if scored
            else f"{name} was cancelled."
        )
        self.job = dict(job)


def scored_samples(job: Mapping[str, Any]) -> str:
    """Say on which samples the scores of a job rest that was told to finish early.

    Parameters
    ----------
    job
        The job as the server gave it.

    Returns
    -------
    str
        For example ``120 of 450 samples``; empty for any other job.
    """
    if not job.get("partial"):
        return ""
    progress = job.get("progress") or {}
    done, total = progress.get("samples_done"), progress.get("samples_total")
    return f"{done:,} of {total:,} samples" if done is not None and total else "the samples that were answered"


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn a failed connection into a sentence, around the sending of a request.

    Parameters
    ----------
    url
        Base URL of the server, without credentials.

    Raises
    ------
    ServerUnreachable
        If nothing answers there.
    """
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ServerUnreachable(
            f"No evaluation server answers at {url}: start one with `%lmms_eval_server start` in a notebook or "
            "`jupyter lmms-eval serve` in a terminal, or check the address.",
            request=error.request,
        ) from error


def content(response: httpx.Response) -> dict[str, Any]:
    """Read the server's answer.

    Parameters
    ----------
    response
        The answer, read to its end.

    Returns
    -------
    dict
        The JSON object in it.

    Raises
    ------
    EvalServerError
        If the server refused, or what answers is not an evaluation server.
    """
    raise_for_status(response)
    body = _json(response)
    if not isinstance(body, dict):
        raise EvalServerError(
            f"What answers at {response.url} is not an evaluation server.", request=response.request, response=response
        )
    return body


def raise_for_status(response: httpx.Response) -> None:
    """Raise if the server refused; the response's body must have been read.

    Parameters
    ----------
    response
        The server's answer.

    Raises
    ------
    EvalServerError
        If the status is not one of success; its message is the server's sentence.
    """
    if response.is_success:
        return
    message, errors = refusal(response.status_code, _json(response))
    raise EvalServerError(message, request=response.request, response=response, errors=errors)


def refusal(status_code: int, body: object) -> tuple[str, list[FieldError]]:
    """Read the answer to a refused request.

    Parameters
    ----------
    status_code
        The HTTP status.
    body
        The parsed JSON of the answer, or None: ``{"detail": sentence, "errors": [...]}``, or FastAPI's own
        ``{"detail": [{"loc": [...], "msg": ...}]}``.

    Returns
    -------
    tuple of str and list of FieldError
        A sentence for people, and what is wrong with which field.
    """
    detail = body.get("detail") if isinstance(body, Mapping) else None
    errors = _field_errors(body.get("errors") if isinstance(body, Mapping) else None)
    if isinstance(detail, str) and detail:
        return f"{detail.rstrip('.')}. {_REFUSED}" if status_code == httpx.codes.UNAUTHORIZED else detail, errors
    if isinstance(detail, list) and (found := _fastapi_errors(detail)):
        return "; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in found), found
    if status_code == httpx.codes.UNAUTHORIZED:
        return "The server wants its token: give `token=`, or set LMMS_EVAL_TOKEN.", errors
    if status_code == httpx.codes.NOT_FOUND:  # ours says what there is not
        return "What answers at this address is not an evaluation server: check the address and its port.", errors
    if httpx.codes.is_redirect(status_code):
        return (
            "The address leads elsewhere, as that of a hub's Jupyter which does not run: start it, or check it.",
            errors,
        )
    return f"The server answered {status_code} {httpx.codes.get_reason_phrase(status_code)}".rstrip() + ".", errors


def _json(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _field_errors(entries: object) -> list[FieldError]:
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            found.append(FieldError.model_validate(entry))
        except ValidationError:  # of a newer server; its sentence still says it
            continue
    return found


def _fastapi_errors(entries: list[Any]) -> list[FieldError]:
    return [
        FieldError(
            field=".".join(str(part) for part in entry.get("loc", ()) if part != "body"),
            message=str(entry.get("msg", "")),
        )
        for entry in entries
        if isinstance(entry, Mapping)
    ]


def _failure(value: object) -> Failure | None:
    try:
        return Failure.model_validate(value) if value else None
    except ValidationError:
        return None
