"""Decides the environment variables of an evaluation process; pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..protocol.run import RunSpec

# A server that was itself started by torchrun, accelerate or Slurm must not make its evaluations believe that
# they are ranks of that run.
_SURROUNDING = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK",
    "ROLE_WORLD_SIZE", "ROLE_NAME", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK",
    "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "SLURM_PROCID", "SLURM_LOCALID",
    "SLURM_NTASKS", "SLURM_NPROCS", "SLURM_NODEID",
)  # fmt: skip
_SURROUNDING_PREFIXES = ("TORCHELASTIC_", "ACCELERATE_", "FSDP_", "DEEPSPEED_")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def evaluation_environment(base: Mapping[str, str], spec: RunSpec, rank: int) -> dict[str, str]:
    """Environment of one rank.

    Parameters
    ----------
    base
        The supervisor's own environment.
    spec
        What is to be run.
    rank
        Which rank it is for.
    """
    environment = {
        name: value
        for name, value in base.items()
        if name not in _SURROUNDING and not name.startswith(_SURROUNDING_PREFIXES)
    }
    environment["PYTHONUNBUFFERED"] = "1"
    # More threads than cores in use costs a factor of six; the server knows how many evaluations share the machine.
    environment.update(dict.fromkeys(_THREADS, str(spec.threads)))
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    environment.setdefault("WANDB_MODE", "disabled")
    environment.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if spec.device_kind == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    if spec.ranks > 1:
        environment.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(spec.ranks),
            LOCAL_WORLD_SIZE=str(spec.ranks),
            MASTER_ADDR="127.0.0.1",
        )
    return environment
