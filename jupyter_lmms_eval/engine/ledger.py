"""What is known of all jobs: the live ones in memory, all of them on disk, and a revision for every change."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import sqlite3
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from ..protocol.jobs import JobInfo, JobList, JobStatus
from .errors import DiskFull, JobNotFound
from .figures import Figures
from .job_card import Submission
from .listeners import CALM_SECONDS, Listeners
from .queueing import Job, JobQueue
from .store import Arrival, JobStore, StoredJob

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Directories and cards of new jobs are made when none has arrived for so long (seconds), so many between two looks at
# who waits by now; but when so many are due, new jobs wait for them.
QUIET_SECONDS = 0.02
CARDS_AT_ONCE = 16
MOST_CARDS_DUE = 512
# How often to try what the database did not take (seconds).
SAVE_AGAIN_SECONDS = 1.0


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
    shortage
        Says that there is no room for a new job, in words, or None; blocking.
    forget
        Deletes what a job needs only as long as it is not over; blocking for a moment.

    Attributes
    ----------
    figures
        What happened to the jobs, counted.
    """

    def __init__(
        self,
        store: JobStore,
        queue: JobQueue,
        most_finished: int,
        shortage: Callable[[], str | None] = lambda: None,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._most_finished = most_finished
        self._shortage = shortage
        self._forget = forget
        self.figures = Figures()
        self._arriving: list[tuple[Arrival, asyncio.Future[Job | None]]] = []
        self._arrived = asyncio.Event()
        self._storing: asyncio.Task[None] | None = None
        # One thread: SQLite's transactions never interleave, and the event loop never waits for the disk.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lmms-eval-store")
        self._jobs: dict[str, Job] = {}
        self._finished: deque[str] = deque()
        self._forgotten = 0
        self._revision = 0
        self._unsaved: dict[str, Job] = {}
        self._catching_up: asyncio.Task[None] | None = None
        # A second copy of what the database could count: with 100,000 jobs it would take 10 ms at every look.
        self._counts: Counter[JobStatus] = Counter()
        # The jobs that changed since the start, the last change last.
        self._recent: dict[str, Job] = {}
        # No job that is on disk only has a later revision.
        self._recent_since = 0
        # Revisions and tags of different servers on a state directory have nothing to do with each other.
        self._life = secrets.token_hex(4)
        self._status_revision = 0
        self._explained = 0.0
        self._closed = False
        self._listeners = Listeners(lambda: self._revision, self._explain)

    async def open(self) -> list[StoredJob]:
        """Read where the revisions are, and return the jobs that are not over, in order of arrival."""
        self._revision = self._recent_since = await self._stored(self._store.last_revision)
        self._counts.update(await self._stored(self._store.counts))
        return await self._stored(self._store.unfinished)

    async def close(self) -> None:
        """Write what could not be written before, if that is possible now, and close the database.

        Whoever waits for a change is told that there is none.
        """
        self._closed = True
        if self._storing is not None:
            await asyncio.gather(self._storing, return_exceptions=True)
        await self._listeners.close()
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)
        await self._save_again()
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

    @property
    def closed(self) -> bool:
        """Whether nothing will change any more."""
        return self._closed

    @property
    def revision(self) -> int:
        """The revision of the last change."""
        return self._revision

    async def changes(self, since: int, most: int | None = None) -> JobList:
        """Return the jobs that changed after a revision, in the order of their changes.

        Parameters
        ----------
        since
            The revision.
        most
            About so many at once: the answer's revision is then that up to which it is complete. None for all.

        Returns
        -------
        JobList
            The jobs, and the revision to go on from.
        """
        self._explain()
        if since >= self._recent_since:  # the disk knows nothing newer
            found = self._recent_after(since)
            cut = most is not None and len(found) > most
            part = found[:most] if cut else found
            revision = part[-1].info.revision if cut else self._revision
            return JobList(jobs=[self.told(job) for job in part], revision=revision)
        before, forgotten = self._revision, self._forgotten
        rows = await self._stored(self._store.changed, since, most)
        # What is in memory is newer than what was stored. A job that left memory meanwhile is told the next time.
        revision = self._revision if forgotten == self._forgotten else before
        if most is not None and len(rows) == most:
            revision = min(revision, rows[-1].revision)
        changed = {info.job_id: info for info in rows if info.job_id not in self._jobs}
        changed |= {name: self.told(job) for name, job in self._jobs.items() if since < job.info.revision <= revision}
        jobs = sorted(changed.values(), key=lambda info: info.revision)
        if most is not None and len(jobs) > most:
            jobs = jobs[:most]
            revision = jobs[-1].revision
        return JobList(jobs=jobs, revision=revision)

    def _recent_after(self, since: int) -> list[Job]:
        found = list(itertools.takewhile(lambda job: job.info.revision > since, reversed(self._recent.values())))
        found.reverse()
        return found

    async def news(self, since: int, patience: float, most: int | None = None) -> JobList:
        """Return the jobs that changed after a revision as soon as there are any.

        Parameters
        ----------
        since
            The revision. One that is higher than any comes from an earlier server, and is answered at once.
        patience
            Seconds to wait for a change.
        most
            As for `changes`.

        Returns
        -------
        JobList
            As of `changes`; without jobs if time is up or the ledger is closed.
        """
        deadline = time.monotonic() + patience
        while True:
            found = await self.changes(since, most)
            left = deadline - time.monotonic()
            if found.jobs or found.revision < since or left <= 0 or self._closed:
                return found
            # A job that is being stored has a revision, but is not told of before it is safe.
            since = found.revision
            await self._listeners.change(since, left)

    async def other_status(self, job_id: str, status: JobStatus, patience: float) -> JobInfo:
        """Return a job as soon as its status is another one, or when time is up.

        Parameters
        ----------
        job_id
            The job.
        status
            Its status as last heard.
        patience
            Seconds to wait.

        Raises
        ------
        JobNotFound
            If there never was one with this id.
        """
        deadline = time.monotonic() + patience
        while True:
            info = await self.get(job_id)
            left = deadline - time.monotonic()
            if info.status is not status or info.status.finished or left <= 0 or self._closed:
                return info
            await self._listeners.other_status(job_id, left)

    def _explain(self) -> None:
        """Count it as a change if a job waits for another reason than before.

        All jobs that wait are looked at, so that many who ask at once share one look.
        """
        if time.monotonic() - self._explained < CALM_SECONDS / 2:
            return
        for job in self._queue.newly_explained():
            self.note(job)
        self._explained = time.monotonic()

    # Tags cost nothing to make. Positions change without a revision, but not without the queue: a job leaves it before
    # its change is counted, and joins it after.

    def tag(self) -> str:
        """Name the present state of all jobs: as long as it is the same, every listing is."""
        self._explain()
        return f"{self._life}.{self._revision}.{self._queue.turns}"

    def status_tag(self) -> str:
        """Name who waits and who runs: as long as it is the same, so is the queue."""
        return f"{self._life}.s{self._status_revision}.{self._queue.turns}"

    def job_tag(self, info: JobInfo) -> str:
        """Name the state of a job as it is told by `get`."""
        reason = zlib.crc32((info.wait_reason or "").encode())
        where = "" if info.position_in_queue is None else f".{info.position_in_queue}.{reason:x}"
        return f"{self._life}.{info.revision}{where}"

    async def current_tag(self, job_id: str) -> str | None:
        """Name the present state of a job without reading all of it; None if there is none with this id."""
        if job := self._jobs.get(job_id):
            return self.job_tag(self.told(job))
        revision = await self._stored(self._store.revision_of, job_id)
        return None if revision is None else f"{self._life}.{revision}"

    async def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs are in each status."""
        return {status: self._counts[status] for status in JobStatus}

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
        stored: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        self._arriving.append((Arrival(info, submission), stored))
        self._arrived.set()
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_arrivals())
        return await stored

    async def _store_arrivals(self) -> None:
        """Store what arrives, all that came while the last group was stored as one group; then the cards."""
        while self._arriving or self._store.cards_due:
            if not self._arriving and self._store.cards_due <= MOST_CARDS_DUE and not self._closed:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), QUIET_SECONDS)
            if not self._arriving or self._store.cards_due > MOST_CARDS_DUE:
                await self._stored(self._store.write_cards, CARDS_AT_ONCE)
                continue
            self._arrived.clear()
            group, self._arriving = self._arriving, []
            try:
                places = await self._stored(self._add_group, [arrival for arrival, _ in group])
            except Exception as error:
                logger.exception("New jobs could not be stored")
                places = [error] * len(group)
            for (arrival, stored), place in zip(group, places, strict=True):
                found = self._taken_in(arrival.info, place) if isinstance(place, int) else place
                if stored.done():  # whoever submitted it has gone
                    continue
                if isinstance(found, Exception):
                    stored.set_exception(found)
                else:
                    stored.set_result(found)

    def _add_group(self, arrivals: Sequence[Arrival]) -> list[int | Exception | None]:
        if self._shortage():
            return [DiskFull(self._store.folder) for _ in arrivals]
        return self._store.add_group(arrivals)

    def _taken_in(self, info: JobInfo, seq: int) -> Job:
        # Counted anew: whoever listed the jobs while this one was stored must hear of it.
        job = Job(info.model_copy(update={"revision": self._next_revision()}), seq)
        self._jobs[job.id] = self._recent[job.id] = job
        self._counts[info.status] += 1
        self._status_revision += 1
        self.figures.arrived(job.id)
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
        known, before = job.info, job.info.status
        job.info = job.info.model_copy(update={**changes, "revision": self._next_revision()})
        self.figures.changed(known, job.info)
        self._recent.pop(job.id, None)
        self._recent[job.id] = job
        if job.info.status is not before:
            self._counts[before] -= 1
            self._counts[job.info.status] += 1
            self._status_revision += 1
            self._listeners.turned(job.id)

    async def update(self, job: Job, **changes: Any) -> None:
        """Change a job, in memory and on disk.

        If the database takes nothing for now (the disk is full, another program holds it), memory goes ahead, and
        the change is stored as soon as it can be. A server that dies in between finds the job in its earlier state,
        from which it is continued.
        """
        self.note(job, **changes)
        try:
            await self._stored(self._save, job.info)
            self._unsaved.pop(job.id, None)
        except (DiskFull, sqlite3.OperationalError) as error:
            logger.warning("Job %s is %s, which could not be stored: %s", job.id, job.info.status.value, error)
            self._unsaved[job.id] = job
            if self._catching_up is None or self._catching_up.done():
                self._catching_up = asyncio.create_task(self._catch_up())

    async def finish(self, job: Job, **changes: Any) -> None:
        """Let a job be over."""
        await self.update(job, **changes)
        self._finished.append(job.id)
        while len(self._finished) > self._most_finished and self._finished[0] not in self._unsaved:
            forgotten = self._jobs.pop(self._finished.popleft(), None)
            self._forgotten += 1
            if forgotten is not None:
                self._recent.pop(forgotten.id, None)
                self._recent_since = max(self._recent_since, forgotten.info.revision)

    async def written(self) -> None:
        """Wait until all that was to be stored before this was asked is stored."""
        await self._stored(lambda: None)

    async def _catch_up(self) -> None:
        """Store what could not be stored before as soon as it can be."""
        while self._unsaved:
            await asyncio.sleep(SAVE_AGAIN_SECONDS)
            await self._save_again()

    async def _save_again(self) -> None:
        for job in list(self._unsaved.values()):
            try:
                await self._stored(self._save, job.info)
            except (DiskFull, sqlite3.OperationalError):
                return
            self._unsaved.pop(job.id, None)

    def _save(self, info: JobInfo) -> None:
        self._store.save(info)
        if info.status.finished:  # not before that is on disk: a server that dies in between tries the job again
            self._forget(info.job_id)

    def _next_revision(self) -> int:
        self._revision += 1
        self._listeners.touched()
        return self._revision

    async def _stored(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
