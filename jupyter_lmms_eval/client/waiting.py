"""When waiting for a job is over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ..protocol.jobs import JobStatus
from .calls import LONGEST_WAIT, Call, job_with_other_status
from .errors import EvalServerError, JobCancelled, JobFailed


def next_look(job_id: str, known: Mapping[str, Any], pause: float) -> Call | None:
    """Choose how to ask for a job that is not over yet.

    Parameters
    ----------
    job_id
        The job.
    known
        The job as the server gave it.
    pause
        Seconds until the next look.

    Returns
    -------
    Call or None
        What the server answers as soon as there is news, within that time; None if it cannot, as lmms-eval's own
        cannot: whoever waits has to sleep.
    """
    # Only a server of ours counts changes.
    if "revision" not in known or pause <= 0:
        return None
    return job_with_other_status(job_id, str(known.get("status")), min(pause, LONGEST_WAIT))


def may_be_back(error: Exception) -> bool:
    """Tell whether a server ended while it kept an answer back: a client that slept would not have noticed.

    Parameters
    ----------
    error
        What became of the question.
    """
    return not isinstance(error, EvalServerError) or error.status_code == HTTPStatus.SERVICE_UNAVAILABLE


def left_to_sleep(before: Mapping[str, Any], after: Mapping[str, Any], pause: float, took: float) -> float:
    """Say how long to sleep after an answer that should have taken its time.

    Parameters
    ----------
    before, after
        The job as the server gave it, before and then.
    pause
        Seconds that it should have taken, if it is no news.
    took
        Seconds that it took.

    Returns
    -------
    float
        Seconds; an earlier version of the server answers at once, and must not be asked without end.
    """
    return max(0.0, min(pause, LONGEST_WAIT) - took) if before.get("status") == after.get("status") else 0.0


def finished(job: Mapping[str, Any]) -> bool:
    """Decide whether waiting is over.

    Parameters
    ----------
    job
        The job as the server gave it.

    Returns
    -------
    bool
        True if it is completed.

    Raises
    ------
    JobFailed
        If it failed.
    JobCancelled
        If it was cancelled, or told to finish early.
    """
    status = job.get("status")
    # A server may call cancelled jobs failed, for the sake of other clients; this one knows better where it can.
    if status == JobStatus.CANCELLED or job.get("partial"):
        raise JobCancelled(job)
    if status == JobStatus.FAILED:
        raise JobFailed(job)
    return status == JobStatus.COMPLETED


class Deadline:
    """How long to sleep between two looks at a job, and when to give up.

    Parameters
    ----------
    job_id
        The job, for the message.
    poll_interval
        Seconds between two looks.
    timeout
        Seconds in all; None or 0 for no limit.
    refresh
        Seconds after which the display wants news, if sooner.
    """

    def __init__(self, job_id: str, poll_interval: float, timeout: float | None, refresh: float | None) -> None:
        self._job_id = job_id
        self._interval = poll_interval if refresh is None else min(poll_interval, refresh)
        self._timeout = timeout
        self._start = time.monotonic()

    def pause(self) -> float:
        """Say how long to sleep.

        Returns
        -------
        float
            Seconds; never far beyond the limit.

        Raises
        ------
        TimeoutError
            If the limit has passed.
        """
        if not self._timeout:
            return self._interval
        left = self._timeout - (time.monotonic() - self._start)
        if left < 0:
            raise TimeoutError(f"Timeout waiting for job {self._job_id}")
        return min(self._interval, left + 0.001)  # beyond the limit, so that the next look is the last
