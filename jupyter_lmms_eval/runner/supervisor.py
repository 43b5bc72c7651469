"""Keeps watch over the processes of an attempt: their output, their end, and the parent they must not outlive."""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil

from ..protocol.jobs import Failure
from ..protocol.redaction import secrets_of
from ..protocol.run import EXIT_DISK_FULL, EXIT_INTERRUPTED, LOOK, NextAttempt, RunFiles, RunOutcome, RunSpec
from ..protocol.secrets import secret_fields
from .environment import rank_environment
from .failure import failure_of_exit, failure_told_in, told_elsewhere
from .joblog import JobLog
from .kinship import adopt_orphans
from .logfile import LogFilter
from .records import write_atomically
from .resident import LONGEST_MESSAGE
from .spec import read_spec
from .stacks import REQUEST, requests_held_back
from .titles import retitle

GRACE_SECONDS = 3.0
# A rank whose peer is gone would wait in a collective for the process group's timeout.
PEERS_SECONDS = 5.0
# Something the evaluation started may keep the pipe open after it; its last words are not worth more.
DRAIN_SECONDS = 1.0
# Ranks write into one pipe, and their stacks must not mix; writing them takes milliseconds.
STACKS_SECONDS = 0.1
# So much of the end of a log is searched for what a process of an engine died of.
ROOT_CAUSE_BYTES = 64 << 10


class Rank(Protocol):
    """A process under watch."""

    pid: int

    @property
    def returncode(self) -> Any:
        """Its exit code, negative for a signal, or None."""

    def poll(self) -> int | None:
        """Look whether it has ended."""

    def wait(self, timeout: float) -> int:
        """Wait for its end."""

    def send_signal(self, number: int) -> None:
        """Send it a signal."""

    def terminate(self) -> None:
        """Ask it to end."""


StartRank = Callable[[int, int, "int | None"], Rank]


