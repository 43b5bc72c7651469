"""Evaluations that stay on their device after their job, with the model in memory, for the next job that wants it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..protocol.jobs import EvaluateRequest
from .device_locks import HeldLocks
from .process import EvaluationProcess

# What a model is built from, beside its device: the seeds, because a model may draw random numbers.
_BUILT_FROM = ("model", "model_args", "batch_size", "max_batch_size", "force_simple", "seed")


def model_key(request: EvaluateRequest) -> str:
    """Digest what a job's model is built from; jobs with the same key can use the same model in memory.

    Weights are no part of it: they are compared where they are loaded.
    """
    built_from = request.model_dump(mode="json", include=set(_BUILT_FROM))
    return hashlib.sha256(json.dumps(built_from, sort_keys=True).encode()).hexdigest()


# How often to look whether another server wants the device.
LOOK_AGAIN_SECONDS = 1.0
# A job that waited longer after its submission wants to know what changed meanwhile.
LOOK_HOLDS_SECONDS = 1.0


@dataclass(eq=False)
class Worker:
    """An evaluation that stayed.

    Parameters
    ----------
    process
        Its processes, waiting.
    key
        Of its model, see `model_key`.
    model
        Its model's type, for people.
    devices
        Where it stays.
    locks
        By which the devices are booked.
    looked_for
        The job before which it was last told to look whether it is still what a new one would be.
    """

    process: EvaluationProcess
    key: str
    model: str
    devices: tuple[str, ...]
    locks: HeldLocks
    looked_for: str | None = None
    _looked_at: float = 0.0

    def look_for(self, job_id: str) -> None:
        """Let it look whether it can take a job, if it did not just now: that takes a while, and is not waited for."""
        now = time.monotonic()
        if self.looked_for != job_id or now - self._looked_at > LOOK_HOLDS_SECONDS:
            self.looked_for, self._looked_at = job_id, now
            self.process.look()

    async def end(self) -> None:
        """End it; there is nothing to lose. The locks are left as they are."""
        await self.process.stop(grace=0)
        await self.process.ended()


class Workers:
    """All evaluations that stayed: at most one on a device.

    Parameters
    ----------
    idle_seconds
        How long one stays without being used.
    asked
        Gives, for a device, a number that is another one after another server asked for it.
    """

    def __init__(self, idle_seconds: float, asked: Callable[[str], int]) -> None:
        self._idle_seconds = idle_seconds
        self._asked = asked
        self._workers: list[Worker] = []
        self._watches: dict[Worker, asyncio.Task[None]] = {}

    @property
    def keys(self) -> dict[str, str]:
        """The key of the model on each device that has one."""
        return {device: worker.key for worker in self._workers for device in worker.devices}

    @property
    def models(self) -> dict[str, str]:
        """The type of the model on each device that has one."""
        return {device: worker.model for worker in self._workers for device in worker.devices}

    @property
    def descriptors(self) -> list[int]:
        """The open files that they and their devices are held by."""
        sockets = [worker.process.descriptor for worker in self._workers]
        locks = [number for worker in self._workers for number in worker.locks.descriptors]
        return [*locks, *(number for number in sockets if number is not None)]

    def pids(self) -> set[int]:
        """Return the numbers of their processes; blocking."""
        return {pid for worker in list(self._workers) for pid in worker.process.members()}

    def park(self, worker: Worker) -> None:
        """Let an evaluation stay, until it is taken, idle for too long, or ended by itself."""
        self._workers.append(worker)
        self._watches[worker] = asyncio.create_task(self._watch(worker))

    def expect(self, job_id: str, request: EvaluateRequest) -> None:
        """Let one that may get a job look whether it can take it, while the job is being stored."""
        idle = [worker for worker in self._workers if worker.looked_for is None]
        if idle:
            key = model_key(request)
            for worker in [worker for worker in idle if worker.key == key][:1]:
                worker.look_for(job_id)

    def take(self, devices: Sequence[str]) -> list[Worker]:
        """Return those on some devices; from now on they are the caller's."""
        taken = [worker for worker in self._workers if set(worker.devices) & set(devices)]
        self._workers = [worker for worker in self._workers if worker not in taken]
        for worker in taken:
            if watch := self._watches.pop(worker, None):
                watch.cancel()
        return taken

    async def free(self, devices: Collection[str] | None = None) -> list[str]:
        """End those on some devices, or all; return the devices that are free by it."""
        wanted = [device for worker in self._workers for device in worker.devices]
        ended = self.take(wanted if devices is None else [device for device in wanted if device in devices])
        await asyncio.gather(*(worker.end() for worker in ended))
        for worker in ended:
            worker.locks.close()
        return sorted(device for worker in ended for device in worker.devices)

    async def _watch(self, worker: Worker) -> None:
        before = [self._asked(device) for device in worker.devices]
        until = time.monotonic() + self._idle_seconds
        ended = False
        while not ended and (left := until - time.monotonic()) > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(worker.process.ended(), min(left, LOOK_AGAIN_SECONDS))
                ended = True
            if before != [self._asked(device) for device in worker.devices]:
                break
        del self._watches[worker]  # from here on it must not be cancelled
        await self.free(worker.devices)
