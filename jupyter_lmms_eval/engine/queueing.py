"""The jobs that wait, in the order in which they will start, and the devices they wait for."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..protocol.jobs import LARGEST, JobInfo
from .placement import Placement, place
from .run import Run
from .workers import model_key


def job_directory(info: JobInfo) -> Path:
    """Return where a job's files are."""
    return Path(str(info.job_dir))


@dataclass
class Job:
    """A job in memory.

    Parameters
    ----------
    info
        What is told of it.
    seq
        Its place in the order of arrival.
    not_before
        When it may start, by ``time.monotonic``.
    run
        The attempt that is under way, if one is.
    task
        What carries that attempt from its start until the job is over or back in the queue.
    cancelled
        Whether a person cancelled it; whatever comes of its attempt, it does not start again.
    wait_reason
        Why it waits, as last noticed.
    """

    info: JobInfo
    seq: int
    not_before: float = 0.0
    run: Run | None = None
    task: asyncio.Task[None] | None = None
    cancelled: bool = False
    wait_reason: str | None = None

    @property
    def id(self) -> str:
        """Its identity."""
        return self.info.job_id

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return job_directory(self.info)

    # What placement asks of it, see `WaitingJob`.

    @property
    def count(self) -> int:
        """Devices it needs at once."""
        return self.info.request.num_gpus

    @property
    def device(self) -> str | None:
        """The device it was submitted for, if not for any."""
        return self.info.request.device

    @property
    def rests(self) -> bool:
        """Whether it may not start yet, because it crashed a moment ago."""
        return self.not_before > time.monotonic()

    @cached_property
    def key(self) -> str:
        """Digest of what its model is built from."""
        return model_key(self.info.request)

    @property
    def memory(self) -> int | None:
        """Bytes of a GPU that are enough for it; None if it needs devices of its own."""
        wanted = self.info.request.gpu_memory
        # A stored job may want more than is taken today; it must not keep the others from starting.
        return None if wanted is None else int(min(wanted, LARGEST) * 2**30)

    @cached_property
    def turn(self) -> tuple[int, int]:
        """What it is sorted by: priority, then age."""
        return (-self.info.request.priority, self.seq)

    def forget_turn(self) -> None:
        """Let its turn be found anew, as its priority is another; not while it is in a queue."""
        self.__dict__.pop("turn", None)


