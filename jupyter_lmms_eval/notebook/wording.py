"""A job in the words of a table cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from ..client.progress import clock, pace
from ..protocol.jobs import JobInfo, JobStatus, Metric
from ..results import headline

SHORT_ID = 8  # characters
_SYMBOLS = {
    JobStatus.QUEUED: "○",
    JobStatus.RUNNING: "●",
    JobStatus.COMPLETED: "✓",
    JobStatus.FAILED: "✗",
    JobStatus.CANCELLED: "⊘",
}


def status(job: JobInfo) -> str:
    """Write where a job is in its life; the word says all that the symbol says."""
    return f"{_SYMBOLS[job.status]} {job.status.value}"


def title(job: JobInfo) -> str:
    """Write what a job is called."""
    return job.request.name or job.request.model


def note(job: JobInfo) -> str:
    """Write how far a job is, why it waits, or why it failed."""
    if job.status is JobStatus.QUEUED:
        return job.wait_reason or ""
    if job.status is JobStatus.FAILED:
        return failure(job)
    if job.status is not JobStatus.RUNNING or job.progress is None:
        return ""
    progress = job.progress
    parts = [f"{progress.samples_done:,}/{progress.samples_total:,} samples"] if progress.samples_total else []
    if progress.phase != "answering":
        parts.append(progress.phase)
    parts.append(pace(progress.model_dump()))
    return ", ".join(part for part in parts if part)


def failure(job: JobInfo) -> str:
    """Write why a job failed, in a line."""
    if job.failure is not None:
        lines = job.failure.message.strip().splitlines()
        return f"{job.failure.type}: {lines[0]}" if lines else job.failure.type
    # Of a traceback, the last line says what happened.
    lines = (job.error or "").strip().splitlines()
    return lines[-1].strip() if lines else ""


def score(metrics: Sequence[Metric]) -> str:
    """Write the score that stands for a job."""
    best = headline(metrics)
    if best is None:
        return ""
    text = f"{best.metric} {number(best.value)}"
    return f"{text} ± {number(best.stderr)}" if best.stderr is not None else text


def number(value: float | None) -> str:
    """Write a score; nothing where lmms-eval computed none."""
    return "" if value is None else f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def duration(job: JobInfo) -> str:
    """Write how long a job runs or ran."""
    start = moment(job.started_at)
    end = moment(job.completed_at) if job.status.finished else datetime.now(timezone.utc)
    return clock((end - start).total_seconds()) if start and end else ""


def moment(text: str | None) -> datetime | None:
    """Read a time of the server; None if there is none."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know Z
    except ValueError:
        return None
    return read.astimezone(timezone.utc)
