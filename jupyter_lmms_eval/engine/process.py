"""The processes of one evaluation: started, waited for, stopped as a group, never orphaned."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..protocol.run import RunFiles

# How long an evaluation may take to end by itself after SIGTERM.
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that cannot be confused with a later one of the same number.

    Parameters
    ----------
    pid
        Process number; also the number of the process group.
    create_time
        When it started, seconds since the epoch.
    """

    pid: int
    create_time: float

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the identity of a running process, or None if there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def alive(self) -> bool:
        """Tell whether just this process still runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.create_time) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class EvaluationProcess:
    """A running evaluation: the supervisor of `jupyter_lmms_eval.runner` and its process group.

    The group holds every rank and every helper they start. A pipe is held open to the supervisor; when this
    server dies, however it dies, the pipe ends and the supervisor takes the group down.
    """

    def __init__(self, process: asyncio.subprocess.Process, pipe: int) -> None:
        self._process = process
        self._pipe = pipe

    @classmethod
    async def start(cls, job_dir: Path, attempt: int, environment: Mapping[str, str]) -> EvaluationProcess:
        """Start an attempt whose specification lies in the job's directory."""
        files = RunFiles(job_dir)
        read_end, write_end = os.pipe()
        try:
            with files.log.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "jupyter_lmms_eval.runner",
                    str(job_dir),
                    str(attempt),
                    "--parent-fd",
                    str(read_end),
                    cwd=job_dir,
                    env=dict(environment),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(read_end,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        identity = ProcessIdentity.of(process.pid)
        if identity is not None:
            _identity_file(job_dir).write_text(json.dumps([identity.pid, identity.create_time]), encoding="utf-8")
        return cls(process, write_end)

    @property
    def descriptor(self) -> int | None:
        """The open end of the pipe by which the evaluation knows that this server lives."""
        return self._pipe if self._pipe >= 0 else None

    async def wait(self) -> int:
        """Wait until the evaluation is over and return its exit code, negative for a signal."""
        code = await self._process.wait()
        self._kill_group(signal.SIGKILL)  # helpers that outlived their evaluation
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        return code

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """End the evaluation: SIGTERM to the group, time to end, SIGKILL. Returns when it is gone."""
        self._kill_group(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._process.wait()), grace)
        except asyncio.TimeoutError:
            self._kill_group(signal.SIGKILL)
            await self._process.wait()

    def _kill_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def end_leftover(job_dir: Path, grace: float = GRACE_SECONDS) -> bool:
    """End what an earlier server left running of a job; blocking.

    Only the recorded process, known by number and start time, is touched.

    Returns
    -------
    bool
        Whether something was still running.
    """
    try:
        pid, create_time = json.loads(_identity_file(job_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    identity = ProcessIdentity(int(pid), float(create_time))
    if not identity.alive():
        return False
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        with suppress(ProcessLookupError):
            os.killpg(identity.pid, number)
        deadline = time.monotonic() + patience
        while identity.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
    return True


def _identity_file(job_dir: Path) -> Path:
    return job_dir / "process.json"
