"""One chaos run: clients that submit, faults that strike, and the judgement afterwards."""

from __future__ import annotations

import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import httpx

from jupyter_lmms_eval.engine.device_locks import DeviceLocks
from jupyter_lmms_eval.engine.errors import StateDirTaken
from jupyter_lmms_eval.engine.state_dir import StateDir

from .evidence import Evidence, Scores, gather, run_in_peace
from .faults import FAULTS, Fault, Scene, name_of
from .folders import Folders
from .keeper import Keeper
from .memory import Memory
from .plan import SHAPES, Planned, Shape, plan
from .processes import describe, processes_of
from .report import Report, report
from .rest import PATIENCE_SECONDS, NoAnswer

_CLIENTS = 3
# Waiting jobs that clients leave: submissions go on for as long as faults do.
_BACKLOG = 8
_POLL_SECONDS = 0.5
_TELL_SECONDS = 15.0


@dataclass(frozen=True)
class Settings:
    """How a run goes.

    Attributes
    ----------
    jobs
        How many are submitted.
    seed
        Of every random choice.
    minutes
        Afterwards nothing is submitted and no fault is caused any more.
    drain_minutes
        What was accepted has so long to come to its end then.
    pause
        Shortest and longest time between faults.
    most_faults
        Bound for their number; none: as many as the time allows.
    faults
        Which, and how often each comes against the others.
    shapes
        Kinds of jobs.
    """

    jobs: int
    seed: int = 1
    minutes: float = 20.0
    drain_minutes: float = 15.0
    pause: tuple[float, float] = (2.0, 10.0)
    most_faults: int | None = None
    faults: Mapping[Fault, int] = field(default_factory=lambda: FAULTS)
    shapes: Sequence[Shape] = SHAPES


