"""Words in the cells of the table, from the values that the server gives."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime, timezone

from ..client.progress import clock, short_number
from ..protocol.jobs import JobInfo, JobStatus, Metric, Progress

SYMBOLS = {
    JobStatus.QUEUED: "○",
    JobStatus.RUNNING: "●",
    JobStatus.COMPLETED: "✓",
    JobStatus.FAILED: "✗",
    JobStatus.CANCELLED: "⊘",
}
SHORT_ID = 8  # characters
_NOTE = 160  # characters
_USUAL_PHASES = ("answering", "done")


def note(job: JobInfo) -> str:
    """Say in a few words why a job waits, what it does besides answering, or why it failed.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    str
        One line, empty if the rest of the row says it all.
    """
    if job.status is JobStatus.QUEUED:
        text = job.wait_reason or _place(job.position_in_queue)
    elif job.status is JobStatus.FAILED:
        text = _reason(job)
    elif job.progress is None or job.status is JobStatus.CANCELLED:
        text = ""
    else:
        text = _doing(job.progress, running=job.status is JobStatus.RUNNING)
    return textwrap.shorten(text, _NOTE, placeholder=" …")


def _place(before: int | None) -> str:
    if before is None:
        return ""
    return "next" if before == 0 else f"{before} before it"


def _reason(job: JobInfo) -> str:
    if job.failure is not None:
        lines = job.failure.message.strip().splitlines()
        return f"{job.failure.type}: {lines[0]}" if lines else job.failure.type
    # Of a traceback, the last line says what happened.
    lines = (job.error or "").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _doing(progress: Progress, *, running: bool) -> str:
    parts = [progress.phase] if running and progress.phase not in _USUAL_PHASES else []
    if progress.errors_logged:
        parts.append(f"{progress.errors_logged:,} error{'s' if progress.errors_logged > 1 else ''} logged")
    return ", ".join(parts)


def samples(progress: Progress | None) -> str:
    """Write how many samples are answered.

    Parameters
    ----------
    progress
        How far the job is.

    Returns
    -------
    str
        For example ``1,312 / 2,374``; empty while the number is unknown.
    """
    if progress is None or not progress.samples_total:
        return ""
    return f"{progress.samples_done:,} / {progress.samples_total:,}"


def fraction(progress: Progress | None) -> float | None:
    """Compute the share of answered samples.

    Parameters
    ----------
    progress
        How far the job is.

    Returns
    -------
    float or None
        Between 0 and 1, to the thousandth; None while the number of samples is unknown.
    """
    if progress is None or not progress.samples_total:
        return None
    # Finer steps than a bar can show would be changes to send.
    return round(min(1.0, max(0.0, progress.samples_done / progress.samples_total)), 3)


def rate(value: float | None) -> str:
    """Write samples per second, for example ``12.3/s``."""
    return f"{short_number(value)}/s" if value else ""


def score(value: float | None, stderr: float | None, digits: int = 3) -> tuple[str, str]:
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


def score_name(metric: Metric) -> str:
    """Name a score in full, for example ``mme mme_score (none)`` without a filter that says nothing."""
    words = [metric.task, metric.metric, *([f"({metric.filter})"] if metric.filter != "none" else [])]
    return " ".join(words)


def tasks(names: Sequence[str]) -> str:
    """Write the first task, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}" if names else ""


def devices(names: Sequence[str]) -> str:
    """Write device names in little room: ``cuda:0,1`` for ``["cuda:0", "cuda:1"]``."""
    numbers: dict[str, list[str]] = {}
    for name in names:
        kind, colon, number = name.partition(":")
        numbers.setdefault(kind + colon, []).append(number)
    return " ".join(kind + ",".join(each) for kind, each in numbers.items())


def memory(used: int | None, total: int | None) -> str:
    """Write how much of a memory is used, for example ``62.0 / 85.0 GB``."""
    if total is None:
        return ""
    return f"{'?' if used is None else f'{used / 1e9:.1f}'} / {total / 1e9:.1f} GB"


def seconds(text: str | None) -> float | None:
    """Read a time of the server.

    Parameters
    ----------
    text
        ISO 8601; lmms-eval's own server writes local time without a zone.

    Returns
    -------
    float or None
        Seconds since the epoch; None if there is none or it cannot be read.
    """
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know Z
    except ValueError:
        return None
    return read.astimezone(timezone.utc).timestamp()


def duration(started: float | None, ended: float | None, now: float) -> str:
    """Write how long a job runs or ran.

    Parameters
    ----------
    started, ended
        Seconds since the epoch; None for what has not happened.
    now
        The present, likewise.

    Returns
    -------
    str
        Empty if it did not start.
    """
    return "" if started is None else clock((now if ended is None else ended) - started)
