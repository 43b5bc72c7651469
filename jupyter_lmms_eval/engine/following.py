"""Follow an evaluation through the events it writes, and fold them into its progress."""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path

from pydantic import ValidationError

from ..protocol.jobs import Progress, TaskProgress
from ..protocol.run import RunEvent

logger = logging.getLogger(__name__)

# The rate is that of the last so many seconds, so that it follows a slow-down but not every chunk.
RATE_WINDOW_SECONDS = 30.0


class EventReader:
    """Reads what was appended to an events file since the last time.

    Parameters
    ----------
    path
        The file; it may not exist yet.
    offset
        Byte to start at, for a file that holds earlier attempts.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._troubled = False

    def read(self) -> list[RunEvent]:
        """Return the new events. A line that is not whole yet, or cannot be read now, is left for the next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:  # no free descriptor, a network disk: the evaluation goes on meanwhile
            if not self._troubled:
                logger.warning("The events in %s cannot be read: %s", self._path, error)
            self._troubled = True
            return []
        self._troubled = False
        whole, newline, _ = data.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        events = []
        for line in whole.splitlines():
            try:
                events.append(RunEvent.model_validate_json(line))
            except ValidationError:  # torn by a crash: the next line is whole again
                continue
        return events


class ProgressBook:
    """Adds up the events of all ranks of one attempt.

    Parameters
    ----------
    attempt
        Events of other attempts are passed over.
    """

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt
        self._phase = "starting"
        self._totals: dict[tuple[int, str], int] = {}
        self._done: dict[tuple[int, str], int] = {}
        self._errors: dict[int, int] = {}
        self._recent: deque[tuple[float, int]] = deque()
        self.notices: list[str] = []

    @property
    def finished(self) -> bool:
        """Whether the evaluation said that it is done."""
        return self._phase == "done"

    def add(self, event: RunEvent) -> None:
        """Take one event in."""
        if event.attempt != self._attempt:
            return
        if event.event == "phase" and event.phase and event.rank == 0:
            self._phase = event.phase
            if event.phase == "answering":
                self._note(event.time)
        elif event.event == "plan" and event.task is not None:
            self._totals[event.rank, event.task] = event.total or 0
        elif event.event == "notice" and event.message and event.message not in self.notices:
            self.notices.append(event.message)
        if event.errors is not None:
            self._errors[event.rank] = event.errors
        if event.done is not None:
            self._done |= {(event.rank, task): done for task, done in event.done.items()}
            self._note(event.time)

    def _note(self, at: float) -> None:
        if self._recent and at < self._recent[-1][0]:  # the machine's clock was set back
            self._recent.clear()
        self._recent.append((at, sum(self._done.values())))
        while len(self._recent) > 2 and at - self._recent[1][0] > RATE_WINDOW_SECONDS:
            self._recent.popleft()

    def progress(self) -> Progress:
        """Return how far the attempt is."""
        tasks: dict[str, TaskProgress] = {}
        for (_, task), total in self._totals.items():
            known = tasks.setdefault(task, TaskProgress(total=0))
            known.total = (known.total or 0) + total
        for (_, task), done in self._done.items():
            tasks.setdefault(task, TaskProgress()).done += done
        done_now = sum(task.done for task in tasks.values())
        total_now = sum(self._totals.values()) if self._totals else None
        rate = self._rate()
        left = None if total_now is None else max(0, total_now - done_now)
        return Progress(
            phase=self._phase,
            samples_done=done_now,
            samples_total=total_now,
            rate=rate,
            eta_seconds=left / rate if rate and left is not None and self._phase == "answering" else None,
            tasks=tasks,
            errors_logged=sum(self._errors.values()),
        )

    def _rate(self) -> float | None:
        if len(self._recent) < 2:
            return None
        (start, before), (end, after) = self._recent[0], self._recent[-1]
        return (after - before) / (end - start) if end > start and after > before else None
