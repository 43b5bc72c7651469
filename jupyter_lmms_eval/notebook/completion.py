"""What the Tab key offers after the magic; never waits long, whatever the server does."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..client import EvalClient
from .commands import COMMANDS, MAGIC, parser_of
from .session import session

# A person does not notice this; whatever takes longer is there at the next Tab.
PATIENCE_SECONDS = 0.25
_TAKES_JOBS = ("status", "logs", "results", "cancel", "retry")


@dataclass
class Remembered:
    """Names that a server knows, asked for in the background.

    Attributes
    ----------
    ask
        Asks a client.
    seconds
        How long an answer counts.
    """

    ask: Callable[[EvalClient], Sequence[str]]
    seconds: float
    _names: Sequence[str] = ()
    _asked: float = float("-inf")
    _asking: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self, patience: float = PATIENCE_SECONDS) -> Sequence[str]:
        """Return what is known, after waiting a moment for news if it is old."""
        with self._lock:
            if time.monotonic() - self._asked > self.seconds and self._asking is None:
                self._asking = threading.Thread(target=self._refresh, name="lmms-eval-completion", daemon=True)
                self._asking.start()
            asking = self._asking
        if asking is not None:
            asking.join(patience)
        return self._names

    def _refresh(self) -> None:
        try:
            names = self.ask(session.client())
        except Exception:  # noqa: BLE001  (no server, no names: nothing to complain about while somebody types)
            names, since = (), float("-inf")
        else:
            since = time.monotonic()
        with self._lock:
            self._names, self._asked, self._asking = names, since, None


_TASKS = Remembered(lambda client: client.list_tasks(), 60)
_MODELS = Remembered(lambda client: client.list_models(), 60)
_JOBS = Remembered(lambda client: [job["job_id"] for job in client.list_jobs(limit=50)["jobs"]], 1)


def complete(_: Any, event: Any) -> list[str]:
    """Offer completions; IPython's hook.

    Parameters
    ----------
    event
        Holds the line up to the cursor.
    """
    return candidates(str(event.text_until_cursor))


def candidates(line: str) -> list[str]:
    """List what may stand at the end of a line.

    Parameters
    ----------
    line
        The line up to the cursor.
    """
    after = line.rpartition(MAGIC)[2]
    words = after.split()
    typed = "" if not words or after[-1:].isspace() else words[-1]
    before = words[: len(words) - bool(typed)]
    if not before:
        return [name for name in COMMANDS if name.startswith(typed)]
    if before[0] not in COMMANDS:
        return []
    # IPython completes what follows the last comma or equals sign.
    last = typed.replace("=", ",").rpartition(",")[2]
    flag = typed.partition("=")[0] if typed.startswith("--") and "=" in typed else before[-1]
    offered = _values(before[0], flag)
    if offered is not None:
        return [name for name in offered if name.startswith(last)]
    if typed.startswith("-"):
        return [flag for flag in _flags(before[0]) if flag.startswith(typed)]
    if before[0] in _TAKES_JOBS:
        return [name for name in _JOBS.names() if name.startswith(typed)]
    return [] if typed else _flags(before[0])


def _values(command: str, flag: str) -> Sequence[str] | None:
    """List the values of a flag; None if what stands before is none, or takes what nobody can guess."""
    if flag in ("--tasks", "--task"):
        return _TASKS.names()
    if flag == "--model":
        return _MODELS.names()
    for action in parser_of(command)._actions:  # noqa: SLF001  (not told otherwise)
        if flag in action.option_strings and action.choices is not None:
            return [str(choice) for choice in action.choices]
    return None


def _flags(command: str) -> list[str]:
    """List the options of a subcommand, each in its first long spelling."""
    return [
        next(flag for flag in action.option_strings if flag.startswith("--"))
        for action in parser_of(command)._actions  # noqa: SLF001  (not told otherwise)
        if action.option_strings and action.help != argparse.SUPPRESS
    ]
