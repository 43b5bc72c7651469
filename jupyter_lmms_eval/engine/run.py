"""One attempt at a job: its processes, followed from start to end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..protocol.jobs import JobInfo, Progress
from ..protocol.run import RunFiles, RunSpec
from .environment import evaluation_environment
from .following import EventReader, ProgressBook
from .process import EvaluationProcess

# How often a running evaluation's events are read.
POLL_SECONDS = 0.2


class Run:
    """One attempt at a job.

    Parameters
    ----------
    job_dir
        The job's directory.
    attempt
        Which attempt it is, from 1.
    devices
        Devices granted.
    include_paths
        Task folders, absolute.
    threads
        Compute threads per process.

    Attributes
    ----------
    exit_code
        Of the supervisor, once it is over; negative for a signal.
    cancelled, interrupted
        Whether a user, or the end of the server, stopped it.
    """

    def __init__(
        self, job_dir: Path, attempt: int, devices: Sequence[str], include_paths: Sequence[str], threads: int
    ) -> None:
        self.job_dir = job_dir
        self.attempt = attempt
        self.devices = tuple(devices)
        self.exit_code: int | None = None
        self.cancelled = False
        self.interrupted = False
        self._include_paths = list(include_paths)
        self._threads = threads
        self._process: EvaluationProcess | None = None
        self._book = ProgressBook(attempt)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._book.progress()

    @property
    def descriptor(self) -> int | None:
        """See `EvaluationProcess.descriptor`."""
        return self._process.descriptor if self._process is not None else None

    @property
    def concluded(self) -> bool:
        """Whether it came to an end of its own, and said how."""
        return RunFiles(self.job_dir).outcome(self.attempt).exists()

    @property
    def notices(self) -> list[str]:
        """What the evaluation wants its user to know."""
        return self._book.notices

    async def execute(self, info: JobInfo, on_progress: Callable[[], None]) -> None:
        """Run to the end. Returns also when the evaluation failed; its outcome file tells.

        Parameters
        ----------
        info
            The job.
        on_progress
            Called after new events.
        """
        files = RunFiles(self.job_dir)
        await asyncio.to_thread(self._write_spec, info)
        if self._stops():
            return
        environment = evaluation_environment(os.environ, self.devices, self._threads)
        self._process = await EvaluationProcess.start(self.job_dir, self.attempt, environment)
        if self._stops():
            await self._process.stop()
        reader = EventReader(files.events)
        over = asyncio.create_task(self._process.wait())
        try:
            while True:
                done, _ = await asyncio.wait({over}, timeout=POLL_SECONDS)
                events = await asyncio.to_thread(reader.read)
                for event in events:
                    self._book.add(event)
                if events:
                    on_progress()
                if done:
                    break
            self.exit_code = over.result()
        finally:
            files.spec.unlink(missing_ok=True)

    async def cancel(self) -> None:
        """Stop it for a user."""
        self.cancelled = True
        await self._stop()

    async def interrupt(self) -> None:
        """Stop it because the server ends; the job will start again."""
        if not self.cancelled:
            self.interrupted = True
        await self._stop()

    def _stops(self) -> bool:
        return self.cancelled or self.interrupted

    async def _stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    def _write_spec(self, info: JobInfo) -> None:
        request = info.request
        asked = [request.include_path] if isinstance(request.include_path, str) else request.include_path
        spec = RunSpec(
            job_id=info.job_id,
            attempt=self.attempt,
            job_dir=str(self.job_dir),
            request=request,
            include_paths=list(dict.fromkeys([*self._include_paths, *(asked or [])])),
            device_kind="cuda" if self.devices[0].startswith("cuda:") else "cpu",
            ranks=len(self.devices),
            threads=self._threads,
        )
        path = RunFiles(self.job_dir).spec
        path.unlink(missing_ok=True)
        # It may hold secrets of the request: private from the first byte.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(spec.model_dump_json())
