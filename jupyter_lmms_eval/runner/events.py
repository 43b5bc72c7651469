"""Reports what happens in an evaluation as lines of the job's events file; an evaluation never fails of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..protocol.run import RunEvent
from .records import AppendedFile

PROGRESS_INTERVAL = 0.2


class EventLog:
    """The events of one rank of one attempt.

    Parameters
    ----------
    path
        The events file.
    attempt
        Which attempt at the job this is.
    rank
        Which of the attempt's processes this is.
    clock
        Seconds that only grow; for tests.
    """

    def __init__(self, path: Path, attempt: int, rank: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = AppendedFile(path)
        self._attempt = attempt
        self._rank = rank
        self._clock = clock
        self._last_progress = float("-inf")
        self._untold: list[str] = []

    def _append(self, event: RunEvent) -> None:
        line = event.model_dump_json(exclude_none=True) + "\n"
        try:
            self._file.append("".join([*self._untold, line]))
        except OSError:
            # The disk is full. Progress is overtaken by the next report; the rest is told when there is room.
            if event.event != "progress":
                self._untold.append(line)
        else:
            self._untold.clear()

    def _event(self, name: str) -> RunEvent:
        return RunEvent(event=name, time=time.time(), rank=self._rank, attempt=self._attempt)

    def phase(self, phase: str) -> None:
        """A new phase begins."""
        event = self._event("phase")
        event.phase = phase
        self._append(event)

    def plan(self, task: str, total: int) -> None:
        """Announce that this rank will answer ``total`` samples of ``task``."""
        event = self._event("plan")
        event.task, event.total = task, total
        self._append(event)

    def progress(self, done: dict[str, int], errors: int, *, force: bool = False) -> None:
        """Samples answered so far; dropped if the last report is very recent, unless forced."""
        now = self._clock()
        if not force and now - self._last_progress < PROGRESS_INTERVAL:
            return
        self._last_progress = now
        event = self._event("progress")
        event.done, event.errors = done, errors
        self._append(event)

    def notice(self, message: str) -> None:
        """Something the user should know."""
        event = self._event("notice")
        event.message = message
        self._append(event)


class Phases:
    """Where the evaluation is, with the seconds spent in each phase.

    Parameters
    ----------
    events
        Where a new phase is reported.
    began
        When the process began, by ``time.monotonic``.
    """

    def __init__(self, events: EventLog, began: float) -> None:
        self._events = events
        self._since = began
        self.current = ""
        self.seconds: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        """Begin a phase; entering the current one again changes nothing."""
        if phase == self.current:
            return
        self._close()
        self.current = phase
        self._events.phase(phase)

    def _close(self) -> None:
        now = time.monotonic()
        if self.current:
            self.seconds[self.current] = self.seconds.get(self.current, 0.0) + now - self._since
            self._since = now

    def timings(self) -> dict[str, float]:
        """Seconds per phase until now, and their ``total``."""
        self._close()
        rounded = {phase: round(seconds, 3) for phase, seconds in self.seconds.items()}
        return {**rounded, "total": round(sum(self.seconds.values()), 3)}
