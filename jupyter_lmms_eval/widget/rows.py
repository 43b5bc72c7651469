"""Jobs and devices as rows that a page can show, and the differences between two states of a row."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..client import wording
from ..protocol.jobs import JobInfo, Metric
from ..protocol.server import Device
from ..results import headline

_NOTE = 160  # characters


class Row(TypedDict):
    """A job as the page shows it: words, and the numbers that it sorts by or computes with."""

    job_id: str
    short_id: str
    name: str
    model: str
    tasks: str
    all_tasks: str
    status: str
    fraction: float | None
    samples: str
    note: str
    advice: str
    rate: str
    rate_number: float | None
    eta: str
    eta_number: float | None
    score: str
    stderr: str
    score_name: str
    score_number: float | None
    created: float | None
    started: float | None
    ended: float | None
    devices: str
    partial: bool


class DeviceRow(TypedDict):
    """A device as the page shows it."""

    id: str
    name: str
    memory: str
    memory_share: float | None
    busy_share: float | None
    job_id: str | None
    held_by: str
    model: str


class ScoreRow(TypedDict):
    """A score in the table below a job."""

    task: str
    metric: str
    filter: str
    direction: str
    score: str
    stderr: str
    samples: str
    group: bool


def job_row(job: JobInfo) -> Row:
    """Put a job into words.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    Row
        What its row shows. The same job gives the same row at any time: durations are left to the page's clock.
    """
    pace = wording.pace_of(job)
    share = wording.fraction(job)
    best = headline(job.metrics or [])
    value, stderr = wording.score_parts(best.value, best.stderr) if best else ("", "")
    return Row(
        job_id=job.job_id,
        short_id=job.job_id[: wording.SHORT_ID],
        name=job.request.name or "",
        model=job.request.model,
        tasks=wording.tasks(job.request.tasks),
        all_tasks=", ".join(job.request.tasks),
        status=job.status.value,
        # Finer steps than a bar can show would be changes to send.
        fraction=None if share is None else round(share, 3),
        samples=wording.samples(job, " / "),
        note=textwrap.shorten(wording.note(job), _NOTE, placeholder=" …"),
        advice=job.failure.advice if job.failure else "",
        rate=wording.rate(job),
        rate_number=pace.rate if pace else None,
        eta=wording.time_left(job),
        eta_number=pace.eta_seconds if pace else None,
        score=value,
        stderr=stderr,
        score_name=_score_name(best) if best else "",
        score_number=best.value if best else None,
        created=_seconds(job.created_at),
        started=_seconds(job.started_at),
        ended=_seconds(job.completed_at) if job.status.finished else None,
        devices=wording.devices(job.devices),
        partial=job.partial,
    )


def _score_name(metric: Metric) -> str:
    """Name a score in full, for example ``mme mme_score``, or ``gsm8k exact_match (strict)`` with a filter."""
    chosen = wording.filter_name(metric.filter)
    return " ".join([metric.task, metric.metric, *([f"({chosen})"] if chosen else [])])


def _seconds(text: str | None) -> float | None:
    """Read a time of the server, in seconds since the epoch."""
    at = wording.moment(text)
    return None if at is None else at.timestamp()


def device_row(device: Device) -> DeviceRow:
    """Put a device into words.

    Parameters
    ----------
    device
        The device.

    Returns
    -------
    DeviceRow
        What is shown of it; shares are rounded to what a small bar can show.
    """
    memory = wording.memory(device.memory_used, device.memory_total)
    share = None
    if device.memory_total and device.memory_used is not None:
        share = round(min(1.0, device.memory_used / device.memory_total), 2)
    return DeviceRow(
        id=device.id,
        name=device.name,
        memory=memory and f"{memory} GB",
        memory_share=share,
        busy_share=None if device.utilization is None else round(device.utilization, 2),
        job_id=device.job_id,
        held_by=device.held_by or "",
        model=device.model or "",
    )


def score_rows(metrics: Sequence[Metric]) -> list[ScoreRow]:
    """Put the scores of a job into words, in their order.

    Parameters
    ----------
    metrics
        The scores.

    Returns
    -------
    list of ScoreRow
        One for each.
    """
    rows = []
    for metric in metrics:
        value, stderr = wording.score_parts(metric.value, metric.stderr, digits=4)
        rows.append(
            ScoreRow(
                task=metric.task,
                metric=metric.metric,
                filter=wording.filter_name(metric.filter),
                direction=wording.ARROWS[metric.higher_is_better],
                score=value or "none",
                stderr=stderr and f"± {stderr}",
                samples="" if metric.samples is None else f"{metric.samples:,}",
                group=metric.group,
            )
        )
    return rows


def difference(before: Mapping[str, Any] | None, after: Row) -> dict[str, Any]:
    """Find what of a row the page does not know yet.

    Parameters
    ----------
    before
        The row as the page knows it; None if it does not.
    after
        The row as it is.

    Returns
    -------
    dict
        The changed fields and ``job_id``; all fields of a new row; nothing if nothing changed.
    """
    if before is None:
        return dict(after)
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return {"job_id": after["job_id"], **changed} if changed else {}
