"""When waiting for a job is over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..protocol.jobs import JobStatus
from .errors import JobCancelled, JobFailed


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
