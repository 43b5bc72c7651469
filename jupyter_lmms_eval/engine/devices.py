"""The machine's devices: GPUs by NVML, without importing torch, and slots for evaluations on the CPU."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import socket
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ..protocol.server import Device

_GIB = 2**30
# So many holders of a GPU's memory are named.
_NAMED_HOLDERS = 3


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU.

    Parameters
    ----------
    pid
        Its number, as the driver knows it: inside a container it may be a number of the host.
    memory
        Bytes of the GPU's memory it holds; None where the driver does not tell.
    name
        What it is called; None if it is not visible here.
    """

    pid: int
    memory: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class GpuMemory:
    """How the memory of a GPU is used.

    Parameters
    ----------
    total
        Its size in bytes.
    used
        Bytes in use, by anyone; the driver's own share is among them.
    processes
        Who computes there; empty also where the driver does not tell.
    """

    total: int
    used: int
    processes: Sequence[GpuProcess] = ()


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
    min_free_gpu_memory
        Share of a GPU's memory that must be free for an evaluation to start there, 0 to 1. 0 never minds; near 1 is
        never met, as the driver keeps some memory for itself.

    Raises
    ------
    ValueError
        If ``min_free_gpu_memory`` is no share.
    """

    def __init__(
        self,
        cpu_slots: int = 1,
        environment: Mapping[str, str] = os.environ,
        *,
        min_free_gpu_memory: float = 0.5,
    ) -> None:
        if not 0 <= min_free_gpu_memory <= 1:
            raise ValueError(f"min_free_gpu_memory is a share from 0 to 1, not {min_free_gpu_memory}")
        self._min_free = min_free_gpu_memory
        self._nvml = _open_nvml()
        self._cpu_slots = cpu_slots
        self._cpu_name = _cpu_name()
        self._gpu_uuids = self._read_uuids()
        self._indices = visible_indices(environment.get("CUDA_VISIBLE_DEVICES"), self._gpu_uuids)

    @property
    def ids(self) -> list[str]:
        """Identities of all devices, GPUs first."""
        return [f"cuda:{index}" for index in self._indices] + [f"cpu:{slot}" for slot in range(self._cpu_slots)]

    @property
    def has_gpu(self) -> bool:
        """Whether the machine has a GPU this server may use."""
        return bool(self._indices)

    @property
    def uuids(self) -> dict[str, str]:
        """What each device is called on the whole machine, by its identity; fit for the name of a file.

        GPUs go by their UUID: their numbers differ among containers. CPU slots bear the machine's name, as a home
        directory may be shared among machines.
        """
        gpus = {f"cuda:{index}": self._gpu_uuids[index] for index in self._indices}
        machine = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())
        return gpus | {f"cpu:{slot}": f"cpu-{slot}.{machine}" for slot in range(self._cpu_slots)}

    def pids(self, device_id: str) -> set[int] | None:
        """Return the processes that compute on a GPU.

        Parameters
        ----------
        device_id
            Such as ``"cuda:0"``.

        Returns
        -------
        set of int or None
            Their numbers, as the driver knows them: inside a container they may be numbers of the host. None for a
            CPU slot, and where the driver does not tell.
        """
        processes = self._processes(device_id)
        return None if processes is None else {int(process.pid) for process in processes}

    def blocked_by_memory(self, device_id: str, own_pids: Collection[int]) -> str | None:
        """Say who holds so much of a GPU's memory that no evaluation should start there.

        Parameters
        ----------
        device_id
            Such as ``"cuda:0"``; CPU slots are never blocked.
        own_pids
            Processes of this server's evaluations: what they hold does not count.

        Returns
        -------
        str or None
            The reason in words; None if the device can be used, or tells nothing of its memory.
        """
        handle = self._handle(device_id)
        memory = self._told(self._nvml.nvmlDeviceGetMemoryInfo, handle) if handle is not None else None
        if memory is None:
            return None
        use = GpuMemory(
            total=int(memory.total),
            used=int(memory.used),
            processes=[
                GpuProcess(int(process.pid), process.usedGpuMemory, _process_name(int(process.pid)))
                for process in self._processes(device_id) or ()
            ],
        )
        return memory_block(device_id, use, own_pids, self._min_free)

    def capacity(self, own_pids: Collection[int]) -> dict[str, int]:
        """Return how many bytes of each GPU this server's jobs can share: what is not held by others.

        Parameters
        ----------
        own_pids
            Processes of this server's evaluations: what they hold does not count.
        """
        found: dict[str, int] = {}
        for device in self.ids:
            handle = self._handle(device)
            memory = self._told(self._nvml.nvmlDeviceGetMemoryInfo, handle) if handle is not None else None
            if memory is not None:
                own = [process.usedGpuMemory for process in self._processes(device) or () if process.pid in own_pids]
                found[device] = max(0, int(memory.total) - int(memory.used) + sum(held or 0 for held in own))
        return found

    def read(self) -> list[Device]:
        """Return every device with its memory and utilisation at this moment."""
        return [self._gpu(index) for index in self._indices] + self._cpu()

    def close(self) -> None:
        """Let go of NVML."""
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None

    def _handle(self, device_id: str) -> Any:
        """NVML's handle of a GPU; None for a CPU slot, and for a GPU that fell out."""
        kind, _, index = device_id.partition(":")
        if kind != "cuda" or self._nvml is None:
            return None
        return self._told(self._nvml.nvmlDeviceGetHandleByIndex, int(index))

    def _processes(self, device_id: str) -> Any:
        """What NVML tells of the processes on a GPU, if anything."""
        handle = self._handle(device_id)
        return None if handle is None else self._told(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle)

    def _read_uuids(self) -> list[str]:
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

    def _told(self, question: Callable[[Any], Any], about: Any) -> Any:
        """Ask NVML; None for what a GPU does not tell."""
        try:
            return question(about)
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


