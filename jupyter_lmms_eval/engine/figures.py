"""Counts what happens to jobs, for whoever watches a server over weeks: plain numbers since its start."""

from __future__ import annotations

import bisect
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..protocol.jobs import JobInfo, JobStatus

# Seconds; from a forked evaluation of a few samples to a night on a GPU.
BOUNDS = (0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 86400)


@dataclass
class Histogram:
    """How often durations were how long.

    Attributes
    ----------
    counts
        Number of durations up to each of `BOUNDS` and beyond the one before; the last is of longer ones.
    total
        Sum of all, in seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration; one below zero, which a clock that was set back makes, counts as none."""
        seconds = max(0.0, seconds)
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def up_to(self) -> list[tuple[float, int]]:
        """Return how many durations were at most so long, for each bound and at last for infinity."""
        sums, so_far = [], 0
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            so_far += count
            sums.append((float(bound), so_far))
        return sums


class Figures:
    """What happened to the jobs of a server since it started.

    Attributes
    ----------
    started
        Attempts by how they began: ``fresh``, ``forked``, ``warm``. Counted when they end.
    finished
        Jobs that are over, by status. One that is tried again by a person may be counted again.
    waited
        How long jobs waited before each attempt.
    lasted
        How long finished jobs ran, all attempts together, by status.
    phases
        Seconds that attempts spent in each phase.
    samples
        Samples answered; what a second attempt finds answered is not counted again.
    """

    def __init__(self) -> None:
        self.started: Counter[str] = Counter()
        self.finished: Counter[JobStatus] = Counter()
        self.waited = Histogram()
        self.lasted: dict[JobStatus, Histogram] = {}
        self.phases: dict[str, float] = {}
        self.samples = 0
        self._waiting_since: dict[str, float] = {}
        self._samples_of: dict[str, int] = {}

    def arrived(self, job_id: str) -> None:
        """Count a new job; it waits from now on."""
        self._waiting_since[job_id] = time.monotonic()

    def timed(self, timings: Mapping[str, float]) -> None:
        """Count the phases of an attempt.

        Parameters
        ----------
        timings
            Seconds by phase, as its outcome tells (`RunOutcome.timings`).
        """
        for phase, seconds in timings.items():
            self.phases[phase] = self.phases.get(phase, 0.0) + max(0.0, seconds)

    def changed(self, before: JobInfo, after: JobInfo) -> None:
        """Count what a change of a job means.

        Parameters
        ----------
        before, after
            The job.
        """
        name = after.job_id
        if after.status is JobStatus.RUNNING:
            if before.status is not JobStatus.RUNNING:
                self._began(after)
            done = after.progress.samples_done if after.progress else 0
            known = self._samples_of.get(name, 0)
            self.samples += max(0, done - known)
            self._samples_of[name] = max(done, known)
        elif before.status is JobStatus.RUNNING:
            self._samples_of.pop(name, None)
            if after.attempts and (how := after.attempts[-1].start):
                self.started[how] += 1
        if after.status is JobStatus.QUEUED and before.status is not JobStatus.QUEUED:
            self.arrived(name)
        if after.status.finished and not before.status.finished:
            self._ended(after)

    def _began(self, info: JobInfo) -> None:
        since = self._waiting_since.pop(info.job_id, None)
        # A job of an earlier server has waited since before this one could see it.
        self.waited.add(_seconds(info.created_at, info.started_at) if since is None else time.monotonic() - since)
        self._samples_of[info.job_id] = max((attempt.samples_done for attempt in info.attempts), default=0)

    def _ended(self, info: JobInfo) -> None:
        self._waiting_since.pop(info.job_id, None)
        self.finished[info.status] += 1
        if info.attempts:
            self.lasted.setdefault(info.status, Histogram()).add(sum(attempt.seconds for attempt in info.attempts))


def _seconds(begin: str, end: str | None) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() if end else 0.0
