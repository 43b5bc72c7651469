"""The folder in which a server keeps its jobs: where it is, and that only one server uses it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from .clock import now
from .errors import StateDirTaken


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
            holder = os.read(self._lock, 4096).decode(errors="replace")
            os.close(self._lock)
            raise StateDirTaken(_taken(self.root, holder)) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps({"pid": os.getpid(), "since": now()}).encode(), 0)

    @property
    def database(self) -> Path:
        """The database of jobs."""
        return self.root / "jobs.sqlite"

    @property
    def catalogs(self) -> Path:
        """Cached lists of tasks and models."""
        return self.root / "catalog"

    def job_dir(self, prefix: str, job_id: str) -> Path:
        """Return the directory of a job; it is not created."""
        return self.root / "jobs" / f"{prefix}{job_id}"

    @property
    def descriptor(self) -> int:
        """The open file that holds the lock."""
        return self._lock

    def close(self) -> None:
        """Let the next server in."""
        os.close(self._lock)


def _taken(root: Path, holder: str) -> str:
    try:
        known = json.loads(holder)
        who = f"the server with pid {known['pid']} (since {known['since']})"
    except (ValueError, KeyError, TypeError):
        who = "another server"
    return f"{root} is in use by {who}; stop it, use it, or give this one another --state-dir"
