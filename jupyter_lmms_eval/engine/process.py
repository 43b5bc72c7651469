"""The processes of one evaluation: started, waited for, stopped as a group, never orphaned."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psutil

from ..discovery.identity import ProcessIdentity
from ..protocol.jobs import StartKind
from ..protocol.run import LOOK, NextAttempt, RunFiles
from .template import ForkedProcess, Template

logger = logging.getLogger(__name__)

# How long an evaluation may take to end by itself after SIGTERM.
GRACE_SECONDS = 5.0
# How long it may take to write down where it hangs.
DUMP_SECONDS = 2.0
# How long one that stayed may take to say whether it can take another attempt.
TAKE_SECONDS = 10.0
_LONGEST_MESSAGE = 1 << 16


class EvaluationProcess:
    """A running evaluation: the supervisor of `jupyter_lmms_eval.runner` and its process group.

    The group holds every rank and every helper they start. A socket is held open to the supervisor; when this
    server dies, however it dies, the socket ends and the supervisor takes the group down.

    Attributes
    ----------
    start_kind
        How its attempt was begun: ``fresh``, ``forked`` or, in a process that stayed, ``warm``.
    stays
        Whether its attempt is over and it waits for another.
    """

    def __init__(self, process: asyncio.subprocess.Process | ForkedProcess, server: socket.socket) -> None:
        self._process = process
        self._socket = server
        self._socket.setblocking(False)
        self.start_kind: StartKind = "forked" if isinstance(process, ForkedProcess) else "fresh"
        self.stays = False
        self._looked = False

    @classmethod
    async def start(
        cls,
        job_dir: Path,
        attempt: int,
        environment: Mapping[str, str],
        inherited: Sequence[int] = (),
        template: Template | None = None,
    ) -> EvaluationProcess:
        """Start an attempt whose specification lies in the job's directory.

        Parameters
        ----------
        job_dir
            The job's directory.
        attempt
            Which attempt it is.
        environment
            The environment of the evaluation.
        inherited
            Open files that it keeps as long as it lives: the locks of its devices.
        template
            What it is forked from; None starts it afresh.
        """
        files = RunFiles(job_dir)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with files.log.open("ab") as log:
                process: asyncio.subprocess.Process | ForkedProcess | None = None
                if template is not None:
                    descriptors = (log.fileno(), theirs.fileno(), *inherited)
                    process = await template.fork(job_dir, attempt, environment, descriptors)
                if process is None:
                    process = await _start_afresh(job_dir, attempt, environment, theirs.fileno(), inherited, log)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        started = cls(process, ours)
        try:
            started._note_identity(job_dir)
        except BaseException:
            await started.stop()
            raise
        return started

    def look(self) -> None:
        """Let a process that stayed look, while there is time, whether it is still what a new one would be."""
        with suppress(OSError):  # its end is noticed by whoever waits for it
            self._socket.send(LOOK)
            self._looked = True

    async def take(self, job_dir: Path, attempt: int, environment: Mapping[str, str]) -> bool:
        """Let a process that stayed run another attempt; false if it could not, and has ended.

        Parameters
        ----------
        job_dir, attempt, environment
            See `start`.
        """
        order = NextAttempt(job_dir=str(job_dir), attempt=attempt, environment=dict(environment), looked=self._looked)
        self._looked = False
        answer: dict[str, object] = {}
        with suppress(OSError, asyncio.TimeoutError):
            self._socket.send(order.model_dump_json().encode())
            answer = json.loads(await asyncio.wait_for(self._message(), TAKE_SECONDS) or b"{}")
        if "taken" not in answer:
            logger.info("A model in memory is not used again: %s", answer.get("stale", "its process ended"))
            await self.stop(grace=0)
            return False
        self.stays = False
        self.start_kind = "warm"
        self._note_identity(job_dir)
        return True

    @property
    def descriptor(self) -> int | None:
        """The open socket by which the evaluation knows that this server lives."""
        return self._socket.fileno() if self._socket.fileno() >= 0 else None

    def members(self) -> set[int]:
        """Return the numbers of all processes of the evaluation; blocking."""
        return set(_group(self._process.pid))

    async def wait(self) -> int:
        """Wait until the attempt is over and return its exit code, negative for a signal; then see `stays`."""
        heard = asyncio.ensure_future(self._message())
        exited = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({heard, exited}, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done() and (message := heard.result()):
                self.stays = True
                return int(json.loads(message)["ended"])
            return await self.ended()
        finally:
            for future in (heard, exited):
                future.cancel()
            await asyncio.gather(heard, exited, return_exceptions=True)

    async def ended(self) -> int:
        """Wait until its processes are gone and return the exit code, negative for a signal."""
        code = await self._process.wait()
        self._signal_group(signal.SIGKILL)  # helpers that outlived their evaluation
        self._socket.close()
        return code

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """End the evaluation: SIGTERM to the group, time to end, SIGKILL. Returns when it is gone."""
        if grace > 0:
            self._signal_group(signal.SIGTERM)
            self._signal_group(signal.SIGCONT)  # one that is stopped could not even end
        try:
            await asyncio.wait_for(asyncio.shield(self._process.wait()), grace)
        except asyncio.TimeoutError:
            self._signal_group(signal.SIGKILL)
            await self._process.wait()

    async def dump_stacks(self) -> None:
        """Let it write to its log what each of its threads does."""
        self._signal_group(signal.SIGCONT)
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGUSR1)
        await asyncio.sleep(DUMP_SECONDS)

    async def _message(self) -> bytes:
        """Return what the supervisor says; nothing at its end."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, _LONGEST_MESSAGE)
        except OSError:
            return b""

    def _note_identity(self, job_dir: Path) -> None:
        identity = ProcessIdentity.of(self._process.pid)
        if identity is not None:
            _identity_file(job_dir).write_text(json.dumps(identity.to_json()), encoding="utf-8")

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def _start_afresh(
    job_dir: Path,
    attempt: int,
    environment: Mapping[str, str],
    server: int,
    inherited: Sequence[int],
    log: BinaryIO,
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jupyter_lmms_eval.runner",
        str(job_dir),
        str(attempt),
        "--server-fd",
        str(server),
        cwd=job_dir,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(server, *inherited),
        start_new_session=True,
    )


def end_leftover(job_dir: Path, grace: float = GRACE_SECONDS) -> bool:
    """End what an earlier server left running of a job; blocking.

    Only the recorded process, known by number and start, and the members of its group are touched.

    Returns
    -------
    bool
        Whether something was still running.
    """
    try:
        identity = ProcessIdentity.from_json(json.loads(_identity_file(job_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
    if not _left(identity, job_dir):
        return False
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        with suppress(ProcessLookupError):
            os.killpg(identity.pid, number)
            os.killpg(identity.pid, signal.SIGCONT)
        deadline = time.monotonic() + patience
        while _left(identity, job_dir) and time.monotonic() < deadline:
            time.sleep(0.05)
    return True


def _left(identity: ProcessIdentity, job_dir: Path) -> bool:
    """Whether the recorded process lives, or members of its group without it.

    A number is not given to a new process while a group bears it; that the members work in the job's directory
    tells them from a group of the same number that came later.
    """
    if identity.alive():
        return True
    if psutil.pid_exists(identity.pid) and ProcessIdentity.of(identity.pid) is not None:
        return False  # the number belongs to another process by now
    for pid in _group(identity.pid):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == job_dir.resolve():
                return True
    return False


def _group(number: int) -> list[int]:
    members = []
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getpgid(pid) == number:
                members.append(pid)
    return members


def _identity_file(job_dir: Path) -> Path:
    return job_dir / "process.json"
