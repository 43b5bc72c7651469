"""Stands in for NVIDIA's driver where there is none: what it says of GPUs, in pynvml's own words and errors."""

# ruff: noqa: N802  (the names are pynvml's)

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml

GIB = 2**30


@dataclass
class Gpu:
    """A GPU of 80 GiB.

    Attributes
    ----------
    error
        Number of the error with which it answers every question.
    denied
        Whether a batch system keeps it from this process.
    """

    uuid: str
    used: float = 0.5
    name: str = "NVIDIA H100"
    total: float = 80
    processes: list[tuple[int, float | None]] = field(default_factory=list)
    mode: int = pynvml.NVML_COMPUTEMODE_DEFAULT
    error: int | None = None
    denied: bool = False


class Driver:
    """What `engine.gpus` uses of the module ``pynvml``."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("NVML_", "NVMLError")):
            return getattr(pynvml, name)
        raise AttributeError(name)

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> Gpu:
        if self.gpus[number].denied:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
        return self._asked(self.gpus[number])

    def nvmlDeviceGetUUID(self, gpu: Gpu) -> str:
        return gpu.uuid

    def nvmlDeviceGetName(self, gpu: Gpu) -> str:
        return gpu.name

    def nvmlDeviceGetMemoryInfo(self, gpu: Gpu) -> Any:
        return SimpleNamespace(total=int(gpu.total * GIB), used=int(self._asked(gpu).used * GIB))

    def nvmlDeviceGetUtilizationRates(self, _: Gpu) -> Any:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    def nvmlDeviceGetComputeMode(self, gpu: Gpu) -> int:
        return self._asked(gpu).mode

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: Gpu) -> list[Any]:
        held = [(pid, None if gib is None else int(gib * GIB)) for pid, gib in self._asked(gpu).processes]
        return [SimpleNamespace(pid=pid, usedGpuMemory=memory) for pid, memory in held]

    def nvmlShutdown(self) -> None:
        """There is nothing to let go of."""

    @staticmethod
    def _asked(gpu: Gpu) -> Gpu:
        if gpu.error is not None:
            raise pynvml.NVMLError(gpu.error)
        return gpu
