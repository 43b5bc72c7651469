"""Jobs and devices as rows that a page can show, and the differences between two states of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..client.progress import clock
from ..protocol.jobs import JobInfo, JobStatus, Metric
from ..protocol.server import Device
from ..results import headline
from . import cells


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


class DeviceRow(TypedDict):
    """A device as the page shows it."""

    id: str
    name: str
    memory: str
    memory_share: float | None
    busy_share: float | None
    job_id: str | None


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


_DIRECTIONS = {True: "↑", False: "↓", None: ""}


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
    running = job.status is JobStatus.RUNNING
    progress = job.progress if running or job.status is JobStatus.COMPLETED else None
    pace = job.progress if running else None
    best = headline(job.metrics or [])
    value, stderr = cells.score(best.value, best.stderr) if best else ("", "")
    eta = None if pace is None else pace.eta_seconds
    return Row(
        job_id=job.job_id,
        short_id=job.job_id[: cells.SHORT_ID],
        name=job.request.name or "",
        model=job.request.model,
        tasks=cells.tasks(job.request.tasks),
        all_tasks=", ".join(job.request.tasks),
        status=job.status.value,
        fraction=cells.fraction(pace),
        samples=cells.samples(progress),
        note=cells.note(job),
        advice=job.failure.advice if job.failure else "",
        rate=cells.rate(pace.rate) if pace else "",
        rate_number=pace.rate if pace else None,
        eta="" if eta is None else clock(eta),
        eta_number=eta,
        score=value,
        stderr=stderr,
        score_name=cells.score_name(best) if best else "",
        score_number=best.value if best else None,
        created=cells.seconds(job.created_at),
        started=cells.seconds(job.started_at),
        ended=cells.seconds(job.completed_at) if job.status.finished else None,
        devices=cells.devices(job.devices),
    )


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
    share = None
    if device.memory_total and device.memory_used is not None:
        share = round(min(1.0, device.memory_used / device.memory_total), 2)
    return DeviceRow(
        id=device.id,
        name=device.name,
        memory=cells.memory(device.memory_used, device.memory_total),
        memory_share=share,
        busy_share=None if device.utilization is None else round(device.utilization, 2),
        job_id=device.job_id,
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
        value, stderr = cells.score(metric.value, metric.stderr, digits=4)
        rows.append(
            ScoreRow(
                task=metric.task,
                metric=metric.metric,
                filter="" if metric.filter == "none" else metric.filter,
                direction=_DIRECTIONS[metric.higher_is_better],
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
