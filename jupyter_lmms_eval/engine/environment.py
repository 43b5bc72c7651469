"""The environment of an evaluation process: what it inherits and what not, and how many threads it computes with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

# A server started inside a distributed job must not make its evaluations believe they are ranks of it.
_LAUNCHER_PREFIXES = (
    "SLURM_",
    "PMI_",
    "PMIX_",
    "OMPI_",
    "MPI_",
    "MV2_COMM_WORLD_",
    "TORCHELASTIC_",
    "ACCELERATE_",
    "FSDP_",
    "DEEPSPEED_",
)
_LAUNCHER_NAMES = frozenset(
    {
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "GROUP_RANK",
        "GROUP_WORLD_SIZE",
        "ROLE_RANK",
        "ROLE_NAME",
        "ROLE_WORLD_SIZE",
        "NODE_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "LMMS_CACHE_RUN_ID",
    }
)
# PYTHONDONTWRITEBYTECODE makes every process compile torch and transformers again: 2.2 times the start-up.
# The others would run code or open a console of the server's own in every evaluation.
_UNWANTED = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "PYTHONINSPECT", "MPLBACKEND", "LMMS_EVAL_TOKEN"})


def evaluation_environment(base: Mapping[str, str], devices: Sequence[str], threads: int) -> dict[str, str]:
    """Return the environment for an evaluation on the given devices.

    Parameters
    ----------
    base
        The server's environment.
    devices
        The devices granted, for example ``["cuda:1"]`` or ``["cpu:0"]``.
    threads
        Compute threads per process; more than cores / evaluations costs a factor, not a percentage.
    """
    environment = {
        name: value
        for name, value in base.items()
        if name not in _LAUNCHER_NAMES and name not in _UNWANTED and not name.startswith(_LAUNCHER_PREFIXES)
    }
    gpus = [device.removeprefix("cuda:") for device in devices if device.startswith("cuda:")]
    environment |= {
        # Numbers as NVML has them, not fastest-first.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": base.get("TOKENIZERS_PARALLELISM", "false"),
        "PYTHONUNBUFFERED": "1",
        # The working directory is never a place to import from: a notebook folder may hold an evaluate.py.
        "PYTHONSAFEPATH": "1",
    }
    return environment


def threads_per_process(devices: int) -> int:
    """Return the compute threads for each evaluation process: the cores shared among all that may run at once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, devices))
