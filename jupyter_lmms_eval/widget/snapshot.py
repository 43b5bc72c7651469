"""The table as text and as plain HTML, for where nothing is live: saved notebooks, exports, other front ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from html import escape

from ..client import wording
from ..client.progress import clock
from ..protocol.jobs import JobStatus
from .rows import Row

MOST = 100  # rows; a saved notebook must stay small

_HEADINGS = ("Job", "Model", "Tasks", "Status", "Progress", "Score", "Time", "Device")
_RIGHT = ("Score", "Time")
_WIDEST = 40  # characters of a cell of the text


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Put rows in the order of the table.

    Parameters
    ----------
    rows
        The rows.

    Returns
    -------
    list of Row
        What runs, the longest first; what waits, the oldest first; what is over, the latest first.
    """

    def key(row: Row) -> tuple[int, float]:
        if row["status"] == JobStatus.RUNNING:
            return 0, row["started"] or 0.0
        if row["status"] == JobStatus.QUEUED:
            return 1, row["created"] or 0.0
        return 2, -(row["ended"] or row["created"] or 0.0)

    return sorted(rows, key=key)


def summary(rows: Iterable[Row]) -> str:
    """Count jobs by status.

    Parameters
    ----------
    rows
        The rows.

    Returns
    -------
    str
        For example ``1 running, 3 completed``.
    """
    return wording.counts(row["status"] for row in rows) or "No jobs yet"


def as_text(rows: Sequence[Row], now: float, heard_at: float | None = None) -> str:
    """Write the table in plain characters.

    Parameters
    ----------
    rows
        The rows, as they should stand.
    now
        The present, seconds since the epoch.
    heard_at
        When the server said so; default: now.

    Returns
    -------
    str
        A heading line and a line for each job.
    """
    title = f"{summary(rows)} ({_when(heard_at or now)})"
    if not rows:
        return title
    table = [_HEADINGS, *(_cells(row, now) for row in rows[:MOST])]
    table = [tuple(_clip(cell) for cell in line) for line in table]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            cell.rjust(width) if heading in _RIGHT else cell.ljust(width)
            for cell, width, heading in zip(line, widths, _HEADINGS, strict=True)
        ).rstrip()
        for line in table
    ]
    return "\n".join([title, *lines, *_rest(rows)])


def as_html(rows: Sequence[Row], now: float, heard_at: float | None = None) -> str:
    """Write the table as HTML without styles or scripts of its own, which exports would remove.

    Parameters
    ----------
    rows
        The rows, as they should stand.
    now
        The present, seconds since the epoch.
    heard_at
        When the server said so; default: now.

    Returns
    -------
    str
        One ``<table>``; every text in it is escaped.
    """
    head = "".join(f'<th scope="col"{_align(heading)}>{heading}</th>' for heading in _HEADINGS)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_align(heading)}>{escape(cell)}</td>"
            for heading, cell in zip(_HEADINGS, _cells(row, now), strict=True)
        )
        + "</tr>\n"
        for row in rows[:MOST]
    )
    rest = "".join(f"<p>{escape(line)}</p>\n" for line in _rest(rows))
    return (
        f"<table>\n<caption>Evaluation jobs, {_when(heard_at or now)}: {escape(summary(rows))}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n{rest}"
    )


def _cells(row: Row, now: float) -> tuple[str, ...]:
    progress = [row["samples"], row["note"], row["rate"], row["eta"] and f"{row['eta']} left"]
    return (
        " ".join(part for part in (row["short_id"], row["name"]) if part),
        row["model"],
        row["tasks"],
        wording.status(JobStatus(row["status"])),
        ", ".join(part for part in progress if part),
        wording.with_error(row["score"], row["stderr"]),
        _duration(row, now),
        row["devices"],
    )


def _duration(row: Row, now: float) -> str:
    end = row["ended"] if JobStatus(row["status"]).finished else now
    return "" if row["started"] is None or end is None else clock(end - row["started"])


def _clip(cell: str) -> str:
    one_line = " ".join(cell.split())
    return one_line if len(one_line) <= _WIDEST else one_line[: _WIDEST - 1] + "…"


def _rest(rows: Sequence[Row]) -> list[str]:
    return [f"and {len(rows) - MOST:,} more"] if len(rows) > MOST else []


def _align(heading: str) -> str:
    side = "right" if heading in _RIGHT else "left"
    # The attribute is all that GitHub keeps; JupyterLab's own style for tables gives way to a style only.
    return f' align="{side}" style="text-align: {side}"'


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")
