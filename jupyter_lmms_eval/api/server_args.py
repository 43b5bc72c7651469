"""The arguments of a server, checked when they are made."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ServerArgs:
    """Arguments for launching the evaluation server.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on, 1 to 65535.
    max_completed_jobs
        Finished jobs kept in memory. Older ones stay on disk and are still answered for.
    temp_dir_prefix
        Start of the names of job directories.
    state_dir
        Folder of the jobs; None: ``lmms_eval`` in Jupyter's data directory.
    token
        Secret that every request must carry. None: a random one is made. An empty one lets everybody in, which
        is refused on any address that other machines reach.
    include_paths
        Task folders that join the catalog and that jobs may use.
    cpu_slots
        Evaluations that may run on the CPU at once.
    allowed_hosts
        Names, beyond those of this machine, by which clients may address the server.
    allow_merge
        Whether /merge may be used. It unpickles the checkpoint, that is: runs code in it.
    crash_retries
        Further attempts after an evaluation crashed or hung, as long as none gets further than those before.
    stall_factor, stall_seconds
        An evaluation hangs if no chunk of samples is finished for so many times the usual time, and for at least
        so many seconds.
    min_free_gpu_memory
        Share of a GPU's memory, 0 to 1, that must be free before an evaluation starts there.
    fresh_processes
        Whether every evaluation starts as a fresh process. Else one process keeps lmms-eval imported (1 GB), and
        evaluations on one CPU slot are forked from it, seconds faster; and models stay in memory.
    keep_models
        Seconds for which a model stays in memory after its job, for the next that wants the same; 0: it never does.
        It gives its device up at once when a job needs it.
    cancelled_as_failed
        Whether ``GET /jobs/{id}`` says ``failed`` of cancelled jobs, for clients that would wait forever.

    Raises
    ------
    ValueError
        If an argument cannot work; the text names its value and type.
    """

    host: str = "localhost"
    port: int = 8000
    max_completed_jobs: int = 100
    temp_dir_prefix: str = "lmms_eval_"
    state_dir: str | None = None
    token: str | None = field(default=None, repr=False)
    include_paths: list[str] = field(default_factory=list)
    cpu_slots: int = 1
    allowed_hosts: list[str] = field(default_factory=list)
    allow_merge: bool = False
    crash_retries: int = 2
    stall_factor: float = 10.0
    stall_seconds: float = 1800.0
    min_free_gpu_memory: float = 0.5
    fresh_processes: bool = False
    keep_models: float = 300.0
    cancelled_as_failed: bool = False

    def __post_init__(self) -> None:
        if not _is_int(self.port) or not 1 <= self.port <= 65535:
            raise ValueError(f"Port must be an integer between 1 and 65535, got {_described(self.port)}")
        self._check_numbers()
        for name in ("host", "temp_dir_prefix"):
            value = getattr(self, name)
            if not isinstance(value, str) or (name == "host" and not value):
                raise ValueError(f"{name} must be a non-empty string, got {_described(value)}")
        if "/" in self.temp_dir_prefix or self.temp_dir_prefix.startswith("."):
            raise ValueError(
                f"temp_dir_prefix must be the start of a file name, got {_described(self.temp_dir_prefix)}"
            )
        for name in ("include_paths", "allowed_hosts"):
            value = getattr(self, name)
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"{name} must be a list of strings, got {_described(value)}")
        if self.token == "" and not is_loopback(self.host):
            raise ValueError(
                f"Host {self.host!r} is reached by other machines, and whoever submits a job runs code here: "
                "keep the token, or listen on localhost"
            )

    def _check_numbers(self) -> None:
        for name, least in (("max_completed_jobs", 1), ("cpu_slots", 1), ("crash_retries", 0)):
            value = getattr(self, name)
            if not _is_int(value) or value < least:
                what = "a positive integer" if least else "zero or a positive integer"
                raise ValueError(f"{name} must be {what}, got {_described(value)}")
        for name in ("stall_factor", "stall_seconds"):
            value = getattr(self, name)
            if not _is_number(value) or value <= 0:
                raise ValueError(f"{name} must be a positive number, got {_described(value)}")
        if not _is_number(self.keep_models) or self.keep_models < 0:
            raise ValueError(f"keep_models must be zero or a positive number, got {_described(self.keep_models)}")
        if not _is_number(self.min_free_gpu_memory) or not 0 <= self.min_free_gpu_memory <= 1:
            raise ValueError(f"min_free_gpu_memory must be from 0 to 1, got {_described(self.min_free_gpu_memory)}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ServerArgs:
        """Make arguments from a mapping; what is missing has its default, what is unknown is passed over."""
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """Return all arguments, the token too."""
        return dataclasses.asdict(self)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _described(value: object) -> str:
    return f"{value!r} (type: {type(value).__name__})"
