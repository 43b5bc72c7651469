"""How a scheduler works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SchedulerSettings:
    """How a scheduler works.

    Parameters
    ----------
    state_dir
        Folder of the jobs and their database.
    max_completed_jobs
        Finished jobs kept in memory; older ones are read from disk when asked for.
    temp_dir_prefix
        Start of the names of job directories.
    include_paths
        Task folders that join the catalog and that jobs may use.
    cpu_slots
        Evaluations that may run on the CPU at once.
    """

    state_dir: Path
    max_completed_jobs: int = 100
    temp_dir_prefix: str = "lmms_eval_"
    include_paths: Sequence[str] = ()
    cpu_slots: int = 1
