"""The machine's devices: GPUs by NVML, without importing torch, and slots for evaluations on the CPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from ..protocol.server import Device


class Devices:
    """What evaluations can run on.

    A GPU is one device. The CPU counts as ``cpu_slots`` devices: so many evaluations may compute on it
    side by side.

    Parameters
    ----------
    cpu_slots
        Evaluations that may run on the CPU at once.
    environment
        The server's environment; its ``CUDA_VISIBLE_DEVICES`` bounds the GPUs that are used.
    """

    def __init__(self, cpu_slots: int = 1, environment: Mapping[str, str] = os.environ) -> None:
        self._nvml = _open_nvml()
        self._cpu_slots = cpu_slots
        self._cpu_name = _cpu_name()
        self._indices = visible_indices(environment.get("CUDA_VISIBLE_DEVICES"), self._uuids())

    @property
    def ids(self) -> list[str]:
        """Identities of all devices, GPUs first."""
        return [f"cuda:{index}" for index in self._indices] + [f"cpu:{slot}" for slot in range(self._cpu_slots)]

    @property
    def has_gpu(self) -> bool:
        """Whether the machine has a GPU this server may use."""
        return bool(self._indices)

    def read(self) -> list[Device]:
        """Return every device with its memory and utilisation at this moment."""
        return [self._gpu(index) for index in self._indices] + self._cpu()

    def close(self) -> None:
        """Let go of NVML."""
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None

    def _uuids(self) -> list[str]:
        if self._nvml is None:
            return []
        handles = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(self._nvml.nvmlDeviceGetCount())]
        return [str(self._nvml.nvmlDeviceGetUUID(handle)) for handle in handles]

    def _gpu(self, index: int) -> Device:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        # Slices of a GPU, and GPUs that share the machine's memory, do not tell everything.
        memory = self._told(nvml.nvmlDeviceGetMemoryInfo, handle)
        busy = self._told(nvml.nvmlDeviceGetUtilizationRates, handle)
        return Device(
            id=f"cuda:{index}",
            kind="cuda",
            name=str(nvml.nvmlDeviceGetName(handle)),
            memory_total=int(memory.total) if memory else None,
            memory_used=int(memory.used) if memory else None,
            utilization=busy.gpu / 100 if busy else None,
        )

    def _told(self, question: Callable[[Any], Any], handle: Any) -> Any:
        """Ask NVML; None for what a GPU does not tell."""
        try:
            return question(handle)
        except self._nvml.NVMLError:
            return None

    def _cpu(self) -> list[Device]:
        memory = psutil.virtual_memory()
        busy = psutil.cpu_percent(interval=None) / 100
        return [
            Device(
                id=f"cpu:{slot}",
                kind="cpu",
                name=self._cpu_name,
                memory_total=memory.total,
                memory_used=memory.total - memory.available,
                utilization=busy,
            )
            for slot in range(self._cpu_slots)
        ]


def visible_indices(visible: str | None, uuids: list[str]) -> list[int]:
    """Return the NVML indices of the GPUs that ``CUDA_VISIBLE_DEVICES`` leaves.

    Parameters
    ----------
    visible
        Value of ``CUDA_VISIBLE_DEVICES``: None for no restriction, else indices or (starts of) UUIDs. As in CUDA,
        the list ends at the first entry that names no GPU.
    uuids
        UUIDs of the machine's GPUs, by index.
    """
    if visible is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for entry in (part.strip() for part in visible.split(",")):
        if entry.isdigit() and int(entry) < len(uuids):
            chosen.append(int(entry))
        elif entry.startswith("GPU-") and (match := [i for i, uuid in enumerate(uuids) if uuid.startswith(entry)]):
            chosen.append(match[0])
        else:
            break
    return chosen


def _open_nvml() -> Any:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: a machine without NVIDIA GPUs
        return None
    return pynvml


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
