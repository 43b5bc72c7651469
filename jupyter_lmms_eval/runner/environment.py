"""Decides what a rank's environment has beside that of its supervisor; pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..protocol.run import RunSpec

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def rank_environment(base: Mapping[str, str], spec: RunSpec, rank: int) -> dict[str, str]:
    """Environment of one rank.

    Parameters
    ----------
    base
        The supervisor's own environment, as the engine made it for an evaluation.
    spec
        What is to be run.
    rank
        Which rank it is for.
    """
    environment = dict(base)
    # More threads than cores in use costs a factor of six; the server knows how many evaluations share the machine.
    environment.update(dict.fromkeys(_THREADS, str(spec.threads)))
    environment.setdefault("WANDB_MODE", "disabled")
    environment.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if spec.ranks > 1:
        environment.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(spec.ranks),
            LOCAL_WORLD_SIZE=str(spec.ranks),
            MASTER_ADDR="127.0.0.1",
        )
    return environment
