"""The server's side of the template process, from which evaluations are forked with everything imported."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..discovery.identity import ProcessIdentity
from ..protocol.run import ForkRequest, Learned
from .environment import evaluation_environment

logger = logging.getLogger(__name__)

# Importing takes seconds, on a cold disk a minute; a job that waits longer is better started afresh.
READY_SECONDS = 120.0
ANSWER_SECONDS = 30.0
# A gigabyte of memory is given back when nothing was evaluated for so long.
IDLE_SECONDS = 1800.0
# What ends so often before it was ready will not be tried again.
MOST_FAILURES = 2
_LONGEST_MESSAGE = 1 << 16
_MODULE = "jupyter_lmms_eval.runner.template"
_POLL_SECONDS = 0.2


class ForkedProcess:
    """A process forked by the template, waited for like one of our own.

    Parameters
    ----------
    pid
        Its number.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        """Wait until it is over and return its exit code, negative for a signal."""
        return await asyncio.shield(self.ended)


class Template:
    """A process with everything imported, made when it is first wanted, and anew when it is out of date.

    All methods belong to one event loop.

    Parameters
    ----------
    folder
        Receives its log.
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "template.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ready = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._answer: asyncio.Future[ForkedProcess | str] | None = None
        self._children: dict[int, ForkedProcess] = {}
        self._orphans: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._number = 0
        self._used_at = self._started_at = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._memory = folder / "template.json"
        self._learned = dict.fromkeys(_read_names(self._memory))
        self._untaught: list[str] = []

    @property
    def usable(self) -> bool:
        """Whether there is a template, or one can be made."""
        # Packets with descriptors, and a child that dies with its parent: only Linux has both.
        return sys.platform == "linux" and self._failures < MOST_FAILURES and not self._closed

    @property
    def descriptors(self) -> list[int]:
        """The open file by which the template knows that this server lives."""
        return [] if self._socket is None else [self._socket.fileno()]

    def start(self) -> None:
        """Begin to import, unless that was done."""
        if self._socket is not None or not self.usable:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(theirs.fileno()), str(os.getpid())],
                cwd=self._log.parent,
                env=evaluation_environment(os.environ, [], threads=1),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # interrupting a cell must not reach it
            )
        self._socket = ours
        self._ready.clear()
        self._untaught = list(self._learned)
        asyncio.get_running_loop().add_reader(ours, self._read)
        self._used_at = self._started_at = time.monotonic()
        self._idle_timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_if_idle)

    def learn(self, modules: Sequence[str]) -> None:
        """Take note of what an evaluation had to import itself: other evaluations will need it too."""
        new = [name for name in modules if name not in self._learned]
        if new:
            self._learned |= dict.fromkeys(new)
            self._untaught += new
            with suppress(OSError):  # a full disk costs seconds of a job, not the job
                self._memory.write_text(json.dumps(list(self._learned)), encoding="utf-8")

    def use_pause(self) -> None:
        """Import what is to be imported still; to be called when nothing is evaluated, which it would slow down."""
        if self._untaught and self._socket is not None and self._ready.is_set():
            modules, self._untaught = self._untaught, []
            with suppress(OSError):  # it is about to be found dead
                self._socket.send(Learned(modules=modules).model_dump_json().encode())

    def _end_if_idle(self) -> None:
        left = IDLE_SECONDS - (time.monotonic() - self._used_at)
        if left <= 0 and not self._children and not self._one_at_a_time.locked():
            self._end()
        else:
            self._idle_timer = asyncio.get_running_loop().call_later(max(left, IDLE_SECONDS / 10), self._end_if_idle)

    async def fork(
        self, job_dir: Path, attempt: int, environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> ForkedProcess | None:
        """Fork an evaluation.

        Parameters
        ----------
        job_dir, attempt
            What it runs.
        environment
            Its environment.
        descriptors
            Its log, a socket whose other end we hold, and the locks of its devices.

        Returns
        -------
        ForkedProcess or None
            None if it has to be started afresh.
        """
        async with self._one_at_a_time:
            for _ in range(2):  # what is out of date is made anew once
                if not self.usable:
                    return None
                self.start()
                if not await self._is_ready():
                    return None  # but perhaps for a later job
                self._number += 1
                request = ForkRequest(
                    number=self._number, job_dir=str(job_dir), attempt=attempt, environment=dict(environment)
                )
                try:
                    answer = await self._ask(request, descriptors)
                except (OSError, asyncio.TimeoutError) as error:
                    logger.warning("The template process does not answer (%s); it is made anew", error)
                    self._end()
                    return None
                self._used_at = time.monotonic()
                if isinstance(answer, ForkedProcess):
                    return answer
                logger.info("The template process is out of date: %s", answer)
                self._end()
        return None

    async def _is_ready(self) -> bool:
        """Wait until everything is imported, but not for longer than that may take from its start on."""
        left = self._started_at + READY_SECONDS - time.monotonic()
        if not self._ready.is_set() and left > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ready.wait(), left)
        return self._ready.is_set() or self._socket is None

    async def _ask(self, request: ForkRequest, descriptors: Sequence[int]) -> ForkedProcess | str:
        """Ask for a process; the answer is why there is none if there is none."""
        if self._socket is None:
            return "it ended"
        self._answer = asyncio.get_running_loop().create_future()
        socket.send_fds(self._socket, [request.model_dump_json().encode()], list(descriptors))
        return await asyncio.wait_for(self._answer, ANSWER_SECONDS)

    def _read(self) -> None:
        """Take in everything that the template has said."""
        while self._socket is not None:
            try:
                data = self._socket.recv(_LONGEST_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lost()
                return
            self._heard(json.loads(data))

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("ready"):
            self._failures = 0
            self._ready.set()
            if not self._one_at_a_time.locked():  # nobody waited for it
                self.use_pause()
        elif "ended" in message:
            child = self._children.pop(message["ended"], None)
            if child is not None and not child.ended.done():
                child.ended.set_result(message["code"])
        elif self._answer is not None and not self._answer.done() and message.get("number") == self._number:
            self._answer.set_result(self._forked(message["started"]) if "started" in message else message["stale"])

    def _forked(self, pid: int) -> ForkedProcess:
        # At once: its end may be what is heard next.
        self._children[pid] = ForkedProcess(pid)
        return self._children[pid]

    def _lost(self) -> None:
        """The template is gone: its children are watched from here, and nobody waits for it in vain."""
        # Perhaps one of these was its end.
        self._learned = {}
        self._memory.unlink(missing_ok=True)
        if not self._ready.is_set():
            self._failures += 1
            logger.warning("The template process ended before it was ready; see %s", self._log)
        self._end()
        self._ready.set()  # whoever waits looks again, and finds no socket
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("it ended")

    def _end(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._ready.clear()
        for child in self._children.values():
            task = asyncio.create_task(_wait_for_stranger(child))
            self._orphans.add(task)
            task.add_done_callback(self._orphans.discard)
        self._children.clear()

    def close(self) -> None:
        """End it for good; evaluations that it forked are not touched."""
        self._closed = True
        self._end()
        self._ready.set()
        for task in self._orphans:
            task.cancel()


def _read_names(file: Path) -> list[str]:
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


async def _wait_for_stranger(child: ForkedProcess) -> None:
    """Wait for a process whose parent is gone: its exit code is not to be had, its outcome tells how it ended."""
    identity = ProcessIdentity.of(child.pid)
    while identity is not None and identity.alive():  # noqa: ASYNC110  (nobody sets an event for a stranger)
        await asyncio.sleep(_POLL_SECONDS)
    if not child.ended.done():
        child.ended.set_result(-9)
