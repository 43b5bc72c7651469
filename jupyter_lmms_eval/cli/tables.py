"""Tables of jobs, scores and devices, for terminals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from ..client.progress import clock
from ..protocol.jobs import JobInfo, JobStatus
from ..protocol.server import Device
from . import cells

_BAR = 6  # columns
_NEEDED_WIDTH = {
    "Device": 100,
    "Time": 84,
    "Tasks": 72,
    "Score": 66,
}  # columns of a terminal below which one is left out
_ARROWS = {True: "↑", False: "↓", None: ""}


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
        parts += [Text(), _JobTable([cells.job_row(job, at) for job in known])]
    if devices:
        parts += [Text(), devices_table(devices)]
    return Group(*parts)


def _summary(jobs: Sequence[JobInfo], silence: float | None) -> Text:
    counts = Counter(job.status for job in jobs)
    words = [f"{counts[status]} {status.value}" for status in JobStatus if counts[status]]
    text = Text(", ".join(words) or "No jobs yet.")
    if silence is not None:
        text.append(f"\nThe server has not answered for {clock(silence)}; this is what it said last.", style="yellow")
    return text


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in right or column in ("Job", "Device"),
        )
    return table


class _JobTable:
    """A row per job; a narrow terminal gets fewer columns instead of narrow ones."""

    def __init__(self, rows: Sequence[cells.JobRow]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        titles = ["Job", "Model", "Tasks", "Status", "Progress", "Score", "Time", "Device"]
        dropped = [title for title, width in _NEEDED_WIDTH.items() if options.max_width < width]
        shown = [title for title in titles if title not in dropped]
        table = _table(*shown, right=("Score", "Time"))
        for column in table.columns:
            # What is short stays whole, names are cut, sentences are wrapped.
            column.no_wrap = column.header != "Progress"
            if column.header in ("Model", "Tasks"):
                column.overflow, column.max_width = "ellipsis", max(8, min(24, (options.max_width - 64) // 4))
            elif column.header == "Progress":
                column.min_width, column.ratio = 20, 1
        for row in self._rows:
            values = {
                "Job": Text(row.job),
                "Model": Text(row.title),
                "Tasks": Text(row.tasks),
                "Status": Text(row.status, style=row.style),
                "Progress": _progress(row),
                "Score": Text(row.score),
                "Time": Text(row.duration),
                "Device": Text(row.devices),
            }
            table.add_row(*(values[title] for title in shown))
        yield table


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
        The jobs, as models or as the server's JSON. Those without scores get a line that says so.

    Returns
    -------
    RenderableType
        For `rich.print`.
    """
    known = [JobInfo.model_validate(job) for job in jobs]
    scores = [metric for job in known for metric in job.metrics or []]
    filters = any(metric.filter != "none" for metric in scores)
    table = _table(
        *("Job", "Model", "Task", "Metric"), *(("Filter",) if filters else ()), "", "Score", "Std. error", "Samples",
        right=("Score", "Std. error", "Samples"),
    )  # fmt: skip
    for job in known:
        who: list[RenderableType] = [job.job_id[: cells.SHORT_ID], Text(job.request.name or job.request.model)]
        for metric in job.metrics or []:
            value, stderr = cells.score_parts(metric.value, metric.stderr, digits=4)
            table.add_row(
                *who,
                Text(metric.task, style="bold" if metric.group else ""),
                metric.metric,
                *((metric.filter,) if filters else ()),
                _ARROWS[metric.higher_is_better],
                value or Text("none", style="dim"),
                stderr and f"± {stderr}",
                "" if metric.samples is None else f"{metric.samples:,}",
            )
            who = ["", Text("")]  # once per job is enough
        if not job.metrics:
            row = cells.job_row(job, datetime.now(timezone.utc))
            table.add_row(*who, Text("no scores" if job.status is JobStatus.COMPLETED else row.status))
    return table


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
    table = _table("Device", "Name", "Memory (GB)", "Busy", "Job", right=("Memory (GB)", "Busy"))
    for device in known:
        used = "?" if device.memory_used is None else cells.size(device.memory_used)
        table.add_row(
            device.id,
            Text(device.name),
            "" if device.memory_total is None else f"{used} / {cells.size(device.memory_total)}",
            "" if device.utilization is None else f"{device.utilization:.0%}",
            device.job_id[: cells.SHORT_ID] if device.job_id else Text("free", style="dim"),
        )
    return table
