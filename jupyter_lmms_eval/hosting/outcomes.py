"""What asking for a server leads to: one of five answers, each with a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..protocol.server import ServerRecord


@dataclass(frozen=True)
class Started:
    """A server was started.

    Attributes
    ----------
    record
        How to reach it; holds its token, so it is not shown.
    seconds
        How long it took until it answered.
    detached
        Whether it is a process of its own.
    """

    record: ServerRecord = field(repr=False)
    seconds: float
    detached: bool = False

    @property
    def message(self) -> str:
        """Say what happened."""
        where = f"as process {self.record.pid}, which outlives this kernel" if self.detached else "in this kernel"
        return f"The evaluation server runs {where}, at {self.record.url}"


@dataclass(frozen=True)
class Reused:
    """A server with the same folder of jobs runs already.

    Attributes
    ----------
    record
        How to reach it.
    here
        Whether it runs in this process.
    kept
        Flags that were asked for and are otherwise in the running server.
    """

    record: ServerRecord = field(repr=False)
    here: bool
    kept: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Say what happened."""
        text = f"The evaluation server runs already, {whereabouts(self.record, here=self.here)}; it is used"
        if not self.kept:
            return text
        return f"{text}. It keeps its own arguments: to use {' and '.join(self.kept)}, stop it first"


@dataclass(frozen=True)
class PortTaken:
    """Something else listens on the port.

    Attributes
    ----------
    port
        The port.
    message
        Who has it and what to do.
    """

    port: int
    message: str


@dataclass(frozen=True)
class Failed:
    """The server could not start.

    Attributes
    ----------
    message
        Why, and what to do.
    """

    message: str


@dataclass(frozen=True)
class TimedOut:
    """The server did not answer in time; it was stopped.

    Attributes
    ----------
    seconds
        How long was waited.
    log
        Where it writes what it has to say.
    """

    seconds: float
    log: Path

    @property
    def message(self) -> str:
        """Say what happened."""
        return f"The server did not answer within {self.seconds:.0f} s and was stopped; its log is {self.log.name}"


Outcome = Started | Reused | PortTaken | Failed | TimedOut


def whereabouts(record: ServerRecord, *, here: bool) -> str:
    """Say where a server runs.

    Parameters
    ----------
    record
        The server.
    here
        Whether it runs in this process.
    """
    if here:
        return f"in this kernel, at {record.url}"
    notebook = f" of {Path(record.notebook).name}" if record.notebook else ""
    process = f"in the kernel{notebook} (pid {record.pid})" if record.kernel_id else f"as process {record.pid}"
    return f"{process}, at {record.url}"
