"""What is outside a server and keeps its jobs waiting: other servers, other people's processes, a full disk."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .device_locks import DeviceLocks, HeldLocks, device_locks_folder
from .devices import Devices
from .disk import shortage

logger = logging.getLogger(__name__)

# How long a killed evaluation may take to vanish from its GPU, and how often to look.
LEAVING_SECONDS = 10.0
LEAVING_POLL_SECONDS = 0.05
# A GPU that failed gets no job for so long: the next would only fail too, while others may be free.
AVOIDING_SECONDS = 120.0
# What a file system says that has no locks. Anything else may be over in a moment.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


@dataclass(frozen=True)
class Obstacles:
    """What keeps jobs waiting.

    Attributes
    ----------
    blocked
        Devices that cannot be used, and why, in words.
    crowded
        Devices of whose memory others hold so much that only a job which says how much it needs can start there; and
        who, in words.
    shortage
        Why no job can start, in words; None if jobs can.
    """

    blocked: dict[str, str] = field(default_factory=dict)
    crowded: dict[str, str] = field(default_factory=dict)
    shortage: str | None = None


class Surroundings:
    """The machine around a server.

    Parameters
    ----------
    devices
        Its devices.
    folder
        Where jobs need room.
    reserve
        Bytes of room they need at least.

    Attributes
    ----------
    notices
        What a person should know.
    """

    def __init__(self, devices: Devices, folder: Path, reserve: int) -> None:
        self._devices = devices
        self._folder = folder
        self._reserve = reserve
        self._locks: DeviceLocks | None = None
        # By device: why it is avoided, and until when by time.monotonic.
        self._avoided: dict[str, tuple[str, float]] = {}
        self.notices: list[str] = list(devices.notices)
        try:
            self._locks = DeviceLocks(device_locks_folder(), devices.uuids)
        except OSError as error:
            self._without_locks(error)

    def look(self, held: Collection[str]) -> Obstacles:
        """Look at everything; blocking.

        Parameters
        ----------
        held
            Devices that this server's own jobs hold.
        """
        room = self.shortage()
        pause = None if room is None else f"waits for room: {room}"
        return Obstacles(self.blocked(held), self.crowded(held), pause)

    def capacity(self, own_pids: Collection[int], occupied: Collection[str]) -> dict[str, int]:
        """See `Devices.capacity`; blocking."""
        return self._devices.capacity(own_pids, occupied)

    def crowded(self, held: Collection[str]) -> dict[str, str]:
        """Return the devices whose memory others fill, and who, in words; blocking."""
        reasons = {device: self._devices.crowded(device) for device in self._devices.ids if device not in held}
        return {device: reason for device, reason in reasons.items() if reason}

    def shared_with_others(self, devices: Sequence[str], own_pids: Collection[int]) -> bool:
        """Whether somebody else uses GPUs on which evaluations of this server are; blocking."""
        return any(self._devices.used_by_others(device, own_pids) for device in devices)

    def shortage(self) -> str | None:
        """Say that the disk of the jobs is full, or None; blocking."""
        return shortage(self._folder, self._reserve)

    def blocked(self, held: Collection[str]) -> dict[str, str]:
        """Return the devices that cannot be used, and why, in words; blocking."""
        reasons = {device: self._devices.blocked(device) for device in self._devices.ids if device not in held}
        found = {device: reason for device, reason in reasons.items() if reason}
        for device, (reason, until) in list(self._avoided.items()):  # another thread may add one
            if device not in held and time.monotonic() < until:
                found.setdefault(device, reason)
        if self._locks is not None:
            try:
                found |= self._locks.foreign(held)
            except OSError as error:
                if not self._lacks_locks(error):
                    unknown = f"it cannot be seen whether another server uses it ({error})"
                    found |= {device: unknown for device in self._devices.ids if device not in held}
        return found

    def avoid(self, devices: Sequence[str], why: str) -> None:
        """Keep jobs for a while from GPUs of which one failed.

        Parameters
        ----------
        devices
            The devices of the job that found it.
        why
            What it found, in a line.
        """
        for device in devices:
            if device.startswith("cuda:"):
                reason = f"{device} failed a job ({why}) and is tried again later"
                self._avoided[device] = (reason, time.monotonic() + AVOIDING_SECONDS)

    def take(self, devices: Sequence[str], holder: str) -> HeldLocks | None:
        """Book devices on the whole machine; see `DeviceLocks.take`. None also if that is not possible just now."""
        if self._locks is not None:
            try:
                return self._locks.take(devices, holder)
            except OSError as error:
                if not self._lacks_locks(error):
                    return None
        return HeldLocks(())

    def ask_for(self, devices: Collection[str]) -> None:
        """Ask other servers for devices that they have without using them."""
        if self._locks is not None and devices:
            try:
                self._locks.ask_for(devices)
            except OSError as error:
                self._lacks_locks(error)

    def asked(self, device: str) -> int:
        """Return a number that is another one after another server asked for a device."""
        return 0 if self._locks is None else self._locks.asked(device)

    async def left_by(self, pids: Collection[int], devices: Sequence[str]) -> None:
        """Wait until the driver no longer counts killed processes among those on their GPUs.

        Parameters
        ----------
        pids
            The processes.
        devices
            Where they computed.
        """
        deadline = time.monotonic() + LEAVING_SECONDS
        left = bool(pids)
        while left and (left := await asyncio.to_thread(self._still_there, pids, devices)):
            if time.monotonic() > deadline:
                logger.warning("Killed processes are still on %s: %s", ", ".join(devices), sorted(pids))
                return
            await asyncio.sleep(LEAVING_POLL_SECONDS)

    def _still_there(self, pids: Collection[int], devices: Sequence[str]) -> bool:
        return any((self._devices.pids(device) or set()) & set(pids) for device in devices)

    def _lacks_locks(self, error: OSError) -> bool:
        """Tell whether an error means that there are no locks here at all; they are not tried again then."""
        if error.errno in _NO_LOCKS:
            self._without_locks(error)
            return True
        logger.warning("The booking of devices fails for the moment: %s", error)
        return False

    def _without_locks(self, error: OSError) -> None:
        """Go on without locks: a file system that has none must not keep a server from working."""
        self._locks = None
        self.notices.append(
            f"Devices cannot be booked among servers ({error}): another server may use them at the same time"
        )
        logger.warning("%s", self.notices[-1])
