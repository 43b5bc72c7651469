"""The processes of a job, found by what they are."""

from __future__ import annotations

from typing import Any

import psutil

SUPERVISOR = "jupyter_lmms_eval.runner"
# Seconds in which what must end is gone, on any machine. What a test watches ends by itself only later than that.
GONE = 40.0


def processes_of(job: dict[str, Any]) -> list[psutil.Process]:
    """The living processes that evaluate a job."""
    found = []
    for process in psutil.process_iter():
        try:
            if job["job_dir"] in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it ended while it was looked at
            continue
    return found


def supervisor_of(job: dict[str, Any]) -> psutil.Process:
    """The top process of an evaluation."""
    return next(process for process in processes_of(job) if SUPERVISOR in process.cmdline())


def ranks_of(job: dict[str, Any]) -> list[psutil.Process]:
    """The processes under it, which evaluate."""
    return [process for process in processes_of(job) if SUPERVISOR not in process.cmdline()]
