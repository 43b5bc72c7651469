"""Devices are booked on the whole machine: no two servers of a user evaluate on the same one."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..discovery.records import runtime_dir
from .clock import now

# More than a holder's text takes; the file may have been written by anyone who can act as this user.
_TEXT_BYTES = 4096
# Linux has kind and whence first, BSD and macOS last.
_STRUCT_FLOCK, _KIND_AT = ("hhqqi0q", 0) if sys.platform == "linux" else ("qqihh", 3)


def device_locks_folder() -> Path:
    """Return the folder of the locks, which all servers of a user share; it may not exist yet."""
    return runtime_dir() / "lmms_eval" / "devices"


class HeldLocks:
    """Devices that were taken.

    They stay taken as long as any process has one of the descriptors open. A process that is started with
    ``pass_fds=locks.descriptors`` keeps them until it ends; this process then closes its own copies.

    Parameters
    ----------
    descriptors
        The open files that carry the locks.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = tuple(descriptors)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The open files that carry the locks; none after `close`. A started program gets only those passed to it."""
        return self._descriptors

    def copy(self) -> HeldLocks:
        """Return the same locks once more: they hold until all copies are closed."""
        return HeldLocks([os.dup(descriptor) for descriptor in self._descriptors])

    def joined(self, *others: HeldLocks) -> HeldLocks:
        """Return these and others as one; each of them has nothing any more."""
        parts = (self, *others)
        return HeldLocks([number for part in parts for number in part.give_up()])

    def give_up(self) -> tuple[int, ...]:
        """Return the open files, which are the caller's from now on."""
        descriptors, self._descriptors = self._descriptors, ()
        return descriptors

    def name(self, holder: str) -> None:
        """Tell the users of other servers who has them by now, in words."""
        for descriptor in self._descriptors:
            _write(descriptor, _text(holder))

    def close(self) -> None:
        """Close this process's copies. The devices are free if no other process has copies."""
        for descriptor in self.give_up():
            os.close(descriptor)


class DeviceLocks:
    """One lock file for each device, shared by all servers of a user.

    The locks are the kernel's locks of open file descriptions (``F_OFD_SETLK``). Like those of ``flock`` they pass to
    the processes that inherit the descriptor, and go when the last of these is gone, however it ended. Unlike those
    they can be asked about without being taken (``F_OFD_GETLK``), so who looks is never in the way of who takes.

    Parameters
    ----------
    folder
        Where the files lie; created, private to the user, if missing.
    names
        The name of each device's file, by the device's identity. It must mean the same device to all servers.

    Raises
    ------
    ValueError
        If a name could be a file elsewhere.
    OSError
        If the folder cannot be made.
    """

    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        for name in names.values():
            if name in ("", ".", "..") or "/" in name:
                raise ValueError(f"a device's lock must be named like a file, not {name!r}")
        self._folder = folder
        self._paths = {device: folder / name for device, name in names.items()}
        self._make_folder()

    def _make_folder(self) -> None:
        # A folder's parents do not get its mode.
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def take(self, devices: Sequence[str], holder: str) -> HeldLocks | None:
        """Take devices, all or none, without waiting.

        Parameters
        ----------
        devices
            Their identities.
        holder
            Who takes them, in words for the users of other servers: ``"job ab12cd34 of the server with pid 77"``.

        Returns
        -------
        HeldLocks or None
            None if one of them is taken, by whomever.

        Raises
        ------
        KeyError
            If there is no such device.
        OSError
            If a file cannot be opened, or its file system knows no locks.
        """
        text = _text(holder)
        taken: list[int] = []
        self._make_folder()  # a login that ends may take it away
        try:
            # In the same order everywhere: of two servers that want the same devices one gets them all.
            for path in sorted({self._paths[device] for device in devices}):
                taken.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                if not _locked_now(taken[-1]):
                    HeldLocks(taken).close()
                    return None
        except BaseException:
            HeldLocks(taken).close()
            raise
        for descriptor in taken:
            _write(descriptor, text)
        return HeldLocks(taken)

    def ask_for(self, devices: Collection[str]) -> None:
        """Let those who have devices without using them know that they are wanted; see `asked`.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._make_folder()
        for device in devices:
            self._note(device).touch(mode=0o600)

    def asked(self, device: str) -> int:
        """Return a number that is another one after somebody asked for a device."""
        try:
            return self._note(device).stat().st_mtime_ns
        except OSError:  # nobody ever did
            return 0

    def _note(self, device: str) -> Path:
        path = self._paths[device]
        return path.with_name(f"{path.name}.wanted")

    def foreign(self, own: Collection[str]) -> dict[str, str]:
        """Look which devices others have.

        Parameters
        ----------
        own
            Identities of the devices that this server's jobs hold; they are left out. A lock cannot tell: it is
            not this process that holds it, but the evaluation.

        Returns
        -------
        dict
            For each other device that is taken, who has it, in words: ``"used by job ab12cd34 of the server with
            pid 77"``. Only the lock decides whether it is taken; the text that a dead holder left says nothing.

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        looked = {device: _holder(path) for device, path in self._paths.items() if device not in own}
        return {device: f"used by {holder}" for device, holder in looked.items() if holder is not None}


def _holder(path: Path) -> str | None:
    """Who holds the lock of a file, in words; None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # nobody ever took it
        return None
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
        if _kind(answer) == fcntl.F_UNLCK:
            return None
        line = os.pread(descriptor, _TEXT_BYTES, 0).partition(b"\n")[0]
    finally:
        os.close(descriptor)
    try:
        return str(json.loads(line)["holder"])
    except (ValueError, KeyError, TypeError):  # it has not written it yet, or could not
        return "another server"


def _text(holder: str) -> bytes:
    return json.dumps({"pid": os.getpid(), "since": now(), "holder": holder}).encode() + b"\n"


def _locked_now(descriptor: int) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
    except (BlockingIOError, PermissionError):  # POSIX allows both answers
        return False
    return True


def _write(descriptor: int, text: bytes) -> None:
    try:
        # First the line, then the cut: a reader sees one whole line at any time.
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
    except OSError:  # a full disk costs the words, not the booking; and the words of an earlier holder would be wrong
        with suppress(OSError):
            os.ftruncate(descriptor, 0)


def _whole_file(kind: int) -> bytes:
    """Return a ``struct flock`` for a whole file: all zero but the kind."""
    fields = [0] * 5
    fields[_KIND_AT] = kind
    return struct.pack(_STRUCT_FLOCK, *fields)


def _kind(lock: bytes) -> int:
    """Return the kind of lock that a ``struct flock`` tells of."""
    return int(struct.unpack(_STRUCT_FLOCK, lock)[_KIND_AT])
