"""Everything about one job, or about the server, for terminals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..client import wording
from ..client.attempts import attempts
from ..protocol.jobs import EvaluateRequest, JobInfo
from . import cells
from .tables import results_table


def job_details(job: JobInfo | Mapping[str, Any], now: datetime | None = None) -> RenderableType:
    """Show all that is known about a job.

    Parameters
    ----------
    job
        The job, as a model or as the server's JSON.
    now
        The time, with its zone; default: the clock's.

    Returns
    -------
    RenderableType
        For `rich.print`.
    """
    known = JobInfo.model_validate(job)
    row = cells.job_row(known, now or datetime.now(timezone.utc))
    progress = " ".join(part for part in (row.note, row.rate, f"{row.eta} left" if row.eta else "") if part)
    failure, tried = known.failure, attempts(known)
    parts: list[RenderableType] = [
        _pairs(
            {
                "Job": known.job_id,
                "Status": row.status,
                "Progress": "" if failure else progress,
                "Error": ": ".join(filter(None, (failure.type, failure.message))) if failure else known.error or "",
                "Advice": failure.advice if failure else "",
                "Log": (failure.log_path or "") if failure else "",
                "Request": _request(known.request),
                "Devices": row.devices,
                "Created": _local(known.created_at),
                "Started": _local(known.started_at),
                "Ended": _local(known.completed_at),
                "Time": row.duration,
                "Attempt": str(known.attempt) if known.attempt > 1 and not tried else "",
                "Attempts": "\n".join(tried),
                "Folder": known.job_dir or "",
                "Warnings": "\n".join(known.warnings),
            }
        )
    ]
    if known.metrics:
        parts += [Text(), results_table([known])]
    return Group(*parts)


def server_details(url: str, health: Mapping[str, Any], queue: Mapping[str, Any]) -> RenderableType:
    """Show what a server says about itself.

    Parameters
    ----------
    url
        Its address.
    health
        Its answer to ``/health``.
    queue
        Its answer to ``/queue``.

    Returns
    -------
    RenderableType
        For `rich.print`.
    """
    running = queue.get("running_jobs") or [job for job in [queue.get("running_job")] if job]
    return _pairs(
        {
            "Server": url,
            "Status": str(health.get("status", "")),
            "Version": str(health.get("version") or ""),
            "Process": str(health.get("pid") or ""),
            "Running": " ".join(job[: wording.SHORT_ID] for job in running),
            "Queued": str(queue.get("queue_size", "")),
            "Completed": str(queue.get("completed_jobs", "")),
            "Failed": str(queue.get("failed_jobs", "")),
            "Warnings": "\n".join(health.get("notices") or []),
        }
    )


def _pairs(entries: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in entries.items():
        if value:
            table.add_row(name, Text(value))
    return table


def _request(request: EvaluateRequest) -> str:
    given = request.model_dump(mode="json", exclude_defaults=True)
    return "\n".join(
        f"{name} = {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in given.items()
    )


def _local(text: str | None) -> str:
    at = wording.moment(text)
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else ""
