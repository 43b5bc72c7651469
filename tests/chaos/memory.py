"""What the harness knows from the outside: what it asked, what it was promised, what went wrong in its sight."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from .plan import Planned


@dataclass
class Memory:
    """Shared by the threads of a run; every change goes through a method.

    Attributes
    ----------
    planned
        The jobs whose submission was begun, by key.
    ids
        The jobs that the answers to submissions named, by key.
    created
        How often an answer said that it made the job, by key.
    cancels
        The modes of the cancellations that were asked for, by job.
    aborted
        Jobs whose cancellation with ``abort`` was confirmed.
    garbage
        How often a job's journal was soiled.
    half_sent
        Keys that were never sent wholly so far.
    incidents
        What must not happen and was seen to happen.
    faults
        How often each fault was caused.
    seconds
        Measured durations, by name.
    server_errors
        Answers that blamed the server.
    """

    planned: dict[str, Planned] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    created: Counter[str] = field(default_factory=Counter)
    cancels: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    aborted: set[str] = field(default_factory=set)
    garbage: Counter[str] = field(default_factory=Counter)
    half_sent: set[str] = field(default_factory=set)
    incidents: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    server_errors: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begun(self, job: Planned) -> None:
        """A job's submission is begun."""
        with self._lock:
            self.planned[job.key] = job

    def half(self, key: str) -> None:
        """A part of a submission was sent."""
        with self._lock:
            if key not in self.ids:
                self.half_sent.add(key)

    def whole(self, key: str) -> None:
        """A whole submission was sent, whether or not it is answered."""
        with self._lock:
            self.half_sent.discard(key)

    def answered(self, key: str, job_id: str, *, created: bool) -> None:
        """A submission was accepted."""
        with self._lock:
            if key in self.half_sent and not created:
                self.incidents.append(f"half a submission with the key {key} made job {job_id}")
            self.half_sent.discard(key)
            self.ids[key].add(job_id)
            self.created[key] += created

    def cancelling(self, job_id: str, mode: str) -> None:
        """A cancellation is about to be sent."""
        with self._lock:
            self.cancels[job_id].append(mode)

    def confirmed(self, job_id: str) -> None:
        """A cancellation with ``abort`` was confirmed."""
        with self._lock:
            self.aborted.add(job_id)

    def soiled(self, job_dir: str) -> None:
        """Garbage was appended to a journal."""
        with self._lock:
            self.garbage[job_dir] += 1

    def incident(self, text: str) -> None:
        """Something happened that must not happen."""
        with self._lock:
            self.incidents.append(text)

    def server_error(self, text: str) -> None:
        """An answer blamed the server."""
        with self._lock:
            self.server_errors.append(text)

    def took(self, what: str, seconds: float) -> None:
        """Something was measured."""
        with self._lock:
            self.seconds[what].append(seconds)

    def caused(self, fault: str) -> None:
        """A fault was caused."""
        with self._lock:
            self.faults[fault] += 1

    @property
    def accepted(self) -> int:
        """How many keys were answered with a job."""
        with self._lock:
            return len(self.ids)

    @property
    def faults_caused(self) -> int:
        """How many faults there were."""
        with self._lock:
            return sum(self.faults.values())

    @property
    def known(self) -> dict[str, str]:
        """The key of each job that is known."""
        with self._lock:
            return {job_id: key for key, ids in self.ids.items() for job_id in ids}
