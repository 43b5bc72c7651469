"""The part of a GPU's memory that an evaluation may take, where others share the GPU with it."""

from __future__ import annotations

from collections.abc import Collection

from ..protocol.run import RunSpec

# What adapters call the part that their engine is to take. vLLM and SGLang compute in processes of their own, which no
# limit of this process reaches.
ENGINE_PARTS = ("gpu_memory_utilization", "mem_fraction_static")


def engine_part(accepted: Collection[str], given: Collection[str]) -> str | None:
    """Return the argument by which a model's engine is told its part of the GPU; None if it has none, or has been told.

    Parameters
    ----------
    accepted
        Names that the model's constructor takes.
    given
        Names of the arguments that the request gives.
    """
    return next((name for name in ENGINE_PARTS if name in accepted and name not in given), None)


def part_of(memory: float, total: int) -> float:
    """Return which part of a GPU so many GiB are.

    Parameters
    ----------
    memory
        What was promised, in GiB.
    total
        What the GPU has, in bytes.
    """
    return min(1.0, memory * 2**30 / total)


def promised_part(spec: RunSpec) -> float | None:
    """Return which part of its GPU an evaluation was promised; None if it has the GPU for itself, or none."""
    if spec.request.gpu_memory is None or spec.device_kind != "cuda":
        return None
    import torch

    return part_of(spec.request.gpu_memory, torch.cuda.get_device_properties(0).total_memory)


def take_no_more_than(part: float) -> None:
    """Let this process fail like a full GPU beyond a part of it."""
    import torch

    torch.cuda.set_per_process_memory_fraction(part, 0)
