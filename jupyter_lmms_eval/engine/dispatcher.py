"""Starts waiting jobs on free devices, and carries every attempt to its end: finished, or back in the queue."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..protocol.jobs import Attempt, AttemptEnd, EvaluateRequest, Failure, FailureCause, JobStatus, StartKind
from ..protocol.run import RunFiles
from .clock import now
from .device_locks import HeldLocks
from .disk import is_full
from .environment import threads_per_process
from .ledger import JobLedger
from .outcome import Ending, disk_full_failure, ending_of, error_text
from .policy import Again, after_failure, next_batch_size, rest_before, time_left, with_batch_size
from .process import EvaluationProcess, end_leftover
from .queueing import Job, JobQueue
from .run import Run, RunPlan, Stop
from .settings import SchedulerSettings
from .surroundings import Surroundings
from .template import Template
from .workers import Worker, Workers

logger = logging.getLogger(__name__)

# How often to look whether what is outside this server still keeps its jobs waiting.
LOOK_AGAIN_SECONDS = 1.0
# So many attempts are told of a job.
MOST_ATTEMPTS = 100
_SERVER_STOPPED = "The server stopped while the job ran; it starts again"


class Dispatcher:
    """Brings jobs from the queue to their end.

    All methods belong to one event loop.

    Parameters
    ----------
    settings
        How it works.
    queue
        The jobs that wait.
    ledger
        Where every change is written down.
    surroundings
        What is outside and keeps jobs waiting.
    template
        What evaluations are forked from; None starts each afresh.

    Attributes
    ----------
    workers
        Evaluations that stayed after their job.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        queue: JobQueue,
        ledger: JobLedger,
        surroundings: Surroundings,
        template: Template | None = None,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._ledger = ledger
        self._surroundings = surroundings
        self._template = template
        self.workers = Workers(settings.keep_models, surroundings.asked)
        self._shared_locks: dict[str, HeldLocks] = {}
        # By attempt: a job that is over can be tried again before its last one is quite gone.
        self._carried: dict[Run, Job] = {}
        self._wake = asyncio.Event()
        self._contended = False

    def start(self) -> None:
        """Begin to place jobs."""
        self._wake.set()
        self._placing = asyncio.create_task(self._place_forever())

    async def stop(self) -> None:
        """Place no more, and stop what runs; it goes back to the queue."""
        self._placing.cancel()
        await asyncio.gather(self._placing, return_exceptions=True)
        await asyncio.gather(*(run.stop(Stop.INTERRUPT) for run in self.runs))
        tasks = [job.task for job in self.carried if job.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.workers.free()

    @property
    def carried(self) -> list[Job]:
        """The jobs of which an attempt is under way: few, however many wait."""
        return list(self._carried.values())

    @property
    def runs(self) -> list[Run]:
        """Those attempts."""
        return list(self._carried)

    def expect(self, job_id: str, request: EvaluateRequest) -> None:
        """Let a model in memory prepare for a job that is being submitted."""
        self.workers.expect(job_id, request)

    def enqueue(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._queue.add(job)
        self._wake.set()

    async def continue_after_restart(self, jobs: Sequence[Job]) -> None:
        """Let the jobs of an earlier server wait, and end what that server may have left running of them."""
        # At once, not a hop to another thread for each of many that wait.
        await asyncio.to_thread(_end_leftovers, [job.directory for job in jobs])
        for job in jobs:
            await self._continue(job)

    async def _continue(self, job: Job) -> None:
        if job.info.finishing:  # that server may have died before it could say so
            await asyncio.to_thread(RunFiles(job.directory).finish.touch)
        if job.info.status is JobStatus.RUNNING:
            run = Run(self._plan(job, job.info.attempt, tuple(job.info.devices)))
            await asyncio.to_thread(run.catch_up)
            ending = await asyncio.to_thread(ending_of, run, disk_full=False)
            if ending.scores is not None:  # it came to its end, and only the server did not hear of it
                await self._settle(job, run, ending)
                return
            await self._back_to_queue(job, _closed(job.info.attempts, AttemptEnd.INTERRUPTED), _SERVER_STOPPED)
        else:
            self._queue.add(job)

    async def cancel(self, job: Job) -> None:
        """End a queued or running job; returns when its processes are gone."""
        job.cancelled = True
        while (task := job.task) is not None:
            if job.run is not None:
                await job.run.stop(Stop.CANCEL)
            await asyncio.wait({task})  # not the job's, which is none any more if it ended meanwhile
        if job.info.status is JobStatus.QUEUED:
            self._queue.remove(job)
            await self._finish(job, status=JobStatus.CANCELLED)

    async def _place_forever(self) -> None:
        while True:
            again = self._contended or self._queue.waits_for_others
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_AGAIN_SECONDS if again else None)
            self._wake.clear()
            try:
                await self._place()
            except Exception:
                logger.exception("Jobs could not be placed; trying again")
                self._contended = True

    async def _place(self) -> None:
        self._contended = False
        if not len(self._queue) or self._queue.full:
            return
        seen = await asyncio.to_thread(self._surroundings.look, self._queue.held | self.workers.keys.keys())
        self._queue.block(seen.blocked, seen.crowded)
        self._queue.pause(seen.shortage)
        self._queue.keep(self.workers.keys)
        if self._queue.wants_parts:
            self._queue.divide(await asyncio.to_thread(self._capacity))
        for job, granted in self._queue.starting():
            who = f"job {job.id[:8]} of the server with pid {os.getpid()}"
            kept = self.workers.keys
            shared = self._shared_locks.get(granted[0])
            if shared is not None:
                self._start(job, granted, shared.copy(), ())
                continue
            locks = self._surroundings.take([device for device in granted if device not in kept], who)
            if locks is None:  # another server was faster
                self._contended = True
                continue
            there = self.workers.take(granted)
            locks = locks.joined(*(worker.locks for worker in there))
            locks.name(who)
            self._start(job, granted, locks, there)
        if len(self._queue) and seen.blocked:
            await asyncio.to_thread(self._surroundings.ask_for, seen.blocked)

    def _capacity(self) -> dict[str, int]:
        # What stays in memory gives way to whoever is placed there.
        own = {pid for run in self.runs for pid in run.pids()} | self.workers.pids()
        return self._surroundings.capacity(own, self._queue.held | self.workers.keys.keys())

    def _start(self, job: Job, granted: tuple[str, ...], locks: HeldLocks, there: Sequence[Worker]) -> None:
        """Start a job on devices where evaluations may have stayed: one with its model is used, others end."""
        self._queue.remove(job)
        self._queue.hold(granted, job)
        if len(self._queue.sharing(granted[0])) == 1:  # the first of those who will share it
            self._shared_locks[granted[0]] = locks.copy()
        plan = self._plan(job, job.info.attempt + 1, granted)
        fit = next((worker for worker in there if worker.devices == granted and worker.key == plan.key), None)
        if fit is not None:
            fit.look_for(job.id)
        warm = None if fit is None else fit.process
        job.run = Run(plan, locks.descriptors, self._template, warm)
        self._carried[job.run] = job
        job.task = asyncio.create_task(self._run(job, job.run, locks, [worker for worker in there if worker != fit]))

    def _plan(self, job: Job, attempt: int, devices: tuple[str, ...]) -> RunPlan:
        info = job.info
        return RunPlan(
            job_id=job.id,
            job_dir=job.directory,
            attempt=attempt,
            request=with_batch_size(info.request, next_batch_size(info.request, info.attempts)),
            devices=devices,
            include_paths=self._settings.task_folders,
            threads=threads_per_process(len(self._queue.devices)),
            seconds=time_left(info.request.timeout, info.attempts),
            stall_factor=self._settings.stall_factor,
            stall_seconds=self._settings.stall_seconds,
            keep=self._settings.keep_models > 0,
        )

    async def _run(self, job: Job, run: Run, locks: HeldLocks, displaced: list[Worker]) -> None:
        """Carry one attempt at a job from its start until the job is over or back in the queue."""
        try:
            ending = await self._attempt(job, run, displaced)
            if self._template is not None:
                self._template.learn(ending.imported)
            if run.stayed is not None and await self._may_keep(run, run.stayed):
                self._keep(run, run.stayed, locks)
            locks.close()
            self._queue.release(job)
            await self._settle(job, run, ending)
        except Exception as error:
            logger.exception("Job %s could not be run", job.id)
            failure = Failure(
                cause=FailureCause.ERROR, type=type(error).__name__, message=f"The server could not run it: {error}"
            )
            await self._finish(job, status=JobStatus.FAILED, failure=failure, error=error_text(failure))
        finally:
            await _end_all(run, displaced)
            locks.close()
            self._queue.release(job)
            for device in [device for device in self._shared_locks if not self._queue.sharing(device)]:
                self._shared_locks.pop(device).close()
            job.run = job.task = None
            del self._carried[run]
            if self._template is not None and not self._queue.held:
                self._template.use_pause()
            self._wake.set()

    async def _attempt(self, job: Job, run: Run, displaced: list[Worker]) -> Ending:
        plan, started = run.plan, now()
        attempt = Attempt(
            number=plan.attempt,
            started_at=started,
            devices=list(plan.devices),
            batch_size=next_batch_size(job.info.request, job.info.attempts),
        )
        await self._ledger.update(
            job,
            status=JobStatus.RUNNING,
            started_at=started,
            devices=list(plan.devices),
            attempt=plan.attempt,
            attempts=[*job.info.attempts, attempt],
            progress=run.progress,
        )
        # It is known to run by now: whoever looks finds it neither waiting nor gone.
        while displaced:
            worker = displaced[-1]
            members = await asyncio.to_thread(worker.process.members)
            await worker.end()
            displaced.pop()  # its number may be another's from now on
            await self._surroundings.left_by(members, worker.devices)
        try:
            await run.execute(on_progress=lambda: self._note_progress(job, run))
        except OSError as error:
            if not is_full(error):
                raise
            return Ending(AttemptEnd.FAILED, disk_full_failure())
        await self._surroundings.left_by(run.members, plan.devices)
        return await asyncio.to_thread(ending_of, run, disk_full=await self._disk_is_full())

    async def _may_keep(self, run: Run, process: EvaluationProcess) -> bool:
        """Whether an evaluation may stay on its device; one that may not is ended."""
        if run.plan.devices[0].startswith("cpu:"):
            return True
        members = await asyncio.to_thread(process.members)
        if await asyncio.to_thread(self._surroundings.shared_with_others, run.plan.devices, members):
            # The notebook that trains there wants the memory back, and cannot ask for it.
            await process.stop(grace=0)
            await process.ended()
            return False
        return True

    def _keep(self, run: Run, process: EvaluationProcess, locks: HeldLocks) -> None:
        """Let an evaluation stay on its device."""
        plan = run.plan
        theirs = HeldLocks(()).joined(locks)
        theirs.name(f"{plan.request.model}, which the server with pid {os.getpid()} keeps in memory")
        self.workers.park(Worker(process, plan.key, plan.request.model, plan.devices, theirs))

    def _note_progress(self, job: Job, run: Run) -> None:
        warnings = [*job.info.warnings, *(text for text in run.notices if text not in job.info.warnings)]
        # In memory only: a crash loses a moment of display, and the events file has it anyway.
        self._ledger.note(job, progress=run.progress, warnings=warnings)

    # ------------------------------------------------------------------------------------------- endings

    async def _settle(self, job: Job, run: Run, ending: Ending) -> None:
        """Let a job be over, or try it again."""
        self._ledger.figures.timed(ending.timings)
        failure = ending.failure
        if failure is not None and failure.cause is FailureCause.DEVICE:
            self._surroundings.avoid(run.plan.devices, _first_line(failure))
        attempts = _closed(
            job.info.attempts, ending.ended, run.seconds, run.progress.samples_done, failure, run.start_kind
        )
        if ending.scores is not None:
            partial = bool(ending.scores["partial"])
            await self._finish(
                job,
                **ending.scores,
                status=JobStatus.CANCELLED if partial else JobStatus.COMPLETED,
                attempts=attempts,
                progress=run.progress.model_copy(update={"phase": "done", "eta_seconds": 0.0}),
            )
        elif job.cancelled or ending.ended is AttemptEnd.CANCELLED or _nothing_to_score(failure):
            await self._finish(job, status=JobStatus.CANCELLED, attempts=attempts, progress=run.progress)
        elif failure is None:
            await self._back_to_queue(job, attempts, _SERVER_STOPPED)
        elif failure.cause is FailureCause.DISK_FULL and await self._disk_is_full():
            await self._back_to_queue(job, attempts, f"Attempt {run.plan.attempt} found the disk full")
        else:
            step = after_failure(job.info.request, attempts, failure, self._settings.crash_retries)
            if isinstance(step, Again):
                job.not_before = time.monotonic() + rest_before(attempts)
                await self._back_to_queue(job, attempts, step.reason)
            else:
                advice = " ".join(text for text in (step.advice, failure.advice) if text)
                failure = failure.model_copy(update={"advice": advice})
                await self._finish(
                    job,
                    status=JobStatus.FAILED,
                    attempts=attempts,
                    progress=run.progress,
                    failure=failure,
                    error=error_text(failure),
                )

    async def _disk_is_full(self) -> bool:
        return await asyncio.to_thread(self._surroundings.shortage) is not None

    async def _back_to_queue(self, job: Job, attempts: list[Attempt], reason: str) -> None:
        warnings = [*job.info.warnings, *([reason] if reason not in job.info.warnings else [])]
        await self._ledger.update(
            job,
            status=JobStatus.QUEUED,
            started_at=None,
            devices=[],
            progress=None,
            attempts=attempts,
            warnings=warnings,
        )
        self._queue.add(job)

    async def _finish(self, job: Job, **changes: object) -> None:
        await self._ledger.finish(job, **changes, completed_at=now(), finishing=False)


async def _end_all(run: Run, displaced: Sequence[Worker]) -> None:
    """End the evaluations that stayed where an attempt was to run, also if it was over before it began."""
    for ended in await asyncio.gather(run.abandon(), *(each.end() for each in displaced), return_exceptions=True):
        if isinstance(ended, BaseException):
            logger.error("An evaluation that stayed could not be ended", exc_info=ended)


def _end_leftovers(folders: Sequence[Path]) -> None:
    for folder in folders:
        end_leftover(folder)


def _closed(
    attempts: Sequence[Attempt],
    ended: AttemptEnd,
    seconds: float = 0.0,
    samples_done: int = 0,
    failure: Failure | None = None,
    start: StartKind | None = None,
) -> list[Attempt]:
    """Return the attempts, the last one with how it ended."""
    if not attempts:  # it was begun by a version that did not list them
        return []
    changes = {
        "ended": ended,
        "start": start,
        "seconds": round(seconds, 3),
        "samples_done": samples_done,
        "cause": failure.cause if failure else None,
        "message": _first_line(failure) if failure else "",
    }
    return [*attempts[-MOST_ATTEMPTS:-1], attempts[-1].model_copy(update=changes)]


def _first_line(failure: Failure) -> str:
    return next(iter(failure.message.strip().splitlines()), "")


def _nothing_to_score(failure: Failure | None) -> bool:
    """Whether a job that was told to finish early had not one complete sample."""
    return failure is not None and failure.type == "NothingComplete"
