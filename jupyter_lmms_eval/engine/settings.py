"""How a scheduler works."""

from __future__ import annotations

import os
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
    crash_retries
        Further attempts after a crash or a hang, as long as no attempt gets further than those before.
    stall_factor, stall_seconds
        An evaluation hangs if no chunk of samples is finished for so many times the usual time, and for at least
        so many seconds.
    min_free_gpu_memory
        Share of a GPU's memory that must be free of other people's processes before an evaluation starts there.
    keep_imported
        Whether a process with lmms-eval imported is kept, from which evaluations are forked.
    keep_models
        Seconds for which a model stays in memory after its job, for another one; 0 keeps none.
    max_queued_jobs
        Jobs that may wait; beyond, nothing is accepted.
    max_stored_bytes
        Bytes that the directories of all jobs may take; beyond, nothing is accepted. 0: as much as there is.
    allow_remote_code
        Whether a request may ask to run code that comes with a checkpoint.
    disk_reserve
        Bytes that must be free on the disk of the jobs; below, nothing is accepted and nothing starts.
    """

    state_dir: Path
    max_completed_jobs: int = 100
    temp_dir_prefix: str = "lmms_eval_"
    include_paths: Sequence[str] = ()
    cpu_slots: int = 1
    crash_retries: int = 2
    stall_factor: float = 10.0
    stall_seconds: float = 1800.0
    min_free_gpu_memory: float = 0.5
    keep_imported: bool = True
    keep_models: float = 300.0
    max_queued_jobs: int = 10_000
    max_stored_bytes: int = 0
    allow_remote_code: bool = False
    disk_reserve: int = 16 << 20

    @property
    def task_folders(self) -> list[str]:
        """The task folders with symbolic links resolved: what may lie within them is told by comparing names."""
        return [os.path.realpath(folder) for folder in self.include_paths]
