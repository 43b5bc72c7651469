"""Which waiting jobs start now, on which devices, and why the others wait: a pure decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WaitingJob:
    """What placement must know of a job that waits.

    Parameters
    ----------
    job_id
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

    job_id: str
    seq: int
    priority: int = 0
    count: int = 1
    device: str | None = None
    rests: bool = False
    key: str = ""
    memory: int | None = None


@dataclass(frozen=True)
class Placement:
    """The decision.

    Attributes
    ----------
    starts
        Jobs that start now and the devices each is given, in order.
    waits
        Why each other job waits, in the order in which they will start.
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


def place(
    waiting: Sequence[WaitingJob],
    devices: Sequence[str],
    held: Mapping[str, str],
    blocked: Mapping[str, str] | None = None,
    pause: str | None = None,
    kept: Mapping[str, str] | None = None,
    shared: Mapping[str, Mapping[str, int]] | None = None,
    capacity: Mapping[str, int] | None = None,
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
    """
    decision = Placement()
    order = sorted(waiting, key=lambda job: (-job.priority, job.seq))
    if pause is not None:
        return Placement(waits={job.job_id: pause for job in order})
    blocked = {device: reason for device, reason in (blocked or {}).items() if device not in held}
    free = [device for device in devices if device not in held and device not in blocked]
    models = dict(kept or {})
    shares = {device: dict(jobs) for device, jobs in (shared or {}).items() if jobs}
    capacity = capacity or {}
    free = [device for device in free if device not in shares]
    reserved: dict[str, str] = {}
    for job in order:
        eligible = eligible_devices(job.device, devices)
        if len(eligible) < job.count:
            decision.waits[job.job_id] = _impossible(job, len(eligible))
            continue
        if job.rests:  # keeps nothing: others may use the time
            decision.waits[job.job_id] = "rests a moment after a crash before it is tried again"
            continue
        if job.memory is not None and any(device in capacity for device in eligible):
            open_to = [device for device in eligible if device in free or device in shares]
            _share(job, job.memory, [each for each in open_to if each not in reserved], shares, capacity, decision)
            if job.job_id in decision.starts:
                free = [device for device in free if device not in decision.starts[job.job_id]]
            elif open_to and job.memory <= max(capacity.values()):
                emptiest = max(open_to, key=lambda device: _room(device, shares, capacity))
                reserved.setdefault(emptiest, job.job_id)
                free = [device for device in free if device != emptiest]
            continue
        usable = sorted(
            (device for device in free if device in eligible), key=lambda device: _preference(device, job.key, models)
        )
        if len(usable) >= job.count:
            granted = tuple(usable[: job.count])
            decision.starts[job.job_id] = granted
            free = [device for device in free if device not in granted]
            continue
        sharing = {device: next(iter(jobs)) for device, jobs in shares.items()}
        starting = {device: other for other, granted in decision.starts.items() for device in granted}
        holders = {**held, **sharing, **starting}
        decision.waits[job.job_id] = _reason(job, eligible, len(usable), holders, blocked, reserved)
        # Also what is shared: it gets free only if nobody joins those who share it.
        for device in [*usable, *(device for device in eligible if device in shares)][: job.count]:
            reserved.setdefault(device, job.job_id)
        free = [device for device in free if device not in usable]
    return decision


def _room(device: str, shares: Mapping[str, Mapping[str, int]], capacity: Mapping[str, int]) -> int:
    return capacity.get(device, 0) - sum(shares.get(device, {}).values())


def _share(
    job: WaitingJob,
    memory: int,
    devices: Sequence[str],
    shares: dict[str, dict[str, int]],
    capacity: Mapping[str, int],
    decision: Placement,
) -> None:
    """Give a job a part of a device: of one that is shared already, if it fits, and of the fullest of these."""
    fitting = [device for device in devices if _room(device, shares, capacity) >= memory]
    if fitting:
        device = min(fitting, key=lambda each: (each not in shares, _room(each, shares, capacity)))
        shares.setdefault(device, {})[job.job_id] = memory
        decision.starts[job.job_id] = (device,)
        return
    most = max(capacity.values())
    if memory > most:
        decision.waits[job.job_id] = f"needs {_gib(memory)} GiB of a GPU, the largest has {_gib(most)} GiB for jobs"
        return
    found = max((_room(device, shares, capacity) for device in devices), default=0)
    decision.waits[job.job_id] = f"waits for {_gib(memory)} GiB of a GPU: {_gib(max(0, found))} GiB free"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"


def _preference(device: str, key: str, models: Mapping[str, str]) -> tuple[int, int]:
    """Sort free devices: with the job's model in memory, with none, with another one, the oldest first."""
    if device not in models:
        return 1, 0
    return (0, 0) if models[device] == key else (2, list(models).index(device))


def _impossible(job: WaitingJob, there_are: int) -> str:
    if job.count == 1:
        return f"needs {job.device or 'a device'}, which the machine does not have"
    return f"needs {job.count} devices, the machine has {there_are}"


def _reason(
    job: WaitingJob,
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