def memory_block(device_id: str, use: GpuMemory, own_pids: Collection[int], min_free: float) -> str | None:
    """Decide whether others hold so much of a GPU's memory that no evaluation should start there.

    Parameters
    ----------
    device_id
        The GPU, to be named in the reason.
    use
        How its memory is used.
    own_pids
        Processes of this server's evaluations. If the driver does not tell what one of them holds, only what others
        are known to hold counts.
    min_free
        Share of the memory that must be free, 0 to 1.

    Returns
    -------
    str or None
        The reason, such as ``"61.2 of 79.6 GiB of cuda:0 are held by pid 4242 (python)"``; None if enough is free,
        or would be without this server's own evaluations.
    """
    own = [process.memory for process in use.processes if process.pid in own_pids]
    others = sorted(
        (process for process in use.processes if process.pid not in own_pids),
        key=lambda process: (-(process.memory or 0), process.pid),
    )
    if None in own:
        held = sum(process.memory or 0 for process in others)
    else:
        held = use.used - sum(memory or 0 for memory in own)
    if use.total - held >= min_free * use.total:
        return None
    amount = f"{held / _GIB:.1f} of {use.total / _GIB:.1f} GiB of {device_id} are"
    return f"{amount} held by {_named(others)}" if others else f"{amount} in use by others"


def _named(processes: Sequence[GpuProcess]) -> str:
    names = [f"pid {process.pid}" + (f" ({process.name})" if process.name else "") for process in processes]
    if len(names) > _NAMED_HOLDERS:
        names[_NAMED_HOLDERS:] = [f"{len(names) - _NAMED_HOLDERS} more"]
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _process_name(pid: int) -> str | None:
    if pid == os.getpid():  # a model in the notebook whose kernel runs this server, for instance
        return "this server's own process"
    try:
        return psutil.Process(pid).name()
    except psutil.Error:  # a number of the host, or of a process that has just ended
        return None


def _open_nvml() -> Any:
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libnvidia-ml.so.1")  # which pynvml asks for after it took 12 ms to be imported
        except OSError:
            return None
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