class JobQueue:
    """Jobs that wait for devices, and the jobs that hold devices.

    Parameters
    ----------
    devices
        Identities of all devices.

    Attributes
    ----------
    turns
        How often a job came or went: as long as it is the same, so is the order of those that wait.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self.devices = list(devices)
        self.turns = 0
        self._after_crash: list[Job] = []
        self._waiting: list[tuple[tuple[int, int], str, Job]] = []
        self._held: dict[str, str] = {}
        self._blocked: dict[str, str] = {}
        self._crowded: dict[str, str] = {}
        self._paused: str | None = None
        self._models: dict[str, str] = {}
        self._shared: dict[str, dict[str, int]] = {}
        self._capacity: dict[str, int] = {}
        self._for_parts: set[str] = set()
        self._placement: Placement | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, job: Job) -> bool:
        return self._waits_at(self.position(job), job)

    def _waits_at(self, position: int, job: Job) -> bool:
        return position < len(self._waiting) and self._waiting[position][1] == job.id

    @property
    def ids(self) -> list[str]:
        """Identities of the jobs that wait, in the order in which they will start."""
        return [job_id for _, job_id, _ in self._waiting]

    def add(self, job: Job) -> None:
        """Let a job wait."""
        bisect.insort(self._waiting, (job.turn, job.id, job))
        self.turns += 1
        if job.not_before > time.monotonic():
            self._after_crash.append(job)
        if job.memory is not None:
            self._for_parts.add(job.id)
        self._placement = None

    def remove(self, job: Job) -> None:
        """Let a job wait no more; nothing happens if it does not."""
        position = self.position(job)
        if self._waits_at(position, job):
            del self._waiting[position]
            self.turns += 1
            self._for_parts.discard(job.id)
            self._placement = None

    def position(self, job: Job) -> int:
        """Return how many jobs start before this one."""
        return bisect.bisect_left(self._waiting, (job.turn, job.id), key=lambda entry: entry[:2])

    def hold(self, devices: Sequence[str], job: Job) -> None:
        """Give devices to a job, or its part of a GPU."""
        if job.memory is not None and all(device in self._capacity for device in devices):
            for device in devices:
                self._shared.setdefault(device, {})[job.id] = job.memory
        else:
            self._held |= dict.fromkeys(devices, job.id)
        self._placement = None

    def release(self, job: Job) -> None:
        """Take back what a job holds."""
        self._held = {device: holder for device, holder in self._held.items() if holder != job.id}
        for device, jobs in list(self._shared.items()):
            jobs.pop(job.id, None)
            if not jobs:
                del self._shared[device]
        self._placement = None

    def holders(self, device: str) -> list[str]:
        """Return the jobs that hold a device, or share it."""
        return [self._held[device]] if device in self._held else self.sharing(device)

    @property
    def held(self) -> set[str]:
        """Identities of the devices that jobs hold or share."""
        return {*self._held, *self._shared}

    @property
    def full(self) -> bool:
        """Whether there is no device that a job could be given, or a part of."""
        return set(self._held) == set(self.devices)

    def sharing(self, device: str) -> list[str]:
        """Return the jobs that share a device."""
        return list(self._shared.get(device, ()))

    @property
    def wants_parts(self) -> bool:
        """Whether a job waits that may share a GPU."""
        return bool(self._for_parts) and any(device.startswith("cuda:") for device in self.devices)

    def divide(self, capacity: Mapping[str, int]) -> None:
        """Take note of how many bytes of each GPU jobs may share."""
        if capacity != self._capacity:
            self._capacity = dict(capacity)
            self._placement = None

    def block(self, reasons: Mapping[str, str], crowded: Mapping[str, str] | None = None) -> bool:
        """Keep jobs from devices that somebody else uses.

        Parameters
        ----------
        reasons
            All such devices, and why each cannot be used, in words; a device that is missing here is given free.
        crowded
            Those of whose memory others hold so much that only jobs for a part of it can start there, and who.

        Returns
        -------
        bool
            Whether this is other than what was known.
        """
        if reasons == self._blocked and (crowded or {}) == self._crowded:
            return False
        self._blocked, self._crowded = dict(reasons), dict(crowded or {})
        self._placement = None
        return True

    def pause(self, reason: str | None) -> bool:
        """Keep all jobs from starting, or let them.

        Parameters
        ----------
        reason
            Why no job can start, in words; None to let them start.

        Returns
        -------
        bool
            Whether this is other than what was known.
        """
        if reason == self._paused:
            return False
        self._paused = reason
        self._placement = None
        return True

    def keep(self, models: Mapping[str, str]) -> None:
        """Take note of the devices that have a model in memory, and of its key."""
        if models != self._models:
            self._models = dict(models)
            self._placement = None

    @property
    def blocked(self) -> dict[str, str]:
        """The devices that somebody else uses, as last said to `block`."""
        return self._crowded | self._blocked

    @property
    def paused(self) -> str | None:
        """Why no job can start, as last said to `pause`."""
        return self._paused

    @property
    def waits_for_others(self) -> bool:
        """Whether jobs wait while something outside is in their way.

        Nothing here tells when that ends: whoever places jobs has to look again.
        """
        if not self._waiting:
            return False
        # How much of a GPU there is to share changes with whatever else uses it.
        return (
            self.wants_parts
            or self._paused is not None
            or bool(self._resting)
            or not self.blocked.keys() <= self._held.keys()
        )

    @property
    def _resting(self) -> list[Job]:
        now = time.monotonic()
        return [job for job in self._after_crash if job.not_before > now]

    def starting(self) -> list[tuple[Job, tuple[str, ...]]]:
        """Return the jobs that can start now, each with the devices it is given."""
        # Spares a look at a long queue.
        out_of_reach = {*self._held, *(self._blocked if self._for_parts else self.blocked)}
        if self._paused is not None or out_of_reach.issuperset(self.devices):
            return []
        self._let_rested_go_on()
        # Nor are the reasons of the many asked for who do not start.
        starts = (self._placement or self._placed(explain=False)).starts
        chosen = (job for _, job_id, job in self._waiting if job_id in starts)
        return [(job, starts[job.id]) for job in itertools.islice(chosen, len(starts))]

    def reason(self, job: Job) -> str:
        """Say why a job waits."""
        return self._decide().waits.get(job.id, "starts now")

    def newly_explained(self) -> list[Job]:
        """Return the jobs that wait for another reason than when this was asked last."""
        waits = self._decide().waits
        changed = [job for _, job_id, job in self._waiting if job.wait_reason != waits.get(job_id)]
        for job in changed:
            job.wait_reason = waits.get(job.id)
        return changed

    def _decide(self) -> Placement:
        """What would be placed now; kept until something changes, as every listing asks for the reasons."""
        self._let_rested_go_on()
        if self._placement is None:
            self._placement = self._placed(explain=True)
        return self._placement

    def _let_rested_go_on(self) -> None:
        if self._after_crash:
            resting = [job for job in self._resting if job.run is None and not job.info.status.finished]
            if len(resting) < len(self._after_crash):
                self._after_crash, self._placement = resting, None

    def _placed(self, *, explain: bool) -> Placement:
        return place(
            [job for _, _, job in self._waiting],
            self.devices,
            self._held,
            self.blocked,
            self._paused,
            self._models,
            self._shared,
            self._capacity,
            self._crowded.keys() - self._blocked.keys(),
            explain=explain,
        )
