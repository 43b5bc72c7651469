"""Failures that a person can do something about, as one sentence each."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from ..discovery import NoServerRunning
from .errors import EvalServerError, JobCancelled, JobFailed, ServerUnreachable, scored_samples
from .job_ids import UnknownJob
from .sendable import WrongOption
from .wording import last_line


def sentence(error: Exception) -> str | None:
    """Say what happened.

    Parameters
    ----------
    error
        What was raised.

    Returns
    -------
    str or None
        One line; None for an error of this program, which deserves its traceback.
    """
    if isinstance(error, JobFailed):
        last = last_line(str(error.job.get("error") or "")) or "Unknown error"
        advice = error.failure.advice if error.failure else ""
        return _one_line(f"Job failed: {last.rstrip('.')}. {advice}")
    if isinstance(error, JobCancelled) and (scored := scored_samples(error.job)):
        job_id = error.job.get("job_id", "")
        return (
            f"Job {job_id} was told to finish early; `jupyter lmms-eval results {job_id}` shows the scores of {scored}."
        )
    if isinstance(
        error,
        EvalServerError | ServerUnreachable | JobCancelled | UnknownJob | NoServerRunning | TimeoutError | WrongOption,
    ):
        return _one_line(str(error))
    if isinstance(error, httpx.TimeoutException):
        return _late(error.request)
    if isinstance(error, httpx.TransportError | httpx.InvalidURL):
        return _one_line(f"The connection to the server broke: {error or type(error).__name__}.")
    return None


def _late(request: httpx.Request) -> str:
    where = urlsplit(str(request.url))
    seconds = request.extensions.get("timeout", {}).get("read")
    within = "in time" if seconds is None else f"within {seconds:g} s"
    return f"The server at {where.scheme}://{where.netloc} was reached, but did not answer {within}; try again later."


def _one_line(text: str) -> str:
    return " ".join(text.split())
