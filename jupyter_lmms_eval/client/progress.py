"""What is shown of a job while it is waited for."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from ..protocol.jobs import JobStatus

_BAR_INTERVAL = 1.0  # seconds; a bar that moves only with every poll of 5 s looks stuck
_BAR_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
_BAR_FORMAT_UNKNOWN = "{desc}{postfix} [{elapsed}]"


def status_line(job: Mapping[str, Any]) -> str:
    """Describe a job in a few words, as lmms-eval's client does.

    Parameters
    ----------
    job
        The job as the server gave it.

    Returns
    -------
    str
        For example ``Job 1a2b3c4d... queued (position: 0)``.
    """
    status = str(job.get("status"))
    short = f"Job {str(job.get('job_id', ''))[:8]}..."
    if status == JobStatus.QUEUED:
        position = job.get("position_in_queue")
        reason = f", {job['wait_reason']}" if job.get("wait_reason") else ""
        return f"{short} queued (position: {'?' if position is None else position}{reason})"
    if status == JobStatus.RUNNING:
        phase = (job.get("progress") or {}).get("phase")
        return ", ".join([f"{short} running", *doing(phase, job.get("attempt"), bool(job.get("finishing")))])
    if job.get("partial"):
        return f"{short} {status}, finished early"
    return f"{short} {status}" + ("!" if status == JobStatus.COMPLETED else "")


def doing(phase: str | None, attempt: int | None, finishing: bool) -> list[str]:
    """Say in a few words what a running job does.

    Parameters
    ----------
    phase
        Its phase, if that is known and worth a word.
    attempt
        Which attempt it is.
    finishing
        Whether it was told to finish early.

    Returns
    -------
    list of str
        For example ``["attempt 3", "finishing", "scoring"]``.
    """
    # Told to finish, it answers nothing new, whatever it did when it was told.
    said = None if finishing and phase == "answering" else phase
    parts = [f"attempt {attempt}" if attempt and attempt > 1 else "", "finishing" if finishing else "", said]
    return [part for part in parts if part]


def pace(progress: Mapping[str, Any]) -> str:
    """Describe how fast a job goes, for example ``12.3 samples/s, 0:56 left``.

    Parameters
    ----------
    progress
        The job's progress as the server gave it.

    Returns
    -------
    str
        Empty if nothing is known.
    """
    rate, eta = progress.get("rate"), progress.get("eta_seconds")
    parts = []
    if rate:
        parts.append(f"{short_number(rate)} samples/s")
    if eta is not None:
        parts.append(f"{clock(eta)} left")
    return ", ".join(parts)


def short_number(value: float) -> str:
    """Write a number with three digits that matter, never with an exponent for a large one.

    Parameters
    ----------
    value
        The number.

    Returns
    -------
    str
        For example ``0.0123``, ``12.3`` or ``12,346``.
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def clock(seconds: float) -> str:
    """Write a duration.

    Parameters
    ----------
    seconds
        Its length.

    Returns
    -------
    str
        ``m:ss`` or ``h:mm:ss``.
    """
    whole = max(0, math.ceil(seconds) if seconds < 1 else round(seconds))
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


class Display(Protocol):
    """What shows a job while it is waited for."""

    refresh: float | None

    def show(self, job: Mapping[str, Any]) -> None:
        """Show the job as it is now."""

    def close(self) -> None:
        """Show no more."""


class Silent:
    """Shows nothing."""

    refresh: float | None = None

    def show(self, job: Mapping[str, Any]) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """Prints a line when something changed: for files and pipes, where a bar would be noise."""

    refresh: float | None = None

    def __init__(self) -> None:
        self._last = ""

    def show(self, job: Mapping[str, Any]) -> None:
        """Print the job's state if it is news."""
        line = status_line(job)
        if line != self._last:
            self._last = line
            print(line, flush=True)

    def close(self) -> None:
        """Do nothing."""


class Bar:
    """A progress bar of samples, in a terminal or in a notebook."""

    refresh: float | None = _BAR_INTERVAL

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(
            desc="Asking for the job", bar_format=_BAR_FORMAT_UNKNOWN, mininterval=0, leave=True, dynamic_ncols=True
        )

    def show(self, job: Mapping[str, Any]) -> None:
        """Move the bar to where the job is."""
        progress = job.get("progress") or {}
        total = progress.get("samples_total")
        if total and self._bar.total != total:
            self._bar.bar_format = _BAR_FORMAT
            self._bar.reset(total=total)  # a notebook's bar learns its length only here
        if total:
            self._bar.n = min(progress.get("samples_done") or 0, total)
        self._bar.set_description_str(status_line(job), refresh=False)
        goes_on = job.get("status") == JobStatus.RUNNING and not job.get("finishing")
        self._bar.set_postfix_str(pace(progress) if goes_on else "", refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def display(verbose: bool) -> Display:
    """Choose what to show where this process writes.

    Parameters
    ----------
    verbose
        Whether to show anything.

    Returns
    -------
    Display
        A bar where people watch, lines where output is kept.
    """
    if not verbose:
        return Silent()
    return Bar() if sys.stderr.isatty() or _in_kernel() else Lines()


def _in_kernel() -> bool:
    """Tell whether this process is a kernel; one that only imports ipykernel's parts is not."""
    module = sys.modules.get("ipykernel.kernelapp")
    return module is not None and bool(module.IPKernelApp.initialized())
