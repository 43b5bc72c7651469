"""Finds the processes of a run by what they are, never by a list that somebody kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

SUPERVISOR = "jupyter_lmms_eval.runner"
RANK = "jupyter_lmms_eval.runner.rank"


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return all living processes that name a folder in their command line, or work within it.

    This process, and those that it was started through, may name the folder and do not count.
    """
    myself = psutil.Process()
    ours = {myself.pid, *(parent.pid for parent in myself.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            here = str(folder) in "\0".join(process.cmdline()) or Path(process.cwd()).is_relative_to(folder)
            if here and process.pid not in ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):  # it ended while it was looked at, or is another user's
            continue
    return found


def running_module(processes: list[psutil.Process], module: str) -> Iterator[tuple[psutil.Process, Path]]:
    """Choose the processes that were started with ``-m module JOB_DIR``, and tell their job's directory."""
    for process in processes:
        words = _words(process)
        if module in words and words[words.index(module) + 1 :] and not waits(process):
            yield process, Path(words[words.index(module) + 1])


def is_of(process: psutil.Process, module: str) -> bool:
    """Whether it was started with ``-m module``, whatever it does now."""
    return module in _words(process)


def waits(process: psutil.Process) -> bool:
    """Whether it is of an evaluation that is over, and waits with the model in memory for another."""
    return _words(process)[-1:] == ["waiting"]


def _words(process: psutil.Process) -> list[str]:
    """What a process shows as its command; one that shows less than before leaves blanks."""
    try:
        return " ".join(process.cmdline()).split()
    except psutil.Error:  # it ended while it was looked at
        return []


def left_of(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those of some processes that still live; a zombie does not."""
    return [process for process in processes if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def describe(process: psutil.Process) -> str:
    """Say which process it is."""
    try:
        return f"{process.pid} ({process.status()}): {' '.join(process.cmdline()[1:])}"
    except psutil.NoSuchProcess:
        return f"{process.pid} (gone by now)"
