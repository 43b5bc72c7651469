"""The life of jobs: accepted, queued, placed on devices, run, finished."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..protocol.jobs import EvaluateRequest, JobInfo, JobList, JobResults, JobStatus, LogChunk, QueueStatusResponse
from ..protocol.run import RunFiles
from ..protocol.server import Device
from .catalog import CatalogCache, require_evaluation_packages
from .clock import now
from .devices import Devices
from .environment import threads_per_process
from .errors import InvalidRequest, JobAlreadyFinished, JobNotFinished, JobNotFound, KeyReused, ResultsNotReady
from .logs import read_log
from .outcome import finished_job, job_results
from .paths import with_absolute_paths
from .process import end_leftover
from .queueing import Job, JobQueue, job_directory
from .run import Run
from .settings import SchedulerSettings
from .state_dir import StateDir
from .store import JobStore, Submission
from .validation import Findings, examine

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Accepted:
    """An evaluation that was accepted.

    Attributes
    ----------
    info
        The job.
    new
        Whether it was made now; otherwise its idempotency key found it.
    """

    info: JobInfo
    new: bool


class JobScheduler:
    """Accepts evaluations and runs them when devices are free.

    All methods belong to one event loop. ``start`` before use, ``stop`` after it.

    Parameters
    ----------
    settings
        How it works.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._finished: deque[str] = deque()
        self._forgotten = 0
        self._revision = 0
        self._wake = asyncio.Event()
        self._runs: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Take the state directory, put what was unfinished back into the queue, begin to place jobs.

        Raises
        ------
        EvaluationPackagesMissing
            If lmms-eval is not installed.
        StateDirTaken
            If another server works there.
        """
        require_evaluation_packages()
        self._state_dir = StateDir(self._settings.state_dir)
        try:
            # One thread: SQLite's transactions never interleave, and the event loop never waits for the disk.
            self._store_thread = ThreadPoolExecutor(1, thread_name_prefix="lmms-eval-store")
            self._store = JobStore(self._state_dir.database)
            self._devices = Devices(self._settings.cpu_slots)
            self._queue = JobQueue(self._devices.ids)
            self.catalog = CatalogCache(self._state_dir.catalogs, self._settings.include_paths)
            await self._restore()
        except BaseException:
            self._state_dir.close()
            raise
        self._wake.set()  # what was restored is placed at once
        self._placing = asyncio.create_task(self._place_forever())
        self._first_catalog = asyncio.create_task(self._warm_catalog())

    async def stop(self) -> None:
        """End everything. Running jobs go back to the queue, for the next server on this state directory."""
        for task in (self._placing, self._first_catalog):
            task.cancel()
        await asyncio.gather(self._placing, self._first_catalog, return_exceptions=True)
        await self.catalog.close()
        running = [job.run for job in self._jobs.values() if job.run is not None]
        await asyncio.gather(*(run.interrupt() for run in running))
        await asyncio.gather(*self._runs, return_exceptions=True)
        await self._stored(self._store.close)
        self._store_thread.shutdown()
        self._devices.close()
        self._state_dir.close()

    async def _restore(self) -> None:
        self._revision = await self._stored(self._store.last_revision)
        for stored in await self._stored(self._store.unfinished):
            job = Job(stored.info, stored.seq)
            self._jobs[stored.info.job_id] = job
            if stored.info.status is JobStatus.RUNNING:
                await asyncio.to_thread(end_leftover, job.directory)
                await self._back_to_queue(job)
            self._queue.add(job)

    async def _warm_catalog(self) -> None:
        try:
            await self.catalog.get()
        except Exception:  # whoever needs the catalog gets the error; here it is only early
            logger.warning("The catalog of tasks could not be built at start", exc_info=True)

    # ------------------------------------------------------------------------------------------- clients

    async def submit(self, request: EvaluateRequest, key: str | None = None) -> Accepted:
        """Accept an evaluation: it is on disk when this returns.

        Parameters
        ----------
        request
            The evaluation.
        key
            Idempotency key: a second submission with the same one answers the first job.

        Raises
        ------
        KeyReused
            If the key came before with another request.
        InvalidRequest
            If it cannot work.
        CatalogUnavailable
            If the tasks and models could not be listed.
        """
        submission = Submission.of(key, request) if key is not None else None
        if submission and (known := await self._submitted_before(submission)):
            return Accepted(known, new=False)
        findings = await self._examine(request, fresh=False)
        if findings.errors:  # the task may be seconds old
            findings = await self._examine(request, fresh=True)
        if findings.errors:
            raise InvalidRequest(findings.errors)
        request = with_absolute_paths(request.model_copy(update={"tasks": findings.tasks}), Path.cwd())
        job_id = str(uuid.uuid4())
        info = JobInfo(
            job_id=job_id,
            status=JobStatus.QUEUED,
            created_at=now(),
            request=EvaluateRequest.model_validate(request.model_dump(exclude=set(request.unknown_fields))),
            warnings=findings.warnings,
            revision=self._next_revision(),
            job_dir=str(self._state_dir.job_dir(self._settings.temp_dir_prefix, job_id)),
        )
        await asyncio.to_thread(job_directory(info).mkdir, mode=0o700, parents=True)
        seq = await self._stored(self._store.add, info, submission)
        if seq is None and submission:  # another client was faster with the same key
            await asyncio.to_thread(job_directory(info).rmdir)
            known = await self._submitted_before(submission)
            assert known is not None  # noqa: S101  (that is why nothing was added)
            return Accepted(known, new=False)
        # Counted anew: whoever listed the jobs while this one was stored must hear of it.
        job = Job(info.model_copy(update={"revision": self._next_revision()}), int(seq or 0))
        self._jobs[job_id] = job
        self._enqueue(job)
        return Accepted(self._now(job), new=True)

    async def _examine(self, request: EvaluateRequest, *, fresh: bool) -> Findings:
        catalog = await self.catalog.get(fresh=fresh)
        return examine(request, catalog, self._devices.ids, self._include_paths)

    async def _submitted_before(self, submission: Submission) -> JobInfo | None:
        found = await self._stored(self._store.submitted, submission.key)
        if found is None:
            return None
        job_id, digest = found
        if digest != submission.digest:
            raise KeyReused(f"This idempotency key belongs to job {job_id}, whose request is another; use a new key")
        return await self.get(job_id)

    async def retry(self, job_id: str, *, keep_answers: bool = True) -> JobInfo:
        """Put a finished job back into the queue, under its id and with its next attempt.

        Parameters
        ----------
        job_id
            The job.
        keep_answers
            Whether samples that were answered before count; otherwise the model is asked again.

        Raises
        ------
        JobNotFound
            If there is no such job.
        JobNotFinished
            If it waits or runs.
        """
        info = await self.get(job_id)
        if not info.status.finished:
            raise JobNotFinished(f"Job {job_id} is {info.status.value}; cancel it before it can be tried again")
        if not keep_answers:
            await asyncio.to_thread(RunFiles(job_directory(info)).journal.unlink, missing_ok=True)
        job = Job(info, await self._stored(self._store.place_of, job_id))
        self._jobs[job_id] = job
        if job_id in self._finished:
            self._finished.remove(job_id)
        cleared = dict.fromkeys(("started_at", "completed_at", "result", "error", "failure", "metrics", "progress"))
        await self._update(job, **cleared, status=JobStatus.QUEUED, devices=[])
        self._enqueue(job)
        return self._now(job)

    async def get(self, job_id: str) -> JobInfo:
        """Return a job, from memory or from disk.

        Raises
        ------
        JobNotFound
            If there never was one with this id.
        """
        if job := self._jobs.get(job_id):
            return self._now(job)
        info = await self._stored(self._store.get, job_id)
        if info is None:
            raise JobNotFound(job_id)
        return info

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
        jobs = [self._now(job) if (job := self._jobs.get(row.info.job_id)) else row.info for row in found]
        cursor = str(found[-1].seq) if len(found) == limit else None
        return JobList(jobs=jobs, next_cursor=cursor, revision=revision)

    async def changes(self, since: int) -> JobList:
        """Return every job that changed after a revision, and the revision it has now."""
        for job in self._queue.newly_explained():
            job.info = job.info.model_copy(update={"revision": self._next_revision()})
        before, forgotten = self._revision, self._forgotten
        changed = {info.job_id: info for info in await self._stored(self._store.changed, since)}
        # What is in memory is newer than what was stored. A job that left memory meanwhile is told the next time.
        revision = self._revision if forgotten == self._forgotten else before
        changed |= {name: self._now(job) for name, job in self._jobs.items() if job.info.revision > since}
        return JobList(jobs=list(changed.values()), revision=revision)

    async def queue(self) -> QueueStatusResponse:
        """Return what waits and what runs."""
        counts = await self._stored(self._store.counts)
        running = sorted(
            (job for job in self._jobs.values() if job.info.status is JobStatus.RUNNING),
            key=lambda job: str(job.info.started_at),
        )
        return QueueStatusResponse(
            queue_size=len(self._queue),
            running_job=running[0].info.job_id if running else None,
            queued_jobs=self._queue.ids,
            completed_jobs=counts[JobStatus.COMPLETED],
            failed_jobs=counts[JobStatus.FAILED],
            running_jobs=[job.info.job_id for job in running],
        )

    def descriptors(self) -> list[int]:
        """Return the open files that this process alone may hold; a forked child must close its copies.

        A child that kept them would hold the state directory, and would let evaluations outlive their server.
        """
        pipes = [job.run.descriptor for job in self._jobs.values() if job.run is not None]
        return [self._state_dir.descriptor, *(pipe for pipe in pipes if pipe is not None)]

    @property
    def queue_size(self) -> int:
        """Number of jobs that wait."""
        return len(self._queue)

    @property
    def running_count(self) -> int:
        """Number of jobs that run."""
        return len(self._runs)

    async def cancel(self, job_id: str) -> JobInfo:
        """Cancel a queued or running job; returns when its processes are gone.

        Raises
        ------
        JobNotFound
            If there is no such job.
        JobAlreadyFinished
            If it is over.
        """
        info = await self.get(job_id)
        job = self._jobs.get(job_id)
        if job is None or info.status.finished:
            raise JobAlreadyFinished("Job already finished or cancelled")
        if job.run is None:
            self._queue.remove(job)
            await self._finish(job, {"status": JobStatus.CANCELLED, "completed_at": now()})
        else:
            await job.run.cancel()
            await job.finished.wait()
        return self._now(job)

    async def results(self, job_id: str) -> JobResults:
        """Return the parsed results of a completed job.

        Raises
        ------
        JobNotFound
            If there is no such job.
        ResultsNotReady
            If it has none: not finished, failed, or cancelled.
        """
        info = await self.get(job_id)
        if info.status is not JobStatus.COMPLETED:
            hint = "wait until it is completed" if not info.status.finished else "it has no results"
            raise ResultsNotReady(f"Job {job_id} is {info.status.value}; {hint}")
        return await asyncio.to_thread(job_results, info)

    async def log(self, job_id: str, offset: int = 0) -> LogChunk:
        """Return a part of a job's log; see `read_log`."""
        info = await self.get(job_id)
        path = RunFiles(job_directory(info)).log
        return await asyncio.to_thread(read_log, path, offset, finished=info.status.finished)

    async def devices(self) -> list[Device]:
        """Return the devices, with the jobs that hold them."""
        found = await asyncio.to_thread(self._devices.read)
        return [device.model_copy(update={"job_id": self._queue.holder(device.id)}) for device in found]

    # ------------------------------------------------------------------------------------------- placing

    async def _place_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for job, granted in self._queue.starting():
                self._start(job, granted)

    def _start(self, job: Job, granted: tuple[str, ...]) -> None:
        self._queue.remove(job)
        self._queue.hold(granted, job)
        job.run = Run(
            job_dir=job.directory,
            attempt=job.info.attempt + 1,
            devices=granted,
            include_paths=self._include_paths,
            threads=threads_per_process(len(self._devices.ids)),
        )
        task = asyncio.create_task(self._run(job, job.run))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)

    async def _run(self, job: Job, run: Run) -> None:
        """Run one attempt of a job from its start to its end."""
        try:
            await self._update(
                job,
                status=JobStatus.RUNNING,
                started_at=now(),
                devices=list(run.devices),
                attempt=run.attempt,
                progress=run.progress,
            )
            await run.execute(job.info, on_progress=lambda: self._note_progress(job, run))
            if run.interrupted and not run.concluded:
                await self._back_to_queue(job)
            else:
                await self._finish(job, await asyncio.to_thread(finished_job, run))
        except Exception as error:
            logger.exception("Job %s could not be run", job.info.job_id)
            message = f"The server could not run the job: {type(error).__name__}: {error}"
            await self._finish(job, {"status": JobStatus.FAILED, "completed_at": now(), "error": message})
        finally:
            job.run = None
            self._queue.release(job)
            self._wake.set()

    def _note_progress(self, job: Job, run: Run) -> None:
        warnings = [*job.info.warnings, *(text for text in run.notices if text not in job.info.warnings)]
        # In memory only: a crash loses a moment of display, and the events file has it anyway.
        job.info = job.info.model_copy(
            update={"progress": run.progress, "warnings": warnings, "revision": self._next_revision()}
        )

    async def _back_to_queue(self, job: Job) -> None:
        text = "The server stopped while the job ran; it starts again"
        await self._update(
            job,
            status=JobStatus.QUEUED,
            started_at=None,
            devices=[],
            progress=None,
            warnings=[*job.info.warnings, *([text] if text not in job.info.warnings else [])],
        )

    async def _finish(self, job: Job, changes: dict[str, Any]) -> None:
        await self._update(job, **changes)
        job.finished.set()
        self._finished.append(job.info.job_id)
        while len(self._finished) > self._settings.max_completed_jobs:
            self._jobs.pop(self._finished.popleft(), None)
            self._forgotten += 1

    # ------------------------------------------------------------------------------------------- bookkeeping

    @property
    def _include_paths(self) -> list[str]:
        return [os.path.realpath(folder) for folder in self._settings.include_paths]

    def _now(self, job: Job) -> JobInfo:
        """Return the job with what holds just at this moment."""
        if job.info.status is not JobStatus.QUEUED:
            return job.info
        return job.info.model_copy(
            update={"position_in_queue": self._queue.position(job), "wait_reason": self._queue.reason(job)}
        )

    def _enqueue(self, job: Job) -> None:
        self._queue.add(job)
        self._wake.set()

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    async def _update(self, job: Job, **changes: Any) -> None:
        job.info = job.info.model_copy(update={**changes, "revision": self._next_revision()})
        await self._stored(self._store.save, job.info)

    async def _stored(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._store_thread, call, *arguments)
