"""The life of jobs: accepted, cancelled, tried again, looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..protocol.jobs import (
    EvaluateRequest,
    JobInfo,
    JobResults,
    JobStatus,
    LogChunk,
    QueueStatusResponse,
    RetryRequest,
    UpdateRequest,
)
from ..protocol.run import RunFiles
from ..protocol.samples import SampleMedia, SamplePage
from ..protocol.server import Device
from .admission import Admission
from .catalog import CatalogCache, require_evaluation_packages
from .devices import Devices
from .disk import needing_room
from .dispatcher import Dispatcher
from .errors import (
    DiskFull,
    JobAlreadyFinished,
    JobNotFinished,
    JobNotQueued,
    ResultsNotReady,
)
from .ledger import JobLedger
from .logs import read_log
from .media import MediaStore, MediumFile
from .media_process import MediaProcess
from .outcome import job_results
from .queueing import Job, JobQueue, job_directory
from .recovery import open_store
from .samples import SampleReader, Wanted
from .settings import SchedulerSettings
from .state_dir import StateDir
from .surroundings import Surroundings
from .task_sizes import TaskSizes
from .template import Template
from .vault import Vault

logger = logging.getLogger(__name__)


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

    Attributes
    ----------
    ledger
        The jobs, to be looked at.
    catalog
        The tasks and models.
    task_sizes
        How many samples tasks have.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        # Finished jobs come back into memory one at a time.
        self._recalling = asyncio.Lock()
        self._samples = SampleReader()

    # ------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Take the state directory, put what was unfinished back into the queue, begin to place jobs.

        Raises
        ------
        EvaluationPackagesMissing
            If lmms-eval is not installed.
        StateDirTaken
            If another server works there.
        StoreTooNew
            If a newer version of this package worked there.
        """
        require_evaluation_packages()
        self._state_dir = StateDir(self._settings.state_dir)
        try:
            store, self._notices = await asyncio.to_thread(open_store, self._state_dir)
            for notice in self._notices:
                logger.warning("%s", notice)
            self._devices = Devices(self._settings.cpu_slots, min_free_gpu_memory=self._settings.min_free_gpu_memory)
            self._surroundings = Surroundings(self._devices, self._state_dir.root, self._settings.disk_reserve)
            self._template = Template(self._state_dir.root) if self._settings.keep_imported else None
            self._queue = JobQueue(self._devices.ids)
            self._vault = Vault(self._state_dir.secrets)
            self.ledger = JobLedger(
                store,
                self._queue,
                self._settings.max_completed_jobs,
                self._surroundings.shortage,
                self._vault.forget,
            )
            self._dispatcher = Dispatcher(self._settings, self._queue, self.ledger, self._surroundings, self._template)
            self.task_sizes = TaskSizes(self.ledger)
            self.catalog = CatalogCache(self._state_dir.catalogs, self._settings.include_paths)
            self._admission = Admission(
                self._settings,
                self._state_dir,
                self._devices.ids,
                self._queue,
                self.ledger,
                self._vault,
                self.catalog,
                self._dispatcher.expect,
            )
            process = MediaProcess(self._state_dir.root)
            self._media = MediaStore(self._state_dir.root / "media", self._settings.include_paths, process)
            unfinished = [self.ledger.restore(stored) for stored in await self.ledger.open()]
            await asyncio.to_thread(self._vault.keep_only, {job.id for job in unfinished})
            await self._dispatcher.continue_after_restart(unfinished)
        except BaseException:
            self._state_dir.close()
            raise
        self._dispatcher.start()
        self._first_catalog = asyncio.create_task(self._warm_catalog())

    async def stop(self) -> None:
        """End everything. Running jobs go back to the queue, for the next server on this state directory."""
        self._first_catalog.cancel()
        await asyncio.gather(self._first_catalog, return_exceptions=True)
        await self.catalog.close()
        await self._media.close()
        await self._dispatcher.stop()
        if self._template is not None:
            self._template.close()
        await self.ledger.close()
        self._devices.close()
        self._state_dir.close()

    async def _warm_catalog(self) -> None:
        try:
            await self.catalog.get()
        except Exception:  # whoever needs the catalog gets the error; here it is only early
            logger.warning("The catalog of tasks could not be built at start", exc_info=True)
        if self._template is not None:  # one after the other: neither is to slow down the start
            self._template.start()

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
        DiskFull, StorageFull
            If there is no room for it; nothing of it is kept.
        QueueFull
            If too many jobs wait.
        """
        job = await self._admission.admit(request, key)
        if isinstance(job, JobInfo):
            return Accepted(job, new=False)
        self._dispatcher.enqueue(job)
        # Its reason to wait would be a decision about the whole queue.
        info = job.info.model_copy(update={"position_in_queue": self._queue.position(job)})
        return Accepted(info, new=True)

    async def cancel(self, job_id: str) -> JobInfo:
        """Cancel a queued or running job; returns when its processes are gone.

        Cancelling a cancelled job changes nothing.

        Raises
        ------
        JobNotFound
            If there is no such job.
        JobAlreadyFinished
            If it is over otherwise.
        """
        job = await self._unfinished(job_id)
        if job is not None:
            await self._dispatcher.cancel(job)
        return await self._cancelled(job_id)

    async def finish_early(self, job_id: str) -> JobInfo:
        """Let a job answer no more, score the samples that are complete, and end as cancelled with these scores.

        Returns at once; a queued job with answers from earlier attempts does it when its turn comes. A job without
        an answer is just cancelled.

        Raises
        ------
        JobNotFound
            If there is no such job.
        JobAlreadyFinished
            If it is over otherwise.
        DiskFull
            If there is no room to note it.
        """
        job = await self._unfinished(job_id)
        if job is None:
            return await self._cancelled(job_id)
        files = RunFiles(job.directory)
        if not await asyncio.to_thread(_has_content, files.journal):
            return await self.cancel(job_id)
        if job.info.status.finished:  # meanwhile
            return await self._cancelled(job_id)
        await self.ledger.update(job, finishing=True)
        try:
            # After the record: an evaluation that obeys is never one of which nobody knows that it was told so.
            with needing_room(self._state_dir.root):
                await asyncio.to_thread(files.finish.touch)
        except (DiskFull, OSError):
            await self.ledger.update(job, finishing=False)
            raise
        return self.ledger.told(job)

    async def _unfinished(self, job_id: str) -> Job | None:
        """Return a job that is not over; None if it was cancelled."""
        info = await self.get(job_id)
        job = self.ledger.job(job_id)
        if job is not None and not job.info.status.finished:
            return job
        if info.status is not JobStatus.CANCELLED:
            raise JobAlreadyFinished("Job already finished or cancelled")
        return None

    async def _cancelled(self, job_id: str) -> JobInfo:
        info = await self.get(job_id)
        if info.status is not JobStatus.CANCELLED:  # it came to its end in just this moment
            raise JobAlreadyFinished("Job already finished or cancelled")
        return info

    async def retry(self, job_id: str, *, keep_answers: bool = True, given: RetryRequest | None = None) -> JobInfo:
        """Put a finished job back into the queue, under its id and with its next attempt.

        Parameters
        ----------
        job_id
            The job.
        keep_answers
            Whether samples that were answered before count; otherwise the model is asked again.
        given
            The fields of its request that held secrets, which were deleted when it ended.

        Raises
        ------
        JobNotFound
            If there is no such job.
        JobNotFinished
            If it waits or runs.
        SecretsNeeded
            If it had secrets that are not given.
        InvalidRequest
            If what is given differs from its request in more than secrets.
        QueueFull, DiskFull
            If there is no room for it.
        """
        async with self._recalling:
            return await self._retry(job_id, keep_answers, given or RetryRequest())

    async def _retry(self, job_id: str, keep_answers: bool, given: RetryRequest) -> JobInfo:
        info = await self.get(job_id)
        if not info.status.finished:
            raise JobNotFinished(f"Job {job_id} is {info.status.value}; cancel it before it can be tried again")
        self._admission.refuse_if_many_wait()
        request, secrets = await asyncio.to_thread(self._admission.request_again, info, given)
        if secrets:
            # The end of the job may still be on its way to the disk, and takes the old ones away.
            await self.ledger.written()
            await asyncio.to_thread(self._vault.keep, job_id, secrets)
            info = info.model_copy(update={"request": request})
        files = RunFiles(job_directory(info))
        await asyncio.to_thread(files.finish.unlink, missing_ok=True)
        if not keep_answers:
            await asyncio.to_thread(files.journal.unlink, missing_ok=True)
        job = await self.ledger.recall(info)
        nothing = ("started_at", "completed_at", "result", "error", "failure", "metrics", "progress")
        await self.ledger.update(
            job,
            **dict.fromkeys(nothing),
            status=JobStatus.QUEUED,
            devices=[],
            attempts=[],
            finishing=False,
            partial=False,
        )
        if job.info.status is JobStatus.QUEUED:  # nobody cancelled it meanwhile
            self._dispatcher.enqueue(job)
        return self.ledger.told(job)

    async def update(self, job_id: str, changes: UpdateRequest) -> JobInfo:
        """Give a job another name, and one that waits another priority.

        Parameters
        ----------
        job_id
            The job.
        changes
            What is to be other; all of it is done, or nothing.

        Raises
        ------
        JobNotFound
            If there is no such job.
        JobNotQueued
            If its priority is to be changed, and it does not wait.
        """
        async with self._recalling:
            info = await self.get(job_id)
            job = self.ledger.job(job_id)
            wanted = changes.model_dump(include=changes.model_fields_set)
            if "priority" in wanted and (job is None or not _waits(job)):
                how = "starts" if job is not None and self._starts(job) else f"is {info.status.value}"
                raise JobNotQueued(f"Job {job_id} {how}; only the priority of a queued job can be changed")
            if job is None:
                job = await self.ledger.recall(info)
                await self.ledger.finish(job, request=info.request.model_copy(update=wanted))
                return job.info
            if _waits(job):
                # Nothing is awaited between the two: it is sorted by what changes, and never seen to be nowhere.
                self._queue.remove(job)
                self.ledger.note(job, request=job.info.request.model_copy(update=wanted))
                job.forget_turn()
                self._dispatcher.enqueue(job)
                await self.ledger.update(job)
            else:
                await self.ledger.update(job, request=job.info.request.model_copy(update=wanted))
            return self.ledger.told(job)

    async def get(self, job_id: str) -> JobInfo:
        """Return a job, from memory or from disk; see `JobLedger.get`."""
        return await self.ledger.get(job_id)

    async def queue(self) -> QueueStatusResponse:
        """Return what waits and what runs."""
        counts = await self.ledger.counts()
        running = sorted(
            [*self.running, *(job.info for job in self._dispatcher.carried if self._starts(job))],
            key=lambda info: str(info.started_at),
        )
        return QueueStatusResponse(
            queue_size=len(self._queue),
            running_job=running[0].job_id if running else None,
            queued_jobs=self._queue.ids,
            completed_jobs=counts[JobStatus.COMPLETED],
            failed_jobs=counts[JobStatus.FAILED],
            running_jobs=[info.job_id for info in running],
        )

    def _starts(self, job: Job) -> bool:
        """Whether a job has left the queue and is not yet written down as running: it is not to be seen nowhere."""
        return job.task is not None and job.info.status is JobStatus.QUEUED and job not in self._queue

    async def results(self, job_id: str) -> JobResults:
        """Return the parsed results of a job, also of one that was told to finish early.

        Raises
        ------
        JobNotFound
            If there is no such job.
        ResultsNotReady
            If it has none: not finished, failed, or cancelled.
        ResultsGone
            If its files are gone or damaged.
        """
        info = await self.get(job_id)
        if info.result is None:
            hint = "wait until it is completed" if not info.status.finished else "it has no results"
            raise ResultsNotReady(f"Job {job_id} is {info.status.value}; {hint}")
        return await asyncio.to_thread(job_results, info)

    async def samples(self, job_id: str, wanted: Wanted) -> SamplePage:
        """Return a page of the samples of a job; see `SampleReader.page`."""
        info = await self.get(job_id)
        page = await self._samples.page(info, wanted)
        known = await self._media.known(info, page.task, [sample.doc_id for sample in page.samples])
        for sample in page.samples:
            sample.media = known.get(sample.doc_id, [])
        return page

    async def media(self, job_id: str, task: str, doc_id: int) -> list[SampleMedia]:
        """List the media of a sample; see `SampleReader.require` and `MediaStore.media`."""
        info = await self.get(job_id)
        await self._samples.require(info, task, doc_id)
        return await self._media.media(info, task, doc_id)

    async def medium(self, job_id: str, task: str, doc_id: int, number: int) -> MediumFile:
        """Return one of the media of a sample; see `SampleReader.require` and `MediaStore.file`."""
        info = await self.get(job_id)
        await self._samples.require(info, task, doc_id)
        return await self._media.file(info, task, doc_id, number)

    async def log(self, job_id: str, offset: int = 0) -> LogChunk:
        """Return a part of a job's log; see `read_log`."""
        info = await self.get(job_id)
        path = RunFiles(job_directory(info)).log
        return await asyncio.to_thread(read_log, path, offset, finished=info.status.finished)

    async def devices(self) -> list[Device]:
        """Return the devices, with the jobs that hold them and what else keeps jobs from them."""
        found = await asyncio.to_thread(self._devices.read)
        models = self._dispatcher.workers.models
        ours = self._queue.held | models.keys()
        seen = await asyncio.to_thread(self._surroundings.look, ours)
        blocked = seen.crowded | seen.blocked
        return [
            device.model_copy(
                update={
                    "job_id": next(iter(self._queue.holders(device.id)), None),
                    "job_ids": self._queue.holders(device.id),
                    "held_by": blocked.get(device.id),
                    "model": models.get(device.id),
                }
            )
            for device in found
        ]

    async def free(self, devices: Sequence[str] | None = None) -> list[str]:
        """Take models out of memory that stayed there after their job; running evaluations are not touched.

        Parameters
        ----------
        devices
            Identities of the devices; None for all.

        Returns
        -------
        list of str
            The devices that are free by it.
        """
        return await self._dispatcher.workers.free(devices)

    @property
    def notices(self) -> list[str]:
        """What a person should know of this server."""
        paused = f"No job starts: {self._queue.paused}" if self._queue.paused else None
        return [text for text in (*self._notices, *self._surroundings.notices, paused) if text]

    def wait_reasons(self) -> list[str]:
        """Return why each job waits, in words."""
        return [self._queue.reason(job) for job in self.ledger.live if job.info.status is JobStatus.QUEUED]

    @property
    def running(self) -> list[JobInfo]:
        """The jobs that run, without those that are just about to."""
        return [job.info for job in self._dispatcher.carried if job.info.status is JobStatus.RUNNING]

    @property
    def queue_size(self) -> int:
        """Number of jobs that wait."""
        return len(self._queue)

    @property
    def running_count(self) -> int:
        """Number of jobs that run."""
        return len(self._dispatcher.carried)

    def descriptors(self) -> list[int]:
        """Return the open files that this process alone may hold; a forked child must close its copies.

        A child that kept them would hold the state directory and devices, and would let evaluations outlive their
        server.
        """
        template = self._template.descriptors if self._template is not None else []
        return [
            self._state_dir.descriptor,
            *template,
            *self._media.descriptors,
            *self._dispatcher.workers.descriptors,
            *(number for run in self._dispatcher.runs for number in run.descriptors),
        ]


def _waits(job: Job) -> bool:
    return job.info.status is JobStatus.QUEUED and job.task is None and not job.cancelled


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
