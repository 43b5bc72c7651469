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
    device
        What was asked for: None or ``"cuda"`` for any, ``"cpu"``, or one device such as ``"cuda:1"``.
    """

    job_id: str
    seq: int
    priority: int = 0
    count: int = 1
    device: str | None = None


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


def place(waiting: Sequence[WaitingJob], devices: Sequence[str], held: Mapping[str, str]) -> Placement:
    """Decide what starts.

    Order is priority, then age. A job that does not fit yet keeps the free devices it could use from the jobs
    behind it, so a job that needs many is never starved by small ones; jobs that need other devices pass it.

    Parameters
    ----------
    waiting
        Jobs that wait, in any order.
    devices
        Identities of all devices.
    held
        The devices that are taken, and the job that holds each.
    """
    decision = Placement()
    free = [device for device in devices if device not in held]
    kept: dict[str, str] = {}
    for job in sorted(waiting, key=lambda job: (-job.priority, job.seq)):
        eligible = eligible_devices(job.device, devices)
        usable = [device for device in free if device in eligible]
        if len(usable) >= job.count:
            granted = tuple(usable[: job.count])
            decision.starts[job.job_id] = granted
            free = [device for device in free if device not in granted]
            continue
        decision.waits[job.job_id] = _reason(job, eligible, usable, held, decision.starts, kept)
        for device in usable:
            kept[device] = job.job_id
        free = [device for device in free if device not in usable]
    return decision


def _reason(
    job: WaitingJob,
    eligible: Sequence[str],
    usable: Sequence[str],
    held: Mapping[str, str],
    starts: Mapping[str, tuple[str, ...]],
    kept: Mapping[str, str],
) -> str:
    holders = {**held, **{device: other for other, granted in starts.items() for device in granted}}
    busy = sorted({holders[device] for device in eligible if device in holders}, key=list(holders.values()).index)
    need = f"{job.count} devices" if job.count > 1 else eligible[0] if len(eligible) == 1 else "a device"
    if len(eligible) < job.count:
        return f"needs {job.count} devices, the machine has {len(eligible)}"
    parts = [f"waits for {need}"]
    if job.count > 1:
        parts.append(f"{len(usable)} free")
    if busy:
        parts.append(f"job{'s' if len(busy) > 1 else ''} {', '.join(name[:8] for name in busy)} running")
    ahead = sorted({kept[device] for device in eligible if device in kept})
    if ahead:
        parts.append(f"kept free for job{'s' if len(ahead) > 1 else ''} {', '.join(name[:8] for name in ahead)}")
    return ": ".join([parts[0], ", ".join(parts[1:])]) if parts[1:] else parts[0]
