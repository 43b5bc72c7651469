"""The process that reads the media of samples from their datasets; the server never loads any."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from ..protocol.samples import MediaAnswer, MediaRequest
from .environment import evaluation_environment
from .errors import MediaUnavailable

logger = logging.getLogger(__name__)

# Its start takes seconds, and so does the first look at a dataset; what takes longer hangs.
START_SECONDS = 30.0
ANSWER_SECONDS = 60.0
# Half a gigabyte of memory is given back when nobody has looked for so long.
IDLE_SECONDS = 120.0
_MODULE = "jupyter_lmms_eval.runner.media"
_LONGEST_MESSAGE = 1 << 18
# What is on this machine is shown; looking at samples downloads nothing.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class MediaProcess:
    """A process that is started when it is first asked, and ended when it hangs, is idle, or is closed.

    All methods belong to one event loop.

    Parameters
    ----------
    folder
        Where it works, and where its log is.
    answer_seconds, idle_seconds
        How long an answer may take, beyond its start, and how long it stays without a question.
    """

    def __init__(
        self, folder: Path, answer_seconds: float = ANSWER_SECONDS, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._folder = folder
        self._answer_seconds = answer_seconds
        self._idle_seconds = idle_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Its number, if it runs."""
        return None if self._process is None else self._process.pid

    @property
    def descriptors(self) -> list[int]:
        """The open file by which it knows that this server lives."""
        return [] if self._socket is None else [self._socket.fileno()]

    async def ask(self, request: MediaRequest) -> MediaAnswer:
        """Let it write the media of a sample.

        Raises
        ------
        MediaUnavailable
            If it does not start, ends, or takes too long.
        """
        async with self._one_at_a_time:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            # One that stayed may have ended while nobody asked: then another is asked.
            for _ in range(2 if self._socket is not None else 1):
                try:
                    answer = await self._answer(request)
                    break
                except (OSError, ValidationError):
                    self.end()
            else:
                raise MediaUnavailable(f"The process that reads datasets ended amid {request.task}; see {self._log}")
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_if_idle)
            return answer

    async def _answer(self, request: MediaRequest) -> MediaAnswer:
        patience = self._answer_seconds + (START_SECONDS if self._socket is None else 0)
        connection = self._socket or self._start()
        self._number += 1
        connection.send(request.model_copy(update={"number": self._number}).model_dump_json().encode())
        try:
            return await asyncio.wait_for(self._heard(connection), patience)
        except asyncio.TimeoutError:
            self.end()
            raise MediaUnavailable(
                f"The dataset of {request.task} was not read within {patience:g} s, and its reading was ended"
            ) from None

    async def _heard(self, connection: socket.socket) -> MediaAnswer:
        while True:
            data = await asyncio.get_running_loop().sock_recv(connection, _LONGEST_MESSAGE)
            if not data:
                raise ConnectionResetError
            answer = MediaAnswer.model_validate_json(data)
            if answer.number == self._number:  # others are for who waits no more
                return answer

    @property
    def _log(self) -> Path:
        return self._folder / "media.log"

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs, self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", _MODULE, str(theirs.fileno())],
                    cwd=self._folder,
                    env=evaluation_environment(os.environ, [], threads=1) | _OFFLINE,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # interrupting a cell must not reach it
                )
        except BaseException:
            ours.close()
            raise
        self._socket = ours
        return ours

    def _end_if_idle(self) -> None:
        if not self._one_at_a_time.locked():
            self.end()

    def end(self) -> None:
        """End it, with all that it started; the next question starts another."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None
