"""The machine's NVIDIA GPUs, as the driver tells of them by NVML, without importing torch."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


class GpuSilent(Exception):
    """A GPU does not answer: it broke, or the container lost it; the text says what the driver says."""


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


class Gpus:
    """The GPUs in the order of CUDA with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``.

    Those that the driver keeps from this process, as the cgroups of a batch system let it do, have no number in CUDA
    either.

    Parameters
    ----------
    nvml
        The module ``pynvml``, initialised; None without a driver.

    Attributes
    ----------
    uuids
        What each is called by the driver.
    names
        Its model.
    troubles
        Why others are not among them, each in a sentence.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._numbers: list[int] = []
        self.uuids: list[str] = []
        self.names: list[str] = []
        self.troubles: list[str] = []
        for number in range(0 if nvml is None else nvml.nvmlDeviceGetCount()):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(number)
                uuid, name = str(nvml.nvmlDeviceGetUUID(handle)), str(nvml.nvmlDeviceGetName(handle))
            except nvml.NVMLError as error:
                if error.value != nvml.NVML_ERROR_NO_PERMISSION:
                    self.troubles.append(f"GPU {number} of this machine does not answer ({error}) and is left out")
                continue
            self._numbers.append(number)
            self.uuids.append(uuid)
            self.names.append(name)

    def memory(self, index: int) -> tuple[int, int] | None:
        """Return the bytes that a GPU has and those in use; None if it does not tell.

        Raises
        ------
        GpuSilent
            Here and below, if it does not answer.
        """
        found = self._ask("nvmlDeviceGetMemoryInfo", index)
        return None if found is None else (int(found.total), int(found.used))

    def processes(self, index: int) -> list[GpuProcess] | None:
        """Return who computes on a GPU; None if it does not tell."""
        found = self._ask("nvmlDeviceGetComputeRunningProcesses", index)
        if found is None:
            return None
        return [GpuProcess(int(each.pid), each.usedGpuMemory, process_name(int(each.pid))) for each in found]

    def busy(self, index: int) -> float | None:
        """Return the busy share of the last second; None if it does not tell."""
        found = self._ask("nvmlDeviceGetUtilizationRates", index)
        return None if found is None else found.gpu / 100

    def one_process_only(self, index: int) -> bool:
        """Whether its owner lets one process at a time compute there."""
        mode = self._ask("nvmlDeviceGetComputeMode", index)
        return bool(mode is not None and mode == self._nvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS)

    def close(self) -> None:
        """Let go of the driver."""
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None

    def _ask(self, question: str, index: int) -> Any:
        nvml = self._nvml
        if nvml is None:
            return None
        silent = (nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_NO_PERMISSION, nvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        try:
            ask: Callable[[Any], Any] = getattr(nvml, question)
            return ask(nvml.nvmlDeviceGetHandleByIndex(self._numbers[index]))
        except nvml.NVMLError as error:
            # Slices of a GPU, and GPUs that share the machine's memory, do not tell everything.
            if error.value in silent:
                return None
            raise GpuSilent(str(error)) from error


def open_gpus(environment: Mapping[str, str]) -> tuple[Gpus, list[int], list[str]]:
    """Look for GPUs.

    Parameters
    ----------
    environment
        The server's environment; its ``CUDA_VISIBLE_DEVICES`` bounds the GPUs that are used.

    Returns
    -------
    tuple of Gpus, list of int and list of str
        The GPUs, the indices of those that may be used, and what a person should know of it: evaluations run on the
        CPU where none is found, which takes days instead of minutes.
    """
    nvml, trouble = _open_nvml()
    gpus = Gpus(nvml)
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    indices = visible_indices(visible, gpus.uuids)
    notices = [*([trouble] if trouble else []), *gpus.troubles]
    if gpus.uuids and not indices and visible not in ("", "-1"):
        slices = "; slices of a GPU cannot be used yet, name the GPU" if visible and "MIG-" in visible else ""
        notices.append(
            f"CUDA_VISIBLE_DEVICES={visible} names no GPU of this machine{slices}: evaluations run on the CPU"
        )
    if _numbers_may_mean_others(visible, environment, gpus.names):
        notices.append(
            f"The GPUs differ and CUDA_VISIBLE_DEVICES={visible} is read in the order of nvidia-smi: set "
            "CUDA_DEVICE_ORDER=PCI_BUS_ID so that torch reads it so too"
        )
    return gpus, indices, notices


def visible_indices(visible: str | None, uuids: Sequence[str]) -> list[int]:
    """Return the indices of the GPUs that ``CUDA_VISIBLE_DEVICES`` leaves.

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


def process_name(pid: int) -> str | None:
    """Return what a process is called, for people; None if it is not visible here."""
    if pid == os.getpid():  # a model in the notebook whose kernel runs this server, for instance
        return "this server's own process"
    try:
        return psutil.Process(pid).name()
    except psutil.Error:  # a number of the host, or of a process that has just ended
        return None


def _numbers_may_mean_others(visible: str | None, environment: Mapping[str, str], names: Sequence[str]) -> bool:
    """Whether CUDA may count the GPUs in another order, the fastest first."""
    by_number = visible is not None and any(part.strip().isdigit() for part in visible.split(","))
    return by_number and len(set(names)) > 1 and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"


def _open_nvml() -> tuple[Any, str | None]:
    """Open the driver; without one, say why if there seem to be GPUs."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libnvidia-ml.so.1")  # which pynvml asks for after it took 12 ms to be imported
        except OSError:
            return None, _unused_gpu()
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED):
            return None, _unused_gpu()
        return None, f"The GPUs of this machine cannot be used ({error}): evaluations run on the CPU"
    return pynvml, None


def _unused_gpu() -> str | None:
    """Say that there is a GPU which cannot be used, if there seems to be one."""
    if Path("/dev/nvidiactl").exists():
        return (
            "There are NVIDIA GPUs, but not the driver's library libnvidia-ml.so.1 (a container needs "
            "NVIDIA_DRIVER_CAPABILITIES with 'utility'): evaluations run on the CPU"
        )
    if Path("/dev/kfd").exists() or (sys.platform == "darwin" and platform.machine() == "arm64"):
        return "Only GPUs of NVIDIA are used, and there is none: evaluations run on the CPU"
    return None
