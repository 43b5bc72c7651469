"""Notices an evaluation that hangs: no chunk of samples is finished for many times the usual time; pure."""

from __future__ import annotations

from collections import deque
from statistics import median

from ..protocol.run import RunEvent

# Before the first chunk nothing is known of the usual time; compiling and slow models need their while.
_FIRST_CHUNK = 4
_REMEMBERED = 32


class StallWatch:
    """Watches one attempt while its model answers.

    Loading and scoring are not watched: a download or a judge may rightly be silent for long.

    Parameters
    ----------
    factor
        How many times the usual duration of a chunk counts as hanging.
    least
        Seconds of silence that never count, however short the usual chunks are; four times as many before the
        first chunk.
    now
        The time, in seconds of a clock that only grows; so everywhere here.
    """

    def __init__(self, factor: float, least: float, now: float) -> None:
        self._factor = factor
        self._least = least
        self._since = now
        self._answering = False
        self._begun: set[int] = set()
        self._durations: deque[float] = deque(maxlen=_REMEMBERED)

    def saw(self, event: RunEvent, now: float) -> None:
        """Take an event of any rank in."""
        if event.event == "phase" and event.rank == 0:
            self._answering = event.phase == "answering"
            self._begun.clear()
            self._since = now
        elif event.event == "progress":
            if self._answering and event.rank in self._begun:
                self._durations.append(now - self._since)
            self._begun.add(event.rank)  # a rank's first report comes before its first chunk
            self._since = now

    @property
    def usual(self) -> float | None:
        """Seconds a chunk usually takes; None before the first."""
        return median(self._durations) if self._durations else None

    def stalled(self, now: float) -> str | None:
        """Say that the evaluation hangs, or None."""
        if not self._answering:
            return None
        usual, silent = self.usual, now - self._since
        patience = self._least * _FIRST_CHUNK if usual is None else max(self._least, self._factor * usual)
        if silent <= patience:
            return None
        known = "" if usual is None else f"; one usually takes {usual:.1f} s"
        return f"No chunk of samples was finished for {silent:.0f} s{known}"
