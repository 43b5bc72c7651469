"""Ranks that are forked from a process which has everything imported, instead of being started afresh."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from ..protocol.run import RunSpec
from .environment import rank_environment
from .kinship import die_with
from .stacks import write_stacks
from .titles import retitle

_POLL_SECONDS = 0.01
_MOST_DESCRIPTORS = 1 << 20
_ENDING = (signal.SIGTERM, signal.SIGINT)


class ForkedRank:
    """A forked child, with the part of `subprocess.Popen` that a supervisor uses.

    Parameters
    ----------
    pid
        Its number.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end.

        Raises
        ------
        subprocess.TimeoutExpired
            If it does not end in so many seconds.
        """
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("rank", timeout)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def fork_rank(spec: RunSpec) -> Callable[[int, int, int | None], ForkedRank]:
    """Return what starts ranks by forking.

    Parameters
    ----------
    spec
        What they run.
    """

    def start(rank: int, output: int, talk: int | None) -> ForkedRank:
        supervisor = os.getpid()
        began = time.monotonic()
        # In its first moments the child has the supervisor's handlers, which would swallow what is to end it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        supervising = True
        try:
            supervising = bool(pid := os.fork())
        finally:
            if supervising:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if pid:
            return ForkedRank(pid)
        try:
            die_with(supervisor)
            for number in _ENDING:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            for standard in (1, 2):
                os.dup2(output, standard)
            _keep_only(talk)
            environment = rank_environment(os.environ, spec, rank)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = ["rank", spec.job_dir, str(spec.attempt), str(supervisor)]
            retitle("jupyter_lmms_eval.runner.rank", *sys.argv[1:])
            write_stacks()
            import torch

            from .evaluate import evaluate

            torch.set_num_threads(spec.threads)
            evaluate(spec.job_dir, spec.attempt, began, talk, forked=True)
        finally:
            os._exit(1)  # evaluate() never returns; whatever comes here must not go on as a supervisor

    return start


def _keep_only(talk: int | None) -> None:
    """Close every descriptor but the standard ones and one more, as starting a program does."""
    first = 3
    if talk is not None:
        os.closerange(first, talk)
        first = talk + 1
    os.closerange(first, _MOST_DESCRIPTORS)
