"""Which waiting jobs start now, on which devices, and why the others wait: a pure decision."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Protocol


class Waits(Protocol):
    """What placement must know of a job that waits; it asks for no more of it than it needs, as many may wait."""

    @property
    def id(self) -> str: ...  # noqa: D102  (see `WaitingJob`)
    @property
    def turn(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102
    @property
    def device(self) -> str | None: ...  # noqa: D102
    @property
    def rests(self) -> bool: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def memory(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True)
class WaitingJob:
    """A job that waits, in plain words.

    Parameters
    ----------
    id
        Its identity.
    seq
        Its place in the order of arrival.
    priority
        Higher starts first.
    count
        Devices it needs at once.
    rests
        Whether it may not start yet, because it crashed a moment ago.
    device
        What was asked for: None or ``"cuda"`` for any, ``"cpu"``, or one device such as ``"cuda:1"``.
    key
        Of its model; jobs with the same one can use the same model in memory.
    memory
        Bytes of a GPU that are enough for it, so that it may share one; None: it needs devices of its own.
    """

    id: str
    seq: int
    priority: int = 0
    count: int = 1
    device: str | None = None
    rests: bool = False
    key: str = ""
    memory: int | None = None

    @property
    def turn(self) -> tuple[int, int]:
        """What it is sorted by: priority, then age."""
        return (-self.priority, self.seq)


@dataclass(frozen=True)
class Placement:
    """The decision.

    Attributes
    ----------
    starts
        Jobs that start now and the devices each is given, in order.
    waits
        Why each other job waits, in the order in which they will start; not of all, if that was not asked for.
    """

    starts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)


def eligible_devices(device: str | None, devices: Sequence[str]) -> list[str]:
    """Return the devices that a request for ``device`` may use.

    Any GPU, where there are GPUs, else any CPU slot; ``"cpu"`` any CPU slot; ``"cuda:1"`` just that one. On a
    machine without GPUs ``"cuda"`` means any device too: clients send it by habit.
    """
    gpus = [name for name in devices if name.startswith("cuda:")]
    cpus = [name for name in devices if name.startswith("cpu:")]
    if device in (None, "", "auto", "cuda", "gpu"):
        return gpus or cpus
    if device == "cpu":
        return cpus
    return [name for name in devices if name == device]


@lru_cache(maxsize=64)
def _eligible(device: str | None, devices: tuple[str, ...]) -> list[str]:
    """Many ask the same."""
    return eligible_devices(device, devices)


def place(
    waiting: Sequence[Waits],
    devices: Sequence[str],
    held: Mapping[str, str],
    blocked: Mapping[str, str] | None = None,
    pause: str | None = None,
    kept: Mapping[str, str] | None = None,
    shared: Mapping[str, Mapping[str, int]] | None = None,
    capacity: Mapping[str, int] | None = None,
    crowded: Collection[str] = (),
    *,
    explain: bool = True,
) -> Placement:
    """Decide what starts.

    Order is priority, then age. A job that does not fit yet keeps the free devices it could use from the jobs
    behind it, so a job that needs many is never starved by small ones; jobs that need other devices pass it. A job
    that needs more than there are keeps nothing: after a restart with fewer GPUs it must not hold up the others.

    Parameters
    ----------
    waiting
        Jobs that wait, in any order.
    devices
        Identities of all devices.
    held
        The devices that are taken, and the job that holds each.
    blocked
        Devices that cannot be used although no job of ours holds them, and why, in words: another server has it,
        or a stranger's memory fills it. Of a device that is also held the job is told.
    pause
        What keeps every job from starting, in words, such as a full disk; None if nothing does.
    kept
        Devices with a model in memory, and its key. A job is given the one that has its model, else one that has
        none, else the one whose model came first. It changes where a job starts, never which one.
    shared
        Devices that running jobs share: for each the jobs, and the bytes they asked for.
    capacity
        Bytes of each GPU that jobs may share: its memory without what others hold. A device that is missing here
        cannot be shared: whoever wants a part of it is given the whole.
    crowded
        Those of the blocked devices that are blocked only because others hold much of their memory: a job for a part
        of one can start there if that part is free.
    explain
        Whether to say why each of the others waits; else nobody is looked at who comes after the last device is given.
    """
    decision = Placement()
    order = sorted(waiting, key=attrgetter("turn"))
    if pause is not None:
        return Placement(waits={job.id: pause for job in order})
    blocked = {device: reason for device, reason in (blocked or {}).items() if device not in held}
    free = [device for device in devices if device not in held and device not in blocked]
    models = dict(kept or {})
    shares = {device: dict(jobs) for device, jobs in (shared or {}).items() if jobs}
    capacity = capacity or {}
    free = [device for device in free if device not in shares]
    # Room beside strangers; whoever gets some shares the device from then on.
    beside = [device for device in devices if device in crowded and device in blocked and device not in shares]
    reserved: dict[str, str] = {}
    alike: dict[tuple[int, str | None], str] = {}
    for job in order:
        if not explain and not free and not shares and not beside:
            break
        eligible = _eligible(job.device, tuple(devices))
        if (out_of_turn := _out_of_turn(job, len(eligible))) is not None:
            decision.waits[job.id] = out_of_turn
            continue
        if job.memory is not None and any(device in capacity for device in eligible):
            open_to = [device for device in eligible if device in free or device in shares or device in beside]
            most = _most(eligible, capacity)
            unreserved = [device for device in open_to if device not in reserved]
            _share(job, job.memory, unreserved, shares, capacity, most, decision)
            if job.id in decision.starts:
                free = [device for device in free if device not in decision.starts[job.id]]
            elif open_to and job.memory <= most:
                emptiest = max(open_to, key=lambda device: _room(device, shares, capacity))
                reserved.setdefault(emptiest, job.id)
                free = [device for device in free if device != emptiest]
            continue
        usable = [device for device in free if device in eligible]
        if len(usable) >= job.count:
            granted = tuple(_preferred(usable, job, models)[: job.count])
            decision.starts[job.id] = granted
            free = [device for device in free if device not in granted]
            continue
        said = alike.get((job.count, job.device))
        if said is None:
            said = _reason(job, eligible, len(usable), _holders(held, shares, decision), blocked, reserved)
        decision.waits[job.id] = said
        if not (free or shares):  # nothing will be given or kept any more: the next like it waits for the same
            alike[job.count, job.device] = said
        # Also what is shared: it gets free only if nobody joins those who share it.
        for device in [*usable, *(device for device in eligible if device in shares)][: job.count]:
            reserved.setdefault(device, job.id)
        free = [device for device in free if device not in usable]
    return decision


def _holders(held: Mapping[str, str], shares: Mapping[str, Mapping[str, int]], decision: Placement) -> dict[str, str]:
    """The job that has each device, or will have it in a moment; of those who share it the first."""
    sharing = {device: next(iter(jobs)) for device, jobs in shares.items()}
    starting = {device: other for other, granted in decision.starts.items() for device in granted}
    return {**held, **sharing, **starting}


def _most(devices: Sequence[str], capacity: Mapping[str, int]) -> int:
    """The most that a job on one of some devices can ever have of it."""
    return max(capacity.get(device, 0) for device in devices)


def _room(device: str, shares: Mapping[str, Mapping[str, int]], capacity: Mapping[str, int]) -> int:
    return capacity.get(device, 0) - sum(shares.get(device, {}).values())


def _share(
    job: Waits,
    memory: int,
    devices: Sequence[str],
    shares: dict[str, dict[str, int]],
    capacity: Mapping[str, int],
    most: int,
    decision: Placement,
) -> None:
    """Give a job a part of a device: of one that is shared already, if it fits, and of the fullest of these."""
    fitting = [device for device in devices if _room(device, shares, capacity) >= memory]
    if fitting:
        device = min(fitting, key=lambda each: (each not in shares, _room(each, shares, capacity)))
        shares.setdefault(device, {})[job.id] = memory
        decision.starts[job.id] = (device,)
        return
    if memory > most:
        decision.waits[job.id] = f"needs {_gib(memory)} GiB of a GPU, the largest has {_gib(most)} GiB for jobs"
        return
    found = max((_room(device, shares, capacity) for device in devices), default=0)
    decision.waits[job.id] = f"waits for {_gib(memory)} GiB of a GPU: {_gib(max(0, found))} GiB free"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"


def _preferred(devices: list[str], job: Waits, models: Mapping[str, str]) -> list[str]:
    """Sort free devices by what they are worth to a job; its key costs something, and is asked for only if it matters.

    The others of them go to later jobs, in the order of all devices.
    """
    if len(devices) == job.count or not models:
        return devices
    return sorted(devices, key=lambda device: _preference(device, job.key, models))


def _preference(device: str, key: str, models: Mapping[str, str]) -> tuple[int, int]:
    """Sort free devices: with the job's model in memory, with none, with another one, the oldest first."""
    if device not in models:
        return 1, 0
    return (0, 0) if models[device] == key else (2, list(models).index(device))


