"""Tables of jobs, scores and devices, for terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ..client import wording
from ..client.progress import clock
from ..protocol.jobs import JobInfo, JobStatus
from ..protocol.server import Device
from . import cells
from .fitting import FittingTable

_BAR = 6  # columns
_SCORE_COLUMNS = ("Job", "Model", "Task", "Metric", "Filter", "", "Score", "Std. error", "Samples")


def live_table(
    jobs: Sequence[JobInfo | Mapping[str, Any]],
    devices: Sequence[Device | Mapping[str, Any]] | None = None,
    *,
    now: datetime | None = None,
    silence: float | None = None,
) -> RenderableType:
    """Show jobs, and the devices they run on.

    Parameters
    ----------
    jobs
        The jobs, as models or as the server's JSON.
    devices
        The devices, if they are to be shown.
    now
        The time, with its zone; default: the clock's.
    silence
        Seconds for which the server has not answered; None if it does.

    Returns
    -------
    RenderableType
        For `rich.print`, or for `rich.live.Live.update`.
    """
    known = [JobInfo.model_validate(job) for job in jobs]
    parts: list[RenderableType] = [_summary(known, silence)]
    if known:
        at = now or datetime.now(timezone.utc)
        parts += [Text(), _jobs([cells.job_row(job, at) for job in known])]
    if devices:
        parts += [Text(), devices_table(devices)]
    return Group(*parts)


def _summary(jobs: Sequence[JobInfo], silence: float | None) -> Text:
    text = Text(wording.counts(job.status for job in jobs) or "No jobs yet.")
    if silence is not None:
        text.append(f"\nThe server has not answered for {clock(silence)}; this is what it said last.", style="yellow")
    return text


def _jobs(rows: Sequence[cells.JobRow]) -> FittingTable:
    return FittingTable(
        {
            "Job": [Text(row.job) for row in rows],
            "Model": [Text(row.title) for row in rows],
            "Tasks": [Text(row.tasks) for row in rows],
            "Status": [Text(row.status, style=row.style) for row in rows],
            "Progress": [_progress(row) for row in rows],
            "Score": [Text(row.score) for row in rows],
            "Time": [Text(row.duration) for row in rows],
            "Device": [Text(row.devices) for row in rows],
        },
        right=("Score", "Time"),
        names=("Model", "Tasks"),
        sentences=("Progress",),
        expendable=("Device", "Time", "Tasks", "Score"),
    )


def _progress(row: cells.JobRow) -> Text:
    text = Text()
    if row.fraction is not None:
        full = int(row.fraction * _BAR)
        text.append("━" * full, style=row.style).append("─" * (_BAR - full), style="dim").append(" ")
    return text.append(" ".join(part for part in (row.note, row.rate, row.eta and f"{row.eta} left") if part))


def results_table(jobs: Sequence[JobInfo | Mapping[str, Any]]) -> RenderableType:
    """Show the scores of jobs, with their standard errors.

    Parameters
    ----------
    jobs
        The jobs, as models or as the server's JSON. Those without scores get a line that says so; those that were
        told to finish early are named below the table.

    Returns
    -------
    RenderableType
        For `rich.print`.
    """
    known = [JobInfo.model_validate(job) for job in jobs]
    rows = [row for job in known for row in _scores(job)]
    notes = wording.partial_notes(known)
    columns = {title: [row.get(title, Text()) for row in rows] for title in _SCORE_COLUMNS}
    if not any(cell.plain for cell in columns["Filter"]):
        del columns["Filter"]
    table = FittingTable(
        columns,
        right=("Score", "Std. error", "Samples"),
        names=("Model", "Task", "Metric", *(["Filter"] if "Filter" in columns else [])),
        expendable=("Samples", "Job"),
    )
    return Group(table, *(Text(note) for note in notes)) if notes else table


def _scores(job: JobInfo) -> list[dict[str, Text]]:
    rows = []
    for metric in job.metrics or []:
        value, stderr = wording.score_parts(metric.value, metric.stderr, digits=4)
        rows.append(
            {
                "Task": Text(metric.task, style="bold" if metric.group else ""),
                "Metric": Text(metric.metric),
                "Filter": Text(wording.filter_name(metric.filter)),
                "": Text(wording.ARROWS[metric.higher_is_better]),
                "Score": Text(value) if value else Text("none", style="dim"),
                "Std. error": Text(stderr and f"± {stderr}"),
                "Samples": Text("" if metric.samples is None else f"{metric.samples:,}"),
            }
        )
    if not rows:
        status = "no scores" if job.status is JobStatus.COMPLETED else wording.status(job.status)
        rows.append({"Task": Text(status)})
    # Once per job is enough.
    rows[0] |= {"Job": Text(job.job_id[: wording.SHORT_ID]), "Model": Text(wording.title(job))}
    return rows


def devices_table(devices: Sequence[Device | Mapping[str, Any]]) -> RenderableType:
    """Show devices and who holds them.

    Parameters
    ----------
    devices
        The devices, as models or as the server's JSON.

    Returns
    -------
    RenderableType
        For `rich.print`.
    """
    known = [Device.model_validate(device) for device in devices]
    return FittingTable(
        {
            "Device": [Text(device.id) for device in known],
            "Name": [Text(device.name) for device in known],
            "Memory (GB)": [Text(wording.memory(device.memory_used, device.memory_total)) for device in known],
            "Busy": [Text("" if device.utilization is None else f"{device.utilization:.0%}") for device in known],
            "Job": [Text(wording.holder(device), style="" if device.job_id else "dim") for device in known],
        },
        right=("Memory (GB)", "Busy"),
        names=("Name",),
        sentences=("Job",) if any(device.held_by for device in known) else (),
    )
