"""The arguments of a server, checked when they are made."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Of a token that other machines may try; a random one has 48.
SHORTEST_TOKEN = 16


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
        Secret that every request must carry, of ASCII only. None: a random one is made. An empty one lets
        everybody in, which is refused on any address that other machines reach.
    include_paths
        Task folders that join the catalog and that jobs may use.
    cpu_slots
        Evaluations that may run on the CPU at once.
    allowed_hosts
        Names, beyond those of this machine, by which clients may address the server.
    allow_merge
        Whether /merge may be used. It unpickles the checkpoint, that is: runs code in it.
    allow_remote_code
        Whether a request may set ``trust_remote_code``, which runs code that comes with a checkpoint.
    tls_certificate, tls_key
        Files, in PEM, of a certificate with its chain and of its key, which may be in the same file: the server then
        speaks HTTPS only.
    max_queued_jobs
        Jobs that may wait; no more are taken.
    max_stored_gb
        Gigabytes that the directories of all jobs may take; beyond, no job is taken, and none is removed. 0: as much
        as the disk has.
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
    allow_remote_code: bool = False
    tls_certificate: str | None = None
    tls_key: str | None = None
    max_queued_jobs: int = 10_000
    max_stored_gb: float = 0.0
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
        for name in ("tls_certificate", "tls_key", "token", "state_dir"):
            if not isinstance(value := getattr(self, name), str | None):
                raise ValueError(f"{name} must be a string, got {_described(value) if name != 'token' else 'another'}")
        if self.token is not None:
            self._check_token(self.token)

    def _check_token(self, token: str) -> None:
        if not (token.isascii() and token.isprintable() and token == token.strip()):
            raise ValueError("token must be of ASCII letters, digits and signs: a header carries no others")
        if is_loopback(self.host):
            return
        others = f"Host {self.host!r} is reached by other machines, and whoever submits a job runs code here"
        if not token:
            raise ValueError(f"{others}: keep the token, or listen on localhost")
        if len(token) < SHORTEST_TOKEN:
            raise ValueError(
                f"{others}: a token of {len(token)} characters can be guessed; take {SHORTEST_TOKEN} or more, or none "
                "for a random one"
            )

    def _check_numbers(self) -> None:
        for name, least in (
            ("max_completed_jobs", 1),
            ("cpu_slots", 1),
            ("crash_retries", 0),
            ("max_queued_jobs", 1),
        ):
            value = getattr(self, name)
            if not _is_int(value) or value < least:
                what = "a positive integer" if least else "zero or a positive integer"
                raise ValueError(f"{name} must be {what}, got {_described(value)}")
        for name in ("stall_factor", "stall_seconds"):
            value = getattr(self, name)
            if not _is_number(value) or value <= 0:
                raise ValueError(f"{name} must be a positive number, got {_described(value)}")
        for name in ("keep_models", "max_stored_gb"):
            value = getattr(self, name)
            if not _is_number(value) or value < 0:
                raise ValueError(f"{name} must be zero or a positive number, got {_described(value)}")
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
