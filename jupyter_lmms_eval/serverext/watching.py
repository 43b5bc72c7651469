"""Watch the jobs of all living servers: tell Jupyter's event log of changes, and know whether anything runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from logging import Logger
from typing import Any

from ..discovery.liveness import process_lives
from ..protocol.server import ServerRecord
from . import servers
from .refusal import Refusal
from .upstream import Upstream

SCHEMA_ID = "https://events.jupyter.org/jupyter_lmms_eval/job/v1"

# Seconds. A question is held back by the server for so long if nothing changes; it keeps Jupyter from asking again.
_WAIT = 30.0
_ANSWER_SECONDS = 10.0
# After an answer: a busy job changes ten times a second, and nobody here needs that.
_REST = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
# A server that was not heard of for so long is not known to do anything.
_STALE = 120.0

Emit = Callable[[dict[str, Any]], None]


@dataclass
class Follower:
    """What is known of the jobs of one server.

    Attributes
    ----------
    record
        The server.
    task
        What asks it.
    told
        What was last told of each live job: status, attempt, phase.
    heard
        When it last answered, by a clock that only grows.
    """

    record: ServerRecord
    task: asyncio.Task[None] | None = None
    told: dict[str, tuple[str, int, str | None]] = field(default_factory=dict)
    heard: float = 0.0

    @property
    def running(self) -> int:
        """Jobs that run, as far as is known."""
        if time.monotonic() - self.heard > _STALE:
            return 0
        return sum(status == "running" for status, _, _ in self.told.values())


class JobWatch:
    """Follows every living server from when its record appears until its process ends.

    Parameters
    ----------
    upstream
        The way to the servers.
    emit
        Receives the data of an event for every change.
    active
        Called every few seconds while a job runs.
    interval
        Seconds between two looks at the records.
    log
        Where it is said that a server does not answer.
    """

    def __init__(
        self, upstream: Upstream, emit: Emit, active: Callable[[], None], interval: float, log: Logger
    ) -> None:
        self._upstream = upstream
        self._emit = emit
        self._active = active
        self._interval = interval
        self._log = log
        self._followers: dict[str, Follower] = {}
        self._task: asyncio.Task[None] | None = None
        self._look = asyncio.Event()

    @property
    def running_jobs(self) -> int:
        """Jobs that run on all servers, as far as is known."""
        return sum(follower.running for follower in self._followers.values())

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = self._begin(self._watch())

    def look_now(self) -> None:
        """Look at the records without waiting, as one has just come or gone."""
        self._look.set()

    async def stop(self) -> None:
        """End all that was begun."""
        tasks = [self._task, *(follower.task for follower in self._followers.values())]
        for task in tasks:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._followers.clear()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("lmms-eval: watching the jobs ended", exc_info=error)

    async def _watch(self) -> None:
        while True:
            living = {record.id: record for record in servers.living()}
            for server_id in set(self._followers) - set(living):
                follower = self._followers.pop(server_id)
                if follower.task is not None:
                    follower.task.cancel()
            for server_id in set(living) - set(self._followers):
                follower = self._followers[server_id] = Follower(living[server_id])
                follower.task = self._begin(self._follow(follower))
            if self.running_jobs:
                self._active()
            self._look.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._look.wait(), self._interval)

    async def _follow(self, follower: Follower) -> None:
        record, pause = follower.record, _FIRST_PAUSE
        revision: int | None = None
        while process_lives(record):
            try:
                if revision is None:
                    revision = await self._first(follower)
                else:
                    answer = await self._ask(follower, f"/jobs?since={revision}&wait={_WAIT:g}", _WAIT)
                    for job in answer["jobs"]:
                        self._tell(follower, job)
                    revision = int(answer["revision"])
            except (Refusal, KeyError, TypeError, ValueError) as error:
                # It says nothing for a while: busy, stopped, or of another version.
                self._log.info("lmms-eval: %s; asked again in %g s", error, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
                await asyncio.sleep(_REST)

    async def _first(self, follower: Follower) -> int:
        """Learn what there is already, which is no news."""
        # Those that run are asked for first: a long queue, newest first, would hide them.
        running = await self._ask(follower, "/jobs?status=running&limit=500", 0.0)
        queued = await self._ask(follower, "/jobs?status=queued&limit=500", 0.0)
        for job in [*queued["jobs"], *running["jobs"]]:
            follower.told[str(job["job_id"])] = _state(job)
        return int(running["revision"])

    async def _ask(self, follower: Follower, target: str, held_back: float) -> dict[str, Any]:
        answer = await self._upstream.get_json(follower.record, target, held_back + _ANSWER_SECONDS)
        follower.heard = time.monotonic()
        return answer

    def _tell(self, follower: Follower, job: dict[str, Any]) -> None:
        job_id, state = str(job["job_id"]), _state(job)
        before = follower.told.get(job_id)
        if state == before:
            return
        if state[0] in ("queued", "running"):
            follower.told[job_id] = state
        else:
            follower.told.pop(job_id, None)
        self._emit(event(follower.record.id, job, before[0] if before else None))


def event(server_id: str, job: dict[str, Any], previous: str | None) -> dict[str, Any]:
    """Make the data of an event; nothing of a request that may hold a secret is in it.

    Parameters
    ----------
    server_id
        The server of the job.
    job
        The job as the server lists it.
    previous
        The status that was last told of; None for a new job.
    """
    request, progress = job.get("request") or {}, job.get("progress") or {}
    return {
        "server_id": server_id,
        "job_id": str(job["job_id"]),
        "status": str(job["status"]),
        "previous_status": previous,
        "phase": progress.get("phase"),
        "attempt": int(job.get("attempt") or 0),
        "name": request.get("name"),
        "model": str(request.get("model") or ""),
        "tasks": [str(task) for task in request.get("tasks") or []],
        "samples_done": progress.get("samples_done"),
        "samples_total": progress.get("samples_total"),
        "partial": bool(job.get("partial")),
        "cause": (job.get("failure") or {}).get("cause"),
    }


def _state(job: dict[str, Any]) -> tuple[str, int, str | None]:
    return str(job["status"]), int(job.get("attempt") or 0), (job.get("progress") or {}).get("phase")