@dataclass
class Supervision:
    """One attempt under watch, and those that follow it in the same processes.

    Parameters
    ----------
    files
        The job's files.
    spec
        What is run.
    server
        A socket or pipe whose other end the server holds; its end means the server is gone. A rank that stays needs
        a socket: further attempts come through it.
    start_rank
        Starts a rank, given its number, the descriptor for its output and, if it may stay, that for talking with it;
        a fresh process if None.
    """

    files: RunFiles
    spec: RunSpec
    server: int | None = None
    start_rank: StartRank | None = None
    ranks: list[Rank] = field(default_factory=list)
    interrupted: bool = False
    _rank: socket.socket | None = None
    _stays: bool = False
    _stacks_requested: bool = False
    _stacks_due: deque[int] = field(default_factory=deque)
    _stacks_at: float = float("-inf")
    _failed_at: float | None = None
    _asked_at: float | None = None
    _failed_first: list[int] = field(default_factory=list)

    def run(self) -> int:
        """Run the attempt to its end, and as many others as come while the rank stays.

        Returns
        -------
        int
            Of the last attempt: 0 if it succeeded, 1 if it failed, 143 if it was interrupted: such an attempt leaves
            no outcome, unless it had one already, because it says nothing about the job. 74 (EX_IOERR) if the
            outcome could not be written, mostly because the disk is full; then there is none, and the job failed.

        Notes
        -----
        SIGTERM and SIGINT interrupt the attempt. SIGUSR1 makes the ranks write the stacks of all their threads
        into the log, and nothing else.
        """
        adopt_orphans()
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGINT, self._on_sigterm)
        signal.signal(REQUEST, self._on_stacks_request)
        output = self._start_ranks()
        try:
            while True:
                code = self._attempt(output)
                if not self._stays or self._rank is None or self.server is None:
                    return code
                if not _told(self.server, ended=code) or not self._another(self.server, self._rank, output):
                    return code
        finally:
            os.close(output)
            self._end_descendants()

    def _attempt(self, output: int) -> int:
        cleaner = LogFilter(secrets_of(os.environ, *secret_fields(self.spec.request)))
        with contextlib.closing(JobLog(self.files.log)) as log:
            try:
                self._watch(output, cleaner, log)
            finally:
                if not self._stays:
                    self._end_descendants()
            log.write(cleaner.flush(time.monotonic(), final=True))
        return self._conclude(list(cleaner.last_lines), log)

    def _on_sigterm(self, _signal: int, _frame: object) -> None:
        self.interrupted = True

    def _on_stacks_request(self, _signal: int, _frame: object) -> None:
        self._stacks_requested = True

    def _start_ranks(self) -> int:
        reader, writer = os.pipe()
        theirs: socket.socket | None = None
        if self.spec.keep and self.spec.ranks == 1 and self.server is not None:
            self._rank, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with requests_held_back():
                for rank in range(self.spec.ranks):
                    # Ranks are started here and not by torchrun: torchrun gives each its own session, where neither
                    # a signal to the job's group nor the end of this process would reach it.
                    start = self.start_rank or self._fresh_rank
                    self.ranks.append(start(rank, writer, None if theirs is None else theirs.fileno()))
        finally:
            os.close(writer)
            if theirs is not None:
                theirs.close()
        return reader

    def _fresh_rank(self, rank: int, output: int, talk: int | None) -> Rank:
        what = [str(self.files.job_dir), str(self.spec.attempt), str(os.getpid())]
        return subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.rank", *what, *([] if talk is None else [str(talk)])],
            cwd=self.files.job_dir,
            env=rank_environment(os.environ, self.spec, rank),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=() if talk is None else (talk,),
        )

    def _watch(self, output: int, cleaner: LogFilter, log: JobLog) -> None:
        os.set_blocking(output, False)
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if self.server is not None:
                selector.register(self.server, selectors.EVENT_READ)
            if self._rank is not None:
                selector.register(self._rank, selectors.EVENT_READ)
            all_ended_at: float | None = None
            open_end = True
            while True:
                hurried = self.interrupted or self._stacks_due or not open_end or all_ended_at is not None
                ready = {key.fd for key, _ in selector.select(0.01 if hurried else 0.25)}
                now = time.monotonic()
                if self.server in ready and not os.read(self.server or 0, 4096):
                    selector.unregister(self.server or 0)
                    self.interrupted = True
                if output in ready and not self._pump(output, cleaner, log, now):
                    selector.unregister(output)
                    open_end = False
                if self._rank is not None and self._rank.fileno() in ready:
                    # It flushed its output before it said so; what is in the pipe is still of this attempt.
                    self._stays = bool(self._rank.recv(LONGEST_MESSAGE))
                    selector.unregister(self._rank)
                    while self._stays and open_end and self._more(output):
                        open_end = self._pump(output, cleaner, log, now)
                log.write(cleaner.flush(now))
                if self._stays and not self.interrupted:
                    return
                self._relay_stacks_request(log, now)
                self._end_if_needed(now)
                if all(rank.poll() is not None for rank in self.ranks):
                    all_ended_at = all_ended_at or now
                    if not open_end or now - all_ended_at > DRAIN_SECONDS:
                        return

    def _pump(self, output: int, cleaner: LogFilter, log: JobLog, now: float) -> bool:
        """Move what there is from the pipe to the log; false at the pipe's end."""
        try:
            data = os.read(output, 1 << 16)
        except BlockingIOError:
            return True
        log.write(cleaner.feed(data, now))
        return bool(data)

    @staticmethod
    def _more(output: int) -> bool:
        return bool(select.select([output], [], [], 0)[0])

    # ------------------------------------------------------------------------------------------- between two attempts

    def _another(self, server: int, rank: socket.socket, output: int) -> bool:
        """Wait until the rank has taken another attempt; false if this process is to end instead."""
        retitle(f"{__package__}", "waiting")
        while not self.interrupted:
            ready, _, _ = select.select([server, rank.fileno(), output], [], [], 1.0)
            if output in ready and not os.read(output, 1 << 16):  # nobody asked for what it says now
                return False
            if rank.fileno() in ready:  # it ends, by itself or not
                return False
            if server in ready:
                order = os.read(server, LONGEST_MESSAGE)
                if order != LOOK:
                    return bool(order) and self._taken(server, rank, order)
                with contextlib.suppress(OSError):  # its end is noticed by the next look at it
                    rank.send(order)
        return False

    def _taken(self, server: int, rank: socket.socket, order: bytes) -> bool:
        try:
            rank.send(order)
            answer = json.loads(rank.recv(LONGEST_MESSAGE) or b"{}")
        except OSError:
            return False
        taken = "taken" in answer
        if taken:
            self._begin(NextAttempt.model_validate_json(order))
        return _told(server, **answer) and taken

    def _begin(self, another: NextAttempt) -> None:
        self.files = RunFiles(another.job_dir)
        self.spec = read_spec(self.files, another.attempt)
        self._stays = False
        self._stacks_requested = False
        self._stacks_due.clear()
        os.environ.clear()
        os.environ.update(another.environment)
        os.chdir(another.job_dir)
        with self.files.log.open("ab") as log:
            for standard in (1, 2):
                os.dup2(log.fileno(), standard)
        retitle(f"{__package__}", another.job_dir, str(another.attempt))

    def _relay_stacks_request(self, log: JobLog, now: float) -> None:
        """Ask one rank after the other for its stacks; what they started themselves would die of being asked."""
        if self._stacks_requested:
            self._stacks_requested = False
            self._stacks_due = deque(range(len(self.ranks)))
        if not self._stacks_due or now - self._stacks_at < STACKS_SECONDS:
            return
        number = self._stacks_due.popleft()
        rank = self.ranks[number]
        if rank.poll() is None:
            log.write(f"The stacks of rank {number} (process {rank.pid}) follow, because they were asked for:\n")
            rank.send_signal(REQUEST)
            self._stacks_at = now

    def _end_if_needed(self, now: float) -> None:
        """End what must end: everything if the attempt is interrupted, the other ranks if one failed."""
        running = [rank for rank in self.ranks if rank.poll() is None]
        if self._failed_at is None and self._asked_at is None and not self.interrupted:
            self._note_failed(now)
        if not running:
            return
        if self._asked_at is not None:
            if now - self._asked_at > GRACE_SECONDS:
                self._end_descendants()
        elif self.interrupted:
            self._asked_at = now
            self._signal_group(signal.SIGTERM)
        elif self._failed_at is not None and now - self._failed_at > PEERS_SECONDS:
            self._asked_at = now
            for rank in running:
                rank.terminate()

    def _note_failed(self, now: float) -> None:
        """Remember which ranks failed by themselves, before others fail because of them or are ended."""
        self._failed_first = [number for number, rank in enumerate(self.ranks) if rank.poll()]
        if self._failed_first:
            self._failed_at = now

    @staticmethod
    def _signal_group(number: signal.Signals) -> None:
        # Only a group of its own may be signalled; started by hand from a shell, the group is the shell's.
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), number)
        else:
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.send_signal(number)

    def _end_descendants(self) -> None:
        """Kill everything the attempt started that still lives, here or in a session of its own."""
        own_group = os.getpgrp() == os.getpid()
        left = {child.pid: child for child in psutil.Process().children(recursive=True)}
        if own_group:
            for process in psutil.process_iter():
                with contextlib.suppress(OSError, psutil.Error):
                    if os.getpgid(process.pid) == os.getpid() and process.pid != os.getpid():
                        left[process.pid] = process
        for process in left.values():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for rank in self.ranks:
            with contextlib.suppress(subprocess.TimeoutExpired):
                rank.wait(GRACE_SECONDS)

    def _conclude(self, last_lines: list[str], log: JobLog) -> int:
        outcomes = {rank: outcome for rank in range(self.spec.ranks) if (outcome := self._read_outcome(rank))}
        own = outcomes.get(0)
        if own is not None and own.status == "ok":
            return 0
        if self.interrupted and own is None:
            return EXIT_INTERRUPTED
        failure = self._killed(outcomes, last_lines) or self._first_failure(outcomes) or self._crash(last_lines)
        if told_elsewhere(failure):  # here, as what is still in the pipe when the rank fails may be what matters
            failure = failure_told_in(log.end(ROOT_CAUSE_BYTES), failure)
        if own is None or own.failure != failure:
            outcome = (own or RunOutcome(status="failed")).model_copy(update={"status": "failed", "failure": failure})
            try:
                write_atomically(self.files.outcome(self.spec.attempt), outcome.model_dump_json(indent=1))
            except OSError as error:
                # Not through sys.stderr: what it cannot write it tries again at exit, and changes the exit code.
                with contextlib.suppress(OSError):
                    os.write(2, f"the outcome could not be written: {error}\n".encode())
                return EXIT_DISK_FULL
        return 1

    def _read_outcome(self, rank: int) -> RunOutcome | None:
        path = self.files.outcome(self.spec.attempt, rank)
        with contextlib.suppress(OSError, ValueError):
            return RunOutcome.model_validate_json(path.read_bytes())
        return None

    def _killed(self, outcomes: dict[int, RunOutcome], last_lines: list[str]) -> Failure | None:
        """The death of a rank that could not say anything; what its peers say is only that it went away."""
        for number in self._failed_first:
            code = self.ranks[number].returncode
            if code < 0 and number not in outcomes:
                return failure_of_exit(code, last_lines, str(self.files.log))
        return None

    def _first_failure(self, outcomes: dict[int, RunOutcome]) -> Failure | None:
        """The failure that came first: the others are mostly about the rank that went away."""
        failed = [rank for rank, outcome in outcomes.items() if outcome.failure is not None]
        if not failed:
            return None
        first = min(failed, key=lambda rank: self.files.outcome(self.spec.attempt, rank).stat().st_mtime_ns)
        return outcomes[first].failure

    def _crash(self, last_lines: list[str]) -> Failure:
        codes = [rank.returncode for rank in self.ranks]
        code = next((code for code in codes if code not in (0, -signal.SIGTERM)), codes[0]) or 0
        return failure_of_exit(code, last_lines, str(self.files.log))


def _told(server: int, **message: Any) -> bool:
    """Tell the server; false if it is gone."""
    try:
        os.write(server, json.dumps(message).encode())
    except OSError:
        return False
    return True
