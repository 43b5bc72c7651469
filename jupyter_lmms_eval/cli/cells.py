"""What stands in the cells of a table about a job."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime

from ..client import wording
from ..protocol.jobs import JobInfo, JobStatus

STYLES = {
    JobStatus.QUEUED: "default",
    JobStatus.RUNNING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "dim",
}
_NOTE = 120  # characters


@dataclass(frozen=True)
class JobRow:
    """A job in words.

    Attributes
    ----------
    job
        Short id.
    title
        Its name, or else its model.
    tasks
        Its first task, and how many more.
    status
        Symbol and word.
    style
        Style of the status; says nothing that the word does not say.
    fraction
        Share of the samples that are answered; None where no bar makes sense.
    note
        Samples done and phase, or why it waits, or why it failed.
    rate
        Samples per second.
    eta
        Time left.
    score
        The score that stands for the job, with its standard error.
    duration
        Time since it started, or that it took.
    devices
        What it holds.
    """

    job: str
    title: str
    tasks: str
    status: str
    style: str
    fraction: float | None
    note: str
    rate: str
    eta: str
    score: str
    duration: str
    devices: str


def job_row(job: JobInfo, now: datetime) -> JobRow:
    """Put a job in words.

    Parameters
    ----------
    job
        The job.
    now
        The time, with its zone.

    Returns
    -------
    JobRow
        Its cells.
    """
    note = ", ".join(part for part in (wording.samples(job), wording.note(job)) if part)
    return JobRow(
        job=job.job_id[: wording.SHORT_ID],
        title=wording.title(job),
        tasks=wording.tasks(job.request.tasks),
        status=wording.status(job.status),
        style=STYLES[job.status],
        fraction=wording.fraction(job),
        note=textwrap.shorten(note, _NOTE, placeholder=" …"),
        rate=wording.rate(job),
        eta=wording.time_left(job),
        score=wording.score(job.metrics or []),
        duration=wording.duration(job, now),
        devices=wording.devices(job.devices),
    )
