"""How many samples tasks have, as the evaluations on this state directory counted them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence

from ..protocol.jobs import JobInfo, JobStatus
from .ledger import JobLedger
from .outcome import sample_counts

# So many completed jobs are looked at, the newest first, and not more often than so (seconds).
JOBS = 200
LOOK_SECONDS = 5.0


class TaskSizes:
    """Numbers of samples of tasks.

    Parameters
    ----------
    ledger
        The jobs.
    """

    def __init__(self, ledger: JobLedger) -> None:
        self._ledger = ledger
        self._read: set[tuple[str, int]] = set()
        self._sizes: dict[str, int] = {}
        self._tag, self._looked = "", -math.inf

    async def get(self) -> Mapping[str, int]:
        """Return the number of samples of each task of which it is known."""
        tag = self._ledger.status_tag()
        if tag != self._tag and time.monotonic() - self._looked > LOOK_SECONDS:
            self._tag, self._looked = tag, time.monotonic()
            page = await self._ledger.page(statuses=[JobStatus.COMPLETED], limit=JOBS)
            new = [info for info in page.jobs if (info.job_id, info.attempt) not in self._read]
            self._read |= {(info.job_id, info.attempt) for info in new}
            # What a newer job counted holds.
            self._sizes = await asyncio.to_thread(_counted, new[::-1], self._sizes)
        return self._sizes


def _counted(jobs: Sequence[JobInfo], known: Mapping[str, int]) -> dict[str, int]:
    sizes = dict(known)
    for info in jobs:
        sizes |= {task: count.original for task, count in sample_counts(info).items() if count.original is not None}
    return sizes
