"""Keeps a server running as systemd would: on the same address and state directory, again and again."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.ports import free_port

from .folders import Folders
from .memory import Memory
from .processes import SUPERVISOR, describe, is_of, left_of, processes_of
from .rest import Rest

START_SECONDS = 60.0
STOP_SECONDS = 60.0
GONE_SECONDS = 60.0
_TOKEN = "chaos"

ARGUMENTS = (
    "--cpu-slots=2",
    "--crash-retries=1000",  # the chaos is at fault, not the job
    "--stall-factor=3",
    "--stall-seconds=3",
)


class Keeper:
    """A server that is ended and started by whoever has this.

    Parameters
    ----------
    folders
        Where it lives.
    memory
        Receives measurements, and what must not happen.
    """

    def __init__(self, folders: Folders, memory: Memory) -> None:
        self._folders = folders
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._watches: list[threading.Thread] = []
        self.port = free_port()
        self.token = _TOKEN
        self.url = f"http://127.0.0.1:{self.port}"
        self.rest = Rest(self.url, _TOKEN, memory.server_error)

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server; returns when it is healthy.

        Raises
        ------
        AssertionError
            If it does not become healthy.
        """
        log = self._folders.root / "server.log"
        command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", f"--port={self.port}", f"--token={_TOKEN}"]
        command += [f"--state-dir={self._folders.state}", f"--include-path={TASKS_DIR}", *ARGUMENTS]
        began = time.monotonic()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self._folders.root,
                env=self._folders.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C is for the harness, which then ends the server itself
            )
        while time.monotonic() - began < START_SECONDS and self.alive:
            response = self.rest.once("GET", "/health")
            if response is not None and response.is_success:
                self._memory.took("start until healthy", time.monotonic() - began)
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not become healthy; its last words: {log.read_text()[-2000:]}")

    def kill(self, *, with_supervisors: bool = False, just_before: Callable[[], None] | None = None) -> None:
        """Kill the server; how long its evaluations outlive it is measured meanwhile.

        Parameters
        ----------
        with_supervisors
            Kill the supervisors of its evaluations in the same moment.
        just_before
            Called right before, so that the server dies within what this begins.
        """
        process = self._running()
        victims = [found for found in processes_of(self._folders.state) if found.pid != process.pid]
        supervisors = [found for found in victims if with_supervisors and is_of(found, SUPERVISOR)]
        if just_before is not None:
            just_before()
        killed = time.monotonic()
        process.kill()
        for supervisor in supervisors:
            with suppress(psutil.NoSuchProcess):  # it ended just before
                supervisor.kill()
        process.wait()
        watch = threading.Thread(target=self._watch_ending, args=(victims, killed), daemon=True)
        watch.start()
        self._watches.append(watch)

    def stop(self) -> None:
        """End the server by SIGINT, as a person does; a process that it leaves is an incident."""
        process = self._running()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._memory.incident(f"a server that was told to stop was still there after {STOP_SECONDS:.0f} s")
            process.kill()
            process.wait()
            return
        self._memory.took("clean stop", time.monotonic() - began)
        if code != 0:
            self._memory.incident(f"a server that was told to stop ended with {code}")
        if left := processes_of(self._folders.state):
            self._memory.incident(f"a server that stopped left {[describe(process) for process in left]}")

    def restart_if_dead(self) -> None:
        """Note that the server ended by itself, which it must not, and start it."""
        if self._process is not None and not self.alive:
            self._memory.incident(f"the server ended by itself with {self._process.returncode}")
            self.start()

    def close(self) -> None:
        """End the server, whatever its state, and wait for the measurements."""
        if self._process is not None and self.alive:
            self._process.kill()
            self._process.wait()
        for watch in self._watches:
            watch.join(GONE_SECONDS + 5)
        self.rest.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("no server was started")
        return self._process

    def _watch_ending(self, victims: list[psutil.Process], killed: float) -> None:
        left = left_of(victims)
        while left and time.monotonic() - killed < GONE_SECONDS:
            time.sleep(0.02)
            left = left_of(left)
        self._memory.took("server killed until its processes are gone", time.monotonic() - killed)
        for process in left:
            self._memory.incident(f"outlived its killed server by {GONE_SECONDS:.0f} s: {describe(process)}")
