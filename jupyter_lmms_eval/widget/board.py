"""What the table shows at the moment, and which message tells a page that knew it a moment ago."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..protocol.jobs import JobInfo, JobStatus
from .rows import DeviceRow, Row, device_row, difference, job_row
from .watch import News

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_RECENT = 120.0  # seconds; twice the longest pause between two messages while a job runs
_NOTABLE_SHARE = 0.05  # of a device's memory


class Board:
    """The rows of a table.

    Its methods answer messages for the page, or None where nothing changed. Not for several threads at once.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.devices: list[DeviceRow] = []
        self.server: dict[str, Any] = {"url": "", "trouble": "", "silent_since": None}
        self.heard_at: float | None = None
        self._changed_at: dict[str, float] = {}
        self._sequence = 0

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return any(row["status"] == JobStatus.RUNNING for row in self.rows.values())

    def status(self, job_id: str) -> str:
        """Return the status of a job, empty if it has no row."""
        return self.rows[job_id]["status"] if job_id in self.rows else ""

    def whole(self, now: float) -> dict[str, Any]:
        """Return everything, for a page that knows nothing."""
        return {
            "type": "patch",
            "sequence": self._sequence,
            "now": now,
            "reset": True,
            "rows": list(self.rows.values()),
            "devices": self.devices,
            "server": self.server,
        }

    def recent(self, now: float) -> dict[str, Any]:
        """Return in full what may have changed lately, for a page that may have missed a message."""
        rows = [
            row
            for job_id, row in self.rows.items()
            if row["status"] in _UNFINISHED or now - self._changed_at.get(job_id, 0) < _RECENT
        ]
        return self._message(now, rows=rows, devices=self.devices, server=self.server)

    def hear(self, news: News, now: float) -> dict[str, Any] | None:
        """Take in what was heard.

        Parameters
        ----------
        news
            What the server said, or that it did not.
        now
            Seconds since the epoch.

        Returns
        -------
        dict or None
            The message that tells the differences; rows are kept while the server is silent.
        """
        parts: dict[str, Any] = {}
        if news.trouble:
            since = self.server["silent_since"] or now
            server = {"url": news.url or self.server["url"], "trouble": news.trouble, "silent_since": since}
        else:
            self.heard_at = now
            server = {"url": news.url, "trouble": "", "silent_since": None}
            parts |= self._jobs(news.jobs, everything=news.everything, now=now)
        if news.devices is not None:
            devices = [device_row(device) for device in news.devices]
            if devices != self.devices and (self.running or _notable(self.devices, devices)):
                self.devices = parts["devices"] = devices
        if server != self.server:
            self.server = parts["server"] = server
        return self._message(now, **parts) if parts else None

    def _jobs(self, jobs: Iterable[JobInfo], *, everything: bool, now: float) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        after = {job.job_id: job_row(job) for job in jobs}
        if patches := [patch for row in after.values() if (patch := difference(self.rows.get(row["job_id"]), row))]:
            parts["rows"] = patches
        if everything and (gone := [job_id for job_id in self.rows if job_id not in after]):
            parts["gone"] = gone
            for job_id in gone:
                del self.rows[job_id]
        self.rows |= after
        self._changed_at |= {patch["job_id"]: now for patch in patches}
        return parts

    def _message(self, now: float, **parts: Any) -> dict[str, Any]:
        self._sequence += 1
        return {"type": "patch", "sequence": self._sequence, "now": now, **parts}


def _notable(before: list[DeviceRow], after: list[DeviceRow]) -> bool:
    """Whether a change is worth a message while no job runs: each counts as a sign of life of the kernel."""
    # That somebody else holds a device, not in which words: they may name an amount of memory that wavers.
    if _holders(before) != _holders(after):
        return True
    shares = zip((row["memory_share"] or 0 for row in before), (row["memory_share"] or 0 for row in after), strict=True)
    return any(abs(now - then) >= _NOTABLE_SHARE for then, now in shares)


def _holders(rows: list[DeviceRow]) -> list[tuple[str, str | None, bool, str]]:
    return [(row["id"], row["job_id"], bool(row["held_by"]), row["model"]) for row in rows]