def _out_of_turn(job: Waits, there_are: int) -> str | None:
    """Why a job cannot start whatever is free, if so; it keeps nothing, and others may use the time."""
    if there_are < job.count:
        return _impossible(job, there_are)
    return "rests a moment after a crash before it is tried again" if job.rests else None


def _impossible(job: Waits, there_are: int) -> str:
    if job.count == 1:
        return f"needs {job.device or 'a device'}, which the machine does not have"
    return f"needs {job.count} devices, the machine has {there_are}"


def _reason(
    job: Waits,
    eligible: Sequence[str],
    usable: int,
    holders: Mapping[str, str],
    blocked: Mapping[str, str],
    reserved: Mapping[str, str],
) -> str:
    need = f"{job.count} devices" if job.count > 1 else eligible[0] if len(eligible) == 1 else "a device"
    parts: list[str] = []
    if job.count > 1:
        parts.append(f"{usable} free")
    busy = sorted({holders[device] for device in eligible if device in holders}, key=list(holders.values()).index)
    if busy:
        parts.append(f"job{'s' if len(busy) > 1 else ''} {', '.join(name[:8] for name in busy)} running")
    parts += _obstacles([device for device in eligible if device in blocked], blocked, named=need in eligible)
    ahead = sorted({reserved[device] for device in eligible if device in reserved})
    if ahead:
        parts.append(f"kept free for job{'s' if len(ahead) > 1 else ''} {', '.join(name[:8] for name in ahead)}")
    return f"waits for {need}: {', '.join(parts)}" if parts else f"waits for {need}"


def _obstacles(devices: Sequence[str], blocked: Mapping[str, str], *, named: bool) -> list[str]:
    """Say each reason once, with the devices it holds for unless the sentence or the reason names them."""
    alike: dict[str, list[str]] = {}
    for device in devices:
        alike.setdefault(blocked[device], []).append(device)
    return [
        reason if named or set(same) <= set(reason.split()) else f"{', '.join(same)} {reason}"
        for reason, same in alike.items()
    ]
