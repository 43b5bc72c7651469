"""The folder in which a server keeps its jobs: where it is, and that only one server uses it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path

from ..discovery.identity import ProcessIdentity
from .clock import now
from .errors import StateDirTaken

# Seconds until a holder that does not write its name is taken for one that never will.
_NAME_PATIENCE = 2.0


def default_state_dir() -> Path:
    """Return the folder used when none is named: one per user, in Jupyter's data directory."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "lmms_eval"


class StateDir:
    """A state directory, held by this process until it is closed or ends.

    Parameters
    ----------
    root
        The folder; created, private to the user, if missing.

    Raises
    ------
    StateDirTaken
        If another process holds it; the text says which.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.root / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _holder(self._lock)
            os.close(self._lock)
            raise StateDirTaken(
                f"{self.root} is in use by {who}; stop it, use it, or give this one another --state-dir"
            ) from None
        os.ftruncate(self._lock, 0)
        identity = ProcessIdentity.of(os.getpid())
        name = {"process": identity.to_json() if identity else None, "host": socket.gethostname(), "since": now()}
        os.pwrite(self._lock, json.dumps(name).encode(), 0)

    @property
    def database(self) -> Path:
        """The database of jobs."""
        return self.root / "jobs.sqlite"

    @property
    def catalogs(self) -> Path:
        """Cached lists of tasks and models."""
        return self.root / "catalog"

    @property
    def jobs(self) -> Path:
        """The folder of the jobs' directories."""
        return self.root / "jobs"

    @property
    def secrets(self) -> Path:
        """The folder of the jobs' secrets."""
        return self.root / "secrets"

    def job_dir(self, prefix: str, job_id: str) -> Path:
        """Return the directory of a job; it is not created."""
        return self.jobs / f"{prefix}{job_id}"

    @property
    def descriptor(self) -> int:
        """The open file that holds the lock."""
        return self._lock

    def close(self) -> None:
        """Let the next server in."""
        # Who comes next must not be taken for this one while its name is not written yet.
        os.ftruncate(self._lock, 0)
        os.close(self._lock)


def _holder(lock: int) -> str:
    """Say who holds a lock; its name comes a moment after the lock, and what is there before may be another's."""
    deadline = time.monotonic() + _NAME_PATIENCE
    while time.monotonic() < deadline:
        if who := _named(os.pread(lock, 4096, 0)):
            return who
        time.sleep(0.005)
    return "another server"


def _named(content: bytes) -> str | None:
    """Read a holder's name; None for none, half of one, or that of a process which was killed."""
    try:
        known = json.loads(content)
        process, host, since = ProcessIdentity.from_json(known["process"]), known["host"], known["since"]
    except (ValueError, KeyError, TypeError):
        return None
    if host != socket.gethostname():  # the directory is shared among machines
        return f"the server with pid {process.pid} on {host} (since {since})"
    return f"the server with pid {process.pid} (since {since})" if process.alive() else None
