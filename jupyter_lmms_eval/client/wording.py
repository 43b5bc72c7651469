"""A job in the words of a table cell, wherever the table is shown.

How much room a cell has, and how it is coloured, is the matter of whoever shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from ..protocol.jobs import JobInfo, JobStatus, Metric, Progress
from ..protocol.server import Device
from ..results import headline
from .progress import clock, doing, short_number

SHORT_ID = 8  # characters
ARROWS = {True: "↑", False: "↓", None: ""}  # by whether more is better
_SYMBOLS = {
    JobStatus.QUEUED: "○",
    JobStatus.RUNNING: "●",
    JobStatus.COMPLETED: "✓",
    JobStatus.FAILED: "✗",
    JobStatus.CANCELLED: "⊘",
}
_USUAL_PHASES = ("answering", "done")


def status(value: JobStatus) -> str:
    """Write where a job is in its life; the word says all that the symbol says."""
    return f"{_SYMBOLS[value]} {value.value}"


def counts(values: Iterable[str]) -> str:
    """Count jobs by status.

    Parameters
    ----------
    values
        The status of each.

    Returns
    -------
    str
        For example ``1 running, 3 completed``; empty without jobs.
    """
    counted = Counter(values)
    return ", ".join(f"{counted[each]:,} {each.value}" for each in JobStatus if counted[each])


def title(job: JobInfo) -> str:
    """Write what a job is called: its name, or else its model."""
    return job.request.name or job.request.model


def tasks(names: Sequence[str]) -> str:
    """Write the first task, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}" if names else ""


def note(job: JobInfo) -> str:
    """Say in a few words why a job waits, what it does besides answering, or why it failed.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    str
        Not shortened; empty if there is nothing to add to status and samples.
    """
    if job.status is JobStatus.QUEUED:
        parts = ["finishing" if job.finishing else "", job.wait_reason or _place(job.position_in_queue)]
    elif job.status is JobStatus.FAILED:
        parts = [failure(job)]
    elif job.status is JobStatus.CANCELLED:
        parts = [_partial(job, "/", "")]
    else:
        phase = job.progress.phase if job.progress and job.progress.phase not in _USUAL_PHASES else None
        errors = job.progress.errors_logged if job.progress else 0
        parts = doing(phase, job.attempt, job.finishing) if job.status is JobStatus.RUNNING else []
        parts.append(f"{errors:,} error{'s' if errors > 1 else ''} logged" if errors else "")
    return ", ".join(part for part in parts if part)


def partial(job: JobInfo) -> str:
    """Say on what the scores of a job rest that was told to finish early.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    str
        For example ``partial: 120 of 450 samples``; empty for any other job.
    """
    return _partial(job, " of ", " samples")


def partial_notes(jobs: Iterable[JobInfo]) -> list[str]:
    """Name the jobs among others that were told to finish early, each with what its scores rest on."""
    return [f"{job.job_id[:SHORT_ID]} is {partial(job)}" for job in jobs if job.partial]


def _partial(job: JobInfo, between: str, thing: str) -> str:
    if not job.partial:
        return ""
    counted = _counted(job, between)
    return f"partial: {counted}{thing}" if counted else "partial"


def _place(before: int | None) -> str:
    if before is None:
        return ""
    return "next" if before == 0 else f"{before} before it"


def failure(job: JobInfo) -> str:
    """Write why a job failed, in a line; empty if nothing is known."""
    if job.failure is None:
        return last_line(job.error)
    lines = job.failure.message.strip().splitlines()
    # What the server itself noticed, such as a time limit, is no exception and has no type.
    return ": ".join(part for part in (job.failure.type, *lines[:1]) if part)


def last_line(error: str | None) -> str:
    """Return the last line of an error: of a traceback, it says what happened."""
    lines = (error or "").strip().splitlines()
    return lines[-1].strip() if lines else ""


def samples(job: JobInfo, between: str = "/") -> str:
    """Write how many samples a running or completed job has answered.

    Parameters
    ----------
    job
        The job.
    between
        What stands between the two numbers.

    Returns
    -------
    str
        For example ``1,312/2,374``; empty while the number is unknown.
    """
    if job.status not in (JobStatus.RUNNING, JobStatus.COMPLETED):
        return ""
    return _counted(job, between)


def _counted(job: JobInfo, between: str) -> str:
    if job.progress is None or not job.progress.samples_total:
        return ""
    return f"{job.progress.samples_done:,}{between}{job.progress.samples_total:,}"


def fraction(job: JobInfo) -> float | None:
    """Compute the share of the samples that a running job has answered.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    float or None
        Between 0 and 1; None where no bar makes sense.
    """
    if job.status is not JobStatus.RUNNING or job.progress is None or not job.progress.samples_total:
        return None
    return min(1.0, max(0.0, job.progress.samples_done / job.progress.samples_total))


def rate(job: JobInfo) -> str:
    """Write the samples per second of a running job, for example ``12.3/s``."""
    known = pace_of(job)
    return f"{short_number(known.rate)}/s" if known and known.rate else ""


def time_left(job: JobInfo) -> str:
    """Write how long a running job will take, for example ``1:26``."""
    known = pace_of(job)
    return clock(known.eta_seconds) if known and known.eta_seconds is not None else ""


def pace_of(job: JobInfo) -> Progress | None:
    """Return what tells how fast a job goes; None unless it runs and is to answer all its samples."""
    return job.progress if job.status is JobStatus.RUNNING and not job.finishing else None


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


def with_error(value: str, stderr: str) -> str:
    """Join a score and its standard error, for example ``0.873 ± 0.016``; either may be empty."""
    return " ± ".join(part for part in (value, stderr) if part)


def score(metrics: Sequence[Metric], digits: int = 3) -> str:
    """Write the score that stands for a job, with its standard error.

    Parameters
    ----------
    metrics
        All its scores.
    digits
        As for `score_parts`.

    Returns
    -------
    str
        For example ``0.873 ± 0.016``; empty if there is none.
    """
    best = headline(metrics)
    return with_error(*score_parts(best.value, best.stderr, digits)) if best else ""


def filter_name(name: str) -> str:
    """Write the filter of a score; lmms-eval calls it ``none`` where there is none."""
    return "" if name == "none" else name


def devices(names: Sequence[str]) -> str:
    """Write device names in little room: ``cuda:0,1`` for ``["cuda:0", "cuda:1"]``."""
    numbers: dict[str, list[str]] = {}
    for name in names:
        kind, colon, number = name.partition(":")
        numbers.setdefault(kind + colon, []).append(number)
    return " ".join(kind + ",".join(each) for kind, each in numbers.items())


def holder(device: Device) -> str:
    """Write who has a device: a job's short id, or who else in words, or ``free`` with the model in its memory."""
    kept = f"free, {device.model} in memory" if device.model else "free"
    return device.job_id[:SHORT_ID] if device.job_id else device.held_by or kept


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
        Empty if it did not start, or if nobody knows when it ended.
    """
    start = moment(job.started_at)
    end = moment(job.completed_at) if job.status.finished else now
    return clock((end - start).total_seconds()) if start and end else ""
