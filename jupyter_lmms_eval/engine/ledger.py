"""What is known of all jobs: the live ones in memory, all of them on disk, and a revision for every change."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..protocol.jobs import JobInfo, JobList, JobStatus
from .errors import DiskFull, JobNotFound
from .queueing import Job, JobQueue
from .store import JobStore, StoredJob, Submission

logger = logging.getLogger(__name__)
T = TypeVar("T")


class JobLedger:
    """All jobs of a state directory.

    All methods belong to one event loop.

    Parameters
    ----------
    store
        The jobs on disk.
    queue
        Who says why and where a job waits.
    most_finished
        Finished jobs kept in memory.
    """

    def __init__(self, store: JobStore, queue: JobQueue, most_finished: int) -> None:
        self._store = store
        self._queue = queue
        self._most_finished = most_finished
        # One thread: SQLite's transactions never interleave, and the event loop never waits for the disk.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lmms-eval-store")
        self._jobs: dict[str, Job] = {}
        self._finished: deque[str] = deque()
        self._forgotten = 0
        self._revision = 0
        self._unsaved: dict[str, Job] = {}

    async def open(self) -> list[StoredJob]:
        """Read where the revisions are, and return the jobs that are not over, in order of arrival."""
        self._revision = await self._stored(self._store.last_revision)
        return await self._stored(self._store.unfinished)

    async def close(self) -> None:
        """Write what a full disk kept from being written, if that is possible now, and close the database."""
        await self.save_again()
        await self._stored(self._store.close)
        self._thread.shutdown()

    # ------------------------------------------------------------------------------------------- reading

    @property
    def live(self) -> list[Job]:
        """The jobs in memory."""
        return list(self._jobs.values())

    def job(self, job_id: str) -> Job | None:
        """Return a job that is in memory."""
        return self._jobs.get(job_id)

    def told(self, job: Job) -> JobInfo:
        """Return what is told of a job, with what holds just at this moment."""
        if job.info.status is not JobStatus.QUEUED:
            return job.info
        return job.info.model_copy(
            update={"position_in_queue": self._queue.position(job), "wait_reason": self._queue.reason(job)}
        )

    async def get(self, job_id: str) -> JobInfo:
        """Return a job, from memory or from disk.

        Raises
        ------
        JobNotFound
            If there never was one with this id.
        """
        if job := self._jobs.get(job_id):
            return self.told(job)
        info = await self._stored(self._store.get, job_id)
        if info is None:
            raise JobNotFound(job_id)
        return info

    async def submitted(self, submission: Submission) -> tuple[str, str] | None:
        """Return the job that a key was used for, and the digest of its request; None if it was never used."""
        return await self._stored(self._store.submitted, submission.key)

    async def page(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        model: str | None = None,
        task: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> JobList:
        """Return a page of jobs, newest first; see `JobStore.page`."""
        revision = self._revision  # what changes while the page is read is told again
        found = await self._stored(
            lambda: self._store.page(statuses=statuses, model=model, task=task, before=before, limit=limit)
        )
        jobs = [self.told(job) if (job := self._jobs.get(row.info.job_id)) else row.info for row in found]
        cursor = str(found[-1].seq) if len(found) == limit else None
        return JobList(jobs=jobs, next_cursor=cursor, revision=revision)

    async def changes(self, since: int) -> JobList:
        """Return every job that changed after a revision, and the revision it has now."""
        for job in self._queue.newly_explained():
            self.note(job)
        before, forgotten = self._revision, self._forgotten
        changed = {info.job_id: info for info in await self._stored(self._store.changed, since)}
        # What is in memory is newer than what was stored. A job that left memory meanwhile is told the next time.
        revision = self._revision if forgotten == self._forgotten else before
        changed |= {name: self.told(job) for name, job in self._jobs.items() if job.info.revision > since}
        return JobList(jobs=list(changed.values()), revision=revision)

    async def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs are in each status."""
        return await self._stored(self._store.counts)

    # ------------------------------------------------------------------------------------------- writing

    async def add(self, info: JobInfo, submission: Submission | None = None) -> Job | None:
        """Take a new job in: it is on disk when this returns.

        Returns
        -------
        Job or None
            None, and nothing is kept, if its submission's key was used before.

        Raises
        ------
        DiskFull
            If it cannot be stored.
        """
        info = info.model_copy(update={"revision": self._next_revision()})
        seq = await self._stored(self._store.add, info, submission)
        if seq is None:
            return None
        # Counted anew: whoever listed the jobs while this one was stored must hear of it.
        job = Job(info.model_copy(update={"revision": self._next_revision()}), seq)
        self._jobs[job.id] = job
        return job

    def restore(self, stored: StoredJob) -> Job:
        """Take a job of an earlier server into memory."""
        job = Job(stored.info, stored.seq)
        self._jobs[job.id] = job
        return job

    async def recall(self, info: JobInfo) -> Job:
        """Take a finished job back into memory, to live again."""
        job = Job(info, await self._stored(self._store.place_of, info.job_id))
        self._jobs[job.id] = job
        if job.id in self._finished:
            self._finished.remove(job.id)
        return job

    def note(self, job: Job, **changes: Any) -> None:
        """Change a job in memory only: what a crash may forget."""
        job.info = job.info.model_copy(update={**changes, "revision": self._next_revision()})

    async def update(self, job: Job, **changes: Any) -> None:
        """Change a job, in memory and on disk.

        On a full disk memory goes ahead and `save_again` catches up. A server that dies in between finds the job
        in its earlier state, from which it is continued.
        """
        self.note(job, **changes)
        try:
            await self._stored(self._store.save, job.info)
            self._unsaved.pop(job.id, None)
        except DiskFull as error:
            logger.warning("Job %s is %s, which could not be stored: %s", job.id, job.info.status.value, error)
            self._unsaved[job.id] = job

    async def finish(self, job: Job, **changes: Any) -> None:
        """Let a job be over."""
        await self.update(job, **changes)
        job.finished.set()
        self._finished.append(job.id)
        while len(self._finished) > self._most_finished and self._finished[0] not in self._unsaved:
            self._jobs.pop(self._finished.popleft(), None)
            self._forgotten += 1

    @property
    def unsaved(self) -> bool:
        """Whether a full disk keeps changes from being stored."""
        return bool(self._unsaved)

    async def save_again(self) -> None:
        """Store what a full disk kept from being stored, if it can be by now."""
        for job in list(self._unsaved.values()):
            try:
                await self._stored(self._store.save, job.info)
            except DiskFull:
                return
            self._unsaved.pop(job.id, None)

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    async def _stored(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