class ChaosRun:
    """A run.

    Parameters
    ----------
    settings
        How it goes.
    folders
        Where it lives.
    tell
        Receives a line about every step.
    """

    def __init__(self, settings: Settings, folders: Folders, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._folders = folders
        self._tell = tell
        self._memory = Memory()
        self._dice = random.Random(settings.seed)
        self._waiting: queue.SimpleQueue[Planned] = queue.SimpleQueue()
        self._room = threading.Event()
        self._no_more = threading.Event()
        self._bag: list[Fault] = []
        self._told_at = 0.0

    def run(self) -> Report:
        """Run to the end, and judge."""
        began = time.monotonic()
        reference = self._reference()
        self._folders.make()
        for job in plan(self._settings.jobs, self._settings.seed, self._settings.shapes):
            self._waiting.put(job)
        keeper = Keeper(self._folders, self._memory)
        try:
            keeper.start()
            self._torment(keeper)
            self._submit_what_was_begun(keeper)
            self._drain(keeper)
            evidence = gather(keeper.rest, self._memory, self._folders, reference)
            keeper.stop()
        finally:
            self._no_more.set()
            keeper.close()
        self._look_at_what_is_left(evidence)
        return report(evidence, time.monotonic() - began)

    def _reference(self) -> dict[str, Scores]:
        """Run one job of each shape on a server of its own that nobody disturbs."""
        self._tell("running each kind of job in peace")
        folders, calm = Folders(self._folders.root / "peace"), Memory()
        folders.make()
        keeper = Keeper(folders, calm)
        try:
            keeper.start()
            reference = run_in_peace(keeper.rest, self._settings.shapes, folders.asked)
            keeper.stop()
        finally:
            keeper.close()
        self._memory.incidents += calm.incidents
        return reference

    # ------------------------------------------------------------------------------------------- the run

    def _torment(self, keeper: Keeper) -> None:
        """Submit jobs and cause faults, until all jobs are over or the time is."""
        clients = [threading.Thread(target=self._submit_forever, args=(keeper,), daemon=True) for _ in range(_CLIENTS)]
        for client in clients:
            client.start()
        scene = Scene(
            folders=self._folders,
            keeper=keeper,
            memory=self._memory,
            dice=self._dice,
            another=self._another,
            give_back=self._waiting.put,
            most_cancelled=max(2, self._settings.jobs // 8),
        )
        deadline = time.monotonic() + self._settings.minutes * 60
        next_fault = time.monotonic() + self._pause()
        while time.monotonic() < deadline:
            left = self._unfinished(keeper)
            if left == 0 and self._memory.accepted == self._settings.jobs:
                break
            (self._room.set if left < _BACKLOG else self._room.clear)()
            if time.monotonic() >= next_fault and self._may_cause_more():
                self._cause_one(scene)
                next_fault = time.monotonic() + self._pause()
            time.sleep(_POLL_SECONDS)
        self._no_more.set()
        for client in clients:
            client.join(2 * PATIENCE_SECONDS)

    def _submit_forever(self, keeper: Keeper) -> None:
        """Submit one job after the other, as long as not too many wait."""
        while not self._no_more.is_set():
            if self._room.wait(_POLL_SECONDS) and (job := self._another()) is not None:
                self._submit(keeper, job)
            self._no_more.wait(_POLL_SECONDS)

    def _submit(self, keeper: Keeper, job: Planned) -> None:
        self._memory.begun(job)
        try:
            answer = keeper.rest.submit(job.key, job.request(self._folders.asked))
        except (NoAnswer, httpx.HTTPStatusError) as error:
            self._memory.incident(f"{job.key} could not be submitted: {error}")
        else:
            self._memory.answered(job.key, answer["job_id"], created=answer["created"])

    def _submit_what_was_begun(self, keeper: Keeper) -> None:
        """Submit what clients gave up in the middle; what was never begun is left out when the time is over."""
        while (job := self._another()) is not None:
            if job.key in self._memory.planned:
                self._submit(keeper, job)

    def _another(self) -> Planned | None:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None

    def _drain(self, keeper: Keeper) -> None:
        """Leave the server in peace until all jobs are over."""
        deadline = time.monotonic() + self._settings.drain_minutes * 60
        while self._unfinished(keeper) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _unfinished(self, keeper: Keeper) -> int:
        """Count the jobs that wait or run; on the way, note a server that died by itself."""
        keeper.restart_if_dead()
        found = keeper.rest.get("/queue")
        left = int(found["queue_size"]) + len(found["running_jobs"])
        if time.monotonic() - self._told_at > _TELL_SECONDS:
            self._told_at = time.monotonic()
            over = found["completed_jobs"] + found["failed_jobs"]
            self._tell(f"{self._memory.accepted} jobs accepted, {left} unfinished, {over} completed or failed")
        return left

    # ------------------------------------------------------------------------------------------- faults

    def _may_cause_more(self) -> bool:
        most = self._settings.most_faults
        return most is None or self._memory.faults_caused < most

    def _pause(self) -> float:
        return self._dice.uniform(*self._settings.pause)

    def _cause_one(self, scene: Scene) -> None:
        """Cause the next fault that there is something to cause to; each comes before any comes too often."""
        for fault in self._bag + self._new_bag():
            told = fault(scene)
            if told is None:
                continue
            if fault in self._bag:
                self._bag.remove(fault)
            else:  # there is nothing to do the rest of the bag to
                self._bag = self._new_bag()
            self._memory.caused(name_of(fault))
            self._tell(f"fault {self._memory.faults_caused}: {name_of(fault)} ({told})")
            return

    def _new_bag(self) -> list[Fault]:
        bag = [fault for fault, count in self._settings.faults.items() for _ in range(count)]
        self._dice.shuffle(bag)
        return bag

    # ------------------------------------------------------------------------------------------- the end

    def _look_at_what_is_left(self, evidence: Evidence) -> None:
        folders = self._folders
        evidence.processes = [describe(process) for process in processes_of(folders.root)]
        names = [path.name for path in folders.device_locks.iterdir()]
        evidence.devices = DeviceLocks(folders.device_locks, dict(zip(names, names, strict=True))).foreign(())
        try:
            StateDir(folders.state).close()
        except StateDirTaken as error:
            evidence.state_dir = str(error)
        with closing(sqlite3.connect(folders.state / "jobs.sqlite")) as database:
            (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        evidence.database = "" if verdict == "ok" else f"the database: {verdict}"
