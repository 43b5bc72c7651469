"""The machine's devices: GPUs, and slots for evaluations on the CPU."""

from __future__ import annotations

import os
import platform
import re
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from ..protocol.server import Device
from .gpus import GpuMemory, GpuProcess, GpuSilent, open_gpus

_GIB = 2**30
# So many holders of a GPU's memory are named.
_NAMED_HOLDERS = 3
# What a driver and an idle context hold is less (bytes).
_NOTICEABLE = 2 * _GIB


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

    Attributes
    ----------
    notices
        What a person should know of the GPUs.

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
        self._gpus, self._indices, self.notices = open_gpus(environment)
        self._cpu_slots = cpu_slots
        self._cpu_name = _cpu_name()
        # What others held of each GPU when nothing of ours was there.
        self._held_by_others: dict[str, int] = {}

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
        gpus = {f"cuda:{index}": self._gpus.uuids[index] for index in self._indices}
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
        index = _gpu_index(device_id)
        if index is None:
            return None
        with suppress(GpuSilent):
            processes = self._gpus.processes(index)
            return None if processes is None else {process.pid for process in processes}
        return None

    def blocked(self, device_id: str) -> str | None:
        """Say why no evaluation can start on a GPU on which none of this server is, however little of it it needs.

        Parameters
        ----------
        device_id
            Such as ``"cuda:0"``; CPU slots are never blocked.
        """
        index = _gpu_index(device_id)
        if index is None:
            return None
        try:
            strangers = self._gpus.processes(index) if self._gpus.one_process_only(index) else None
            self._gpus.memory(index)
        except GpuSilent as error:
            return f"{device_id} does not answer ({error})"
        return f"{device_id} takes one process only, and has {_named(strangers)}" if strangers else None

    def crowded(self, device_id: str) -> str | None:
        """Say who holds so much of a GPU's memory that no evaluation should start there which may want all of it.

        Parameters
        ----------
        device_id
            Such as ``"cuda:0"``, on which no evaluation of this server is; CPU slots are never crowded.

        Returns
        -------
        str or None
            The reason in words; None if the device can be used, or tells nothing of its memory.
        """
        use = self._use(device_id)
        if use is None:
            return None
        self._held_by_others[device_id] = use.used
        return crowd(device_id, use, self._min_free)

    def capacity(self, own_pids: Collection[int], occupied: Collection[str]) -> dict[str, int]:
        """Return how many bytes of each GPU this server's jobs can share: what is not held by others.

        Parameters
        ----------
        own_pids
            Processes of this server's evaluations: what they hold does not count.
        occupied
            Devices where they are. Where the driver does not tell what they hold, as in a container, others are
            taken to hold what they held before.
        """
        uses = {device: use for device in self.ids if (use := self._use(device)) is not None}
        held = {
            device: self._held_beside(device, use, own_pids) if device in occupied else use.used
            for device, use in uses.items()
        }
        return {device: max(0, use.total - held[device]) for device, use in uses.items()}

    def used_by_others(self, device_id: str, own_pids: Collection[int]) -> bool:
        """Whether others use a GPU on which evaluations of this server are, such as the notebook that trains there.

        Parameters
        ----------
        device_id
            Such as ``"cuda:0"``.
        own_pids
            Processes of this server's evaluations.
        """
        use = self._use(device_id)
        return use is not None and self._held_beside(device_id, use, own_pids) > _NOTICEABLE

    def _held_beside(self, device_id: str, use: GpuMemory, own_pids: Collection[int]) -> int:
        """Bytes that others hold of a GPU on which evaluations of this server are."""
        own = [process.memory for process in use.processes if process.pid in own_pids]
        known = [memory for memory in own if memory is not None]
        if not own or len(known) < len(own):
            return self._held_by_others.get(device_id, 0)
        return use.used - sum(known)

    def _use(self, device_id: str) -> GpuMemory | None:
        """How a GPU's memory is used; None for a CPU slot, and where it is not told."""
        index = _gpu_index(device_id)
        if index is None:
            return None
        try:
            memory = self._gpus.memory(index)
            return None if memory is None else GpuMemory(*memory, self._gpus.processes(index) or ())
        except GpuSilent:
            return None

    def read(self) -> list[Device]:
        """Return every device with its memory and utilisation at this moment."""
        return [self._gpu(index) for index in self._indices] + self._cpu()

    def close(self) -> None:
        """Let go of the driver."""
        self._gpus.close()

    def _gpu(self, index: int) -> Device:
        memory = busy = None
        with suppress(GpuSilent):  # it is told where it keeps jobs waiting
            memory, busy = self._gpus.memory(index), self._gpus.busy(index)
        return Device(
            id=f"cuda:{index}",
            kind="cuda",
            name=self._gpus.names[index],
            memory_total=memory[0] if memory else None,
            memory_used=memory[1] if memory else None,
            utilization=busy,
        )

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


def _gpu_index(device_id: str) -> int | None:
    kind, _, index = device_id.partition(":")
    return int(index) if kind == "cuda" else None


def crowd(device_id: str, use: GpuMemory, min_free: float) -> str | None:
    """Decide whether others hold so much of a GPU's memory that no evaluation should start there.

    Parameters
    ----------
    device_id
        The GPU, to be named in the reason.
    use
        How its memory is used, without any evaluation of this server.
    min_free
        Share of the memory that must be free, 0 to 1.

    Returns
    -------
    str or None
        The reason, such as ``"61.2 of 79.6 GiB of cuda:0 are held by pid 4242 (python)"``; None if enough is free.
    """
    if use.total - use.used >= min_free * use.total:
        return None
    amount = f"{use.used / _GIB:.1f} of {use.total / _GIB:.1f} GiB of {device_id} are"
    return f"{amount} held by {_named(use.processes)}" if use.processes else f"{amount} in use by others"


def _named(processes: Sequence[GpuProcess]) -> str:
    processes = sorted(processes, key=lambda process: (-(process.memory or 0), process.pid))
    names = [f"pid {process.pid}" + (f" ({process.name})" if process.name else "") for process in processes]
    if len(names) > _NAMED_HOLDERS:
        names[_NAMED_HOLDERS:] = [f"{len(names) - _NAMED_HOLDERS} more"]
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
