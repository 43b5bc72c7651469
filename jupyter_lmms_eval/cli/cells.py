"""What stands in the cells of a table about a job."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ..client.progress import clock, short_number
from ..protocol.jobs import JobInfo, JobStatus, Metric
from ..results import headline

SYMBOLS = {
    JobStatus.QUEUED: "○",
    JobStatus.RUNNING: "●",
    JobStatus.COMPLETED: "✓",
    JobStatus.FAILED: "✗",
    JobStatus.CANCELLED: "⊘",
}
STYLES = {
    JobStatus.QUEUED: "default",
    JobStatus.RUNNING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "dim",
}
SHORT_ID = 8  # characters
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
    running = job.status is JobStatus.RUNNING
    progress = job.progress if running else None
    return JobRow(
        job=job.job_id[:SHORT_ID],
        title=job.request.name or job.request.model,
        tasks=_tasks(job.request.tasks),
        status=f"{SYMBOLS[job.status]} {job.status.value}",
        style=STYLES[job.status],
        fraction=_fraction(job) if running else None,
        note=textwrap.shorten(_note(job), _NOTE, placeholder=" …"),
        rate=f"{short_number(progress.rate)}/s" if progress and progress.rate else "",
        eta=clock(progress.eta_seconds) if progress and progress.eta_seconds is not None else "",
        score=_score(job.metrics or []),
        duration=duration(job, now),
        devices=devices(job.devices),
    )


def _fraction(job: JobInfo) -> float | None:
    if job.progress is None or not job.progress.samples_total:
        return None
    return min(1.0, job.progress.samples_done / job.progress.samples_total)


def _note(job: JobInfo) -> str:
    if job.status is JobStatus.QUEUED:
        return _waiting(job)
    if job.status is JobStatus.FAILED:
        return _failing(job)
    if job.progress is None or job.status is JobStatus.CANCELLED:
        return ""
    progress = job.progress
    parts = [f"{progress.samples_done:,}/{progress.samples_total:,}"] if progress.samples_total else []
    if job.status is JobStatus.RUNNING and progress.phase != "answering":
        parts.append(progress.phase)
    if progress.errors_logged:
        parts.append(f"{progress.errors_logged:,} error{'s' if progress.errors_logged > 1 else ''} logged")
    return ", ".join(parts)


def _waiting(job: JobInfo) -> str:
    if job.wait_reason:
        return job.wait_reason
    before = job.position_in_queue
    if before is None:
        return ""
    return "next" if before == 0 else f"{before} before it"


def _failing(job: JobInfo) -> str:
    if job.failure is not None:
        lines = job.failure.message.strip().splitlines()
        return f"{job.failure.type}: {lines[0]}" if lines else job.failure.type
    # Of a traceback, the last line says what happened.
    lines = (job.error or "").strip().splitlines()
    return lines[-1].strip() if lines else ""


def score_parts(value: float | None, stderr: float | None, digits: int = 3) -> tuple[str, str]:
    """Write a score and its standard error with as many digits after the point.

    Parameters
    ----------
    value
        The score.
    stderr
        Its standard error.
    digits
        Digits after the point of a score below 10; larger scores get fewer.

    Returns
    -------
    tuple of str and str
        Empty texts for what there is not.
    """
    if value is None:
        return "", ""
    places = digits if abs(value) < 10 else max(0, digits - 1) if abs(value) < 1000 else max(0, digits - 2)
    return f"{value:.{places}f}", "" if stderr is None else f"{stderr:.{places}f}"


def _score(metrics: Sequence[Metric]) -> str:
    best = headline(metrics)
    return " ± ".join(part for part in score_parts(best.value, best.stderr) if part) if best else ""


def _tasks(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}" if names else ""


def duration(job: JobInfo, now: datetime) -> str:
    """Write how long a job runs or ran.

    Parameters
    ----------
    job
        The job.
    now
        The time, with its zone.

    Returns
    -------
    str
        Empty if it did not start.
    """
    start = moment(job.started_at)
    if start is None:
        return ""
    end = moment(job.completed_at) if job.status.finished else now
    return clock((end - start).total_seconds()) if end else ""


def moment(text: str | None) -> datetime | None:
    """Read a time of the server.

    Parameters
    ----------
    text
        ISO 8601; lmms-eval's own server writes local time without a zone.

    Returns
    -------
    datetime or None
        With a zone; None if there is none or it cannot be read.
    """
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know Z
    except ValueError:
        return None
    return read.astimezone(timezone.utc)


def devices(names: Sequence[str]) -> str:
    """Write device names in little room.

    Parameters
    ----------
    names
        For example ``["cuda:0", "cuda:1"]``.

    Returns
    -------
    str
        For example ``cuda:0,1``.
    """
    numbers: dict[str, list[str]] = {}
    for name in names:
        kind, colon, number = name.partition(":")
        numbers.setdefault(kind + colon, []).append(number)
    return " ".join(kind + ",".join(each) for kind, each in numbers.items())


def memory(used: int | None, total: int | None) -> str:
    """Write how much of a memory is used.

    Parameters
    ----------
    used, total
        Bytes.

    Returns
    -------
    str
        Gigabytes, without the unit: ``62.0 / 85.0``; empty if the size is unknown.
    """
    if total is None:
        return ""
    return f"{'?' if used is None else f'{used / 1e9:.1f}'} / {total / 1e9:.1f}"
