"""One attempt at a job: its processes, followed from start to end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ..protocol.jobs import EvaluateRequest, Progress, StartKind
from ..protocol.run import RunFiles, RunSpec
from .environment import evaluation_environment
from .following import EventReader, ProgressBook
from .process import EvaluationProcess
from .stalling import StallWatch
from .template import Template
from .workers import model_key

# How often a running evaluation's events are read.
POLL_SECONDS = 0.2
# An evaluation that said it is done has so long to be gone.
LINGER_SECONDS = 60.0
# A start that was overtaken by a stop may take so long, so that what it started can be ended properly.
START_SECONDS = 1.0


class Stop(Enum):
    """Why an attempt was stopped from outside."""

    CANCEL = "a person cancelled it"
    INTERRUPT = "the server ends; the job will start again"
    TIMEOUT = "its time was over"
    STALL = "it hung"


@dataclass(frozen=True)
class RunPlan:
    """How an attempt runs.

    Parameters
    ----------
    job_id
        The job.
    job_dir
        The job's directory.
    attempt
        Which attempt it is, from 1.
    request
        What is evaluated.
    devices
        Devices granted.
    include_paths
        Task folders, absolute.
    threads
        Compute threads per device.
    seconds
        How long it may run; None for ever.
    stall_factor, stall_seconds
        See `StallWatch`.
    keep
        Whether it may stay when it is over, with the model in memory.
    """

    job_id: str
    job_dir: Path
    attempt: int
    request: EvaluateRequest
    devices: tuple[str, ...]
    include_paths: Sequence[str] = ()
    threads: int = 1
    seconds: float | None = None
    stall_factor: float = 10.0
    stall_seconds: float = 1800.0
    keep: bool = False

    @property
    def key(self) -> str:
        """Digest of what its model is built from."""
        return model_key(self.request)

    @property
    def ranks(self) -> int:
        """Processes that share the samples."""
        return 1 if self.request.one_process else len(self.devices)

    @property
    def threads_per_rank(self) -> int:
        """Compute threads of each."""
        return self.threads * len(self.devices) // self.ranks


def can_be_forked(devices: Sequence[str]) -> bool:
    """Tell whether an evaluation on these devices can be forked from a process that has everything imported.

    Several ranks form a process group of fresh processes, and what CUDA does in a forked process is not proven.
    """
    return len(devices) == 1 and devices[0].startswith("cpu:")


class Run:
    """One attempt at a job.

    Parameters
    ----------
    plan
        How it runs.
    inherited
        Open files that the evaluation keeps as long as it lives: the locks of its devices.
    template
        What it is forked from, if it can be.
    warm
        An evaluation that stayed on the device, with the model in memory.

    Attributes
    ----------
    exit_code
        Of the supervisor, once it is over; negative for a signal. None if it never started.
    stopped
        Why it was stopped, if it was.
    trouble
        For `Stop.STALL`, what was noticed.
    members
        Numbers of its processes, as seen before it was stopped.
    stayed
        Its processes, if they stay after it is over.
    """

    def __init__(
        self,
        plan: RunPlan,
        inherited: Sequence[int] = (),
        template: Template | None = None,
        warm: EvaluationProcess | None = None,
    ) -> None:
        self.plan = plan
        self._warm = warm
        self.stayed: EvaluationProcess | None = None
        self._template = template if can_be_forked(plan.devices) else None
        self._inherited = tuple(inherited)
        self.exit_code: int | None = None
        self.stopped: Stop | None = None
        self.trouble = ""
        self.members: set[int] = set()
        self._process: EvaluationProcess | None = None
        self._stopping = asyncio.Event()
        self._book = ProgressBook(plan.attempt)
        self._began = time.monotonic()

    @property
    def files(self) -> RunFiles:
        """The files of its job."""
        return RunFiles(self.plan.job_dir)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._book.progress()

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._began

    @property
    def descriptors(self) -> list[int]:
        """The open files by which the evaluation knows that this server lives, and by which its devices are booked."""
        pipe = self._process.descriptor if self._process is not None else None
        return [*self._inherited, *([] if pipe is None else [pipe])]

    def pids(self) -> set[int]:
        """Return the numbers of its processes; blocking."""
        return set() if self._process is None else self._process.members()

    @property
    def start_kind(self) -> StartKind | None:
        """How it was begun, once it was."""
        return None if self._process is None else self._process.start_kind

    @property
    def notices(self) -> list[str]:
        """What the evaluation wants its user to know."""
        return self._book.notices

    async def execute(self, on_progress: Callable[[], None]) -> None:
        """Run to the end. Returns also when the evaluation failed; its outcome file tells.

        Parameters
        ----------
        on_progress
            Called after new events.
        """
        await asyncio.to_thread(self._write_spec)
        try:
            if self._told_to_stop():
                return
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                # A start takes moments, unless it waits for the template's imports.
                await asyncio.wait({starting}, timeout=START_SECONDS)
                if not starting.done():  # what comes of it finds its pipe closed, and ends
                    return
                self._process = await starting
            finally:
                for task in (starting, stopping):
                    task.cancel()
                await asyncio.gather(starting, stopping, return_exceptions=True)
            if self._told_to_stop():
                await self._process.stop()
            await self._follow(self._process, on_progress)
        finally:
            await self.abandon()
            self.files.spec.unlink(missing_ok=True)

    async def _start(self) -> EvaluationProcess:
        plan = self.plan
        environment = evaluation_environment(os.environ, plan.devices, plan.threads_per_rank)
        if (warm := self._warm) is not None:
            taken = await warm.take(plan.job_dir, plan.attempt, environment)
            self._warm = None  # it runs this attempt, or is gone
            if taken:
                return warm
        return await EvaluationProcess.start(plan.job_dir, plan.attempt, environment, self._inherited, self._template)

    async def abandon(self) -> None:
        """End the evaluation that stayed, if this attempt was over before it took it: nobody else knows of it."""
        warm, self._warm = self._warm, None
        if warm is not None:
            await warm.stop(grace=0)

    def catch_up(self) -> None:
        """Read what an attempt that an earlier server followed has told; blocking."""
        for event in EventReader(self.files.events).read():
            self._book.add(event)

    async def _follow(self, process: EvaluationProcess, on_progress: Callable[[], None]) -> None:
        reader = EventReader(self.files.events)
        watch = StallWatch(self.plan.stall_factor, self.plan.stall_seconds, time.monotonic())
        done_since: float | None = None
        over = asyncio.create_task(process.wait())
        try:
            while True:
                ended, _ = await asyncio.wait({over}, timeout=POLL_SECONDS)
                events = await asyncio.to_thread(reader.read)
                now = time.monotonic()
                for event in events:
                    self._book.add(event)
                    if event.attempt == self.plan.attempt:
                        watch.saw(event, now)
                if events:
                    on_progress()
                if ended:
                    break
                if self._book.finished:
                    done_since = done_since or now
                await self._stop_if_due(process, watch, now, done_since)
        except BaseException:  # nobody will follow it any more
            await process.stop()
            await asyncio.gather(over, return_exceptions=True)
            raise
        self.exit_code = over.result()
        if process.stays and not self._told_to_stop():
            self.stayed = process

    async def _stop_if_due(
        self, process: EvaluationProcess, watch: StallWatch, now: float, done_since: float | None
    ) -> None:
        """Stop an evaluation that ran too long, hangs, or does not go when it is done."""
        if self.stopped:
            return
        if self.plan.seconds is not None and self.seconds > self.plan.seconds:
            await self.stop(Stop.TIMEOUT)
        elif trouble := watch.stalled(now):
            self.trouble = trouble
            await process.dump_stacks()
            await self.stop(Stop.STALL)
        elif done_since is not None and now - done_since > min(LINGER_SECONDS, self.plan.stall_seconds):
            await process.stop()

    async def stop(self, why: Stop) -> None:
        """Stop it; returns when its processes are gone. A cancellation outweighs every other reason."""
        if self.stopped is None or why is Stop.CANCEL:
            self.stopped = why
        self._stopping.set()
        if self._process is not None:
            self.members = await asyncio.to_thread(self._process.members)
            if self.exit_code is None:  # else it is over, and what stayed may run another by now
                await self._process.stop()

    def _told_to_stop(self) -> bool:
        return self.stopped is not None

    def _write_spec(self) -> None:
        plan = self.plan
        asked = plan.request.include_path
        spec = RunSpec(
            job_id=plan.job_id,
            attempt=plan.attempt,
            job_dir=str(plan.job_dir),
            request=plan.request,
            include_paths=list(
                dict.fromkeys([*plan.include_paths, *([asked] if isinstance(asked, str) else asked or [])])
            ),
            device_kind="cuda" if plan.devices[0].startswith("cuda:") else "cpu",
            ranks=plan.ranks,
            threads=plan.threads_per_rank,
            keep=plan.keep
            and len(plan.devices) == 1
            and plan.request.launcher_args is None
            and plan.request.gpu_memory is None,  # others would wait for what it keeps
        )
        path = self.files.spec
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # a new job has none before it begins
        path.unlink(missing_ok=True)
        # It may hold secrets of the request: private from the first byte.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(spec.model_dump_json())
