"""What asking costs while many jobs wait, and with many more that are over."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jupyter_lmms_eval.engine.job_card import JobCard
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus, Metric, Progress

from ..effort import Effort
from ..figures import Figure, Target, quantile
from ..servers import Server, Servers, Side, sides
from ..wire import Answer, Line, drive, request_bytes, time_requests
from .submitting import WAITING, occupied

CASE = "polling"
_WAITING_IN_STORE = 200
_CLIENTS = 32
_MEMORY = (
    "Of the server's own process. Ours holds the details of all tasks and models, and of a job what its row tells "
    "besides the request; what it keeps imported for evaluations is in processes of their own."
)


class _Side:
    """What was measured of one server, by what was asked."""

    def __init__(self) -> None:
        self.median: dict[str, list[float]] = {}
        self.slow: dict[str, list[float]] = {}
        self.sizes: dict[str, list[float]] = {}
        self.memory: list[float] = []
        self.memory_before: list[float] = []

    def ask(self, server: Server, title: str, path: str, count: int, headers: dict[str, str] | None = None) -> Answer:
        times, answer = time_requests(server.url, request_bytes(server.url, path, headers=headers), count)
        self.median.setdefault(title, []).append(statistics.median(times))
        self.slow.setdefault(title, []).append(quantile(times, 0.99))
        self.sizes.setdefault(title, []).append(answer.size)
        return answer


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    waiting = {side: _Side() for side in Side}
    for number in range(effort.rounds):
        for side in sides(number):
            _while_many_wait(servers, side, waiting[side], effort)
    stored = {jobs: _Side() for jobs in (effort.stored // 10, effort.stored)}
    for number in range(effort.rounds):
        for jobs in list(stored)[:: 1 if number % 2 == 0 else -1]:
            _with_stored(servers, jobs, stored[jobs], effort)
    return [*_waiting_figures(waiting[Side.OURS], waiting[Side.THEIRS], effort), *_stored_figures(stored)]


def _while_many_wait(servers: Servers, side: Side, found: _Side, effort: Effort) -> None:
    with occupied(servers, side) as server:
        found.memory_before.append(server.process.memory_info().rss / 1e6)
        submission = request_bytes(server.url, "/evaluate", method="POST", body=WAITING)
        drive(server.url, submission, _CLIENTS, effort.queued)
        with Line(server.url) as line:
            queued = line.ask("/queue").json()["queued_jobs"]
        job = f"/jobs/{queued[len(queued) // 2]}"
        server.settle()
        found.memory.append(server.process.memory_info().rss / 1e6)
        answer = found.ask(server, "job", job, effort.requests)
        found.ask(server, "queue", "/queue", effort.requests // 4)
        if side is Side.OURS:
            found.ask(server, "unchanged", job, effort.requests, {"If-None-Match": answer.headers["etag"]})


def _waiting_figures(ours: _Side, theirs: _Side, effort: Effort) -> list[Figure]:
    jobs = f"with {effort.queued:,} waiting jobs"
    figures = []
    for title, key, most in (("GET /jobs/{id}", "job", (1.5, 4.0)), ("GET /queue", "queue", (1.5, 4.0))):
        for quantity, mine, other, bound in (
            ("median", ours.median, theirs.median, most[0]),
            ("99th percentile", ours.slow, theirs.slow, most[1]),
        ):
            name = f"{title} {jobs}, {quantity}"
            drawn = quantity == "median"
            figures.append(Figure(CASE, name, "ms", mine[key], other[key], target=Target(most=bound), drawn=drawn))
    return [
        *figures,
        Figure(CASE, f"size of GET /queue {jobs}", "bytes", ours.sizes["queue"], theirs.sizes["queue"]),
        Figure(
            CASE,
            "size of GET /jobs/{id}, nothing changed",
            "bytes",
            ours.sizes["unchanged"],
            theirs.sizes["job"],
            target=Target(most=300),
        ),
        Figure(CASE, "GET /jobs/{id}, nothing changed, median", "ms", ours.median["unchanged"], theirs.median["job"]),
        Figure(
            CASE,
            f"memory of the server {jobs}",
            "MB",
            ours.memory,
            theirs.memory,
            target=Target(faster=1),
            note=_MEMORY,
        ),
        Figure(
            CASE,
            "memory of the server before",
            "MB",
            ours.memory_before,
            theirs.memory_before,
            note=_MEMORY,
            drawn=False,
        ),
    ]


def _with_stored(servers: Servers, jobs: int, found: _Side, effort: Effort) -> None:
    state = Path(tempfile.mkdtemp(prefix="state_", dir=servers.folder))
    _seed(state, jobs)
    with servers.serving(Side.OURS, state_dir=state) as server:
        server.settle()
        found.ask(server, "GET /jobs/{id}", f"/jobs/{_job_id(jobs // 2)}", effort.requests)
        found.ask(server, "GET /jobs/{id}, waiting", f"/jobs/{_job_id(jobs - 5)}", effort.requests)
        found.ask(server, "GET /queue", "/queue", effort.requests)
        found.ask(server, "GET /jobs, 50 of them", "/jobs", effort.requests)
        # So many failed of each model in the smaller store too.
        few = "/jobs?status=failed&model=model_3&limit=20"
        found.ask(server, "GET /jobs, 20 failed of a model", few, effort.requests)
    shutil.rmtree(state)


def _stored_figures(stored: dict[int, _Side]) -> list[Figure]:
    (few, fewer), (many, more) = stored.items()
    return [
        Figure(
            CASE,
            f"{title} with {many:,} stored jobs, {quantity}",
            "ms",
            mine[title],
            other[title],
            compared_with=f"ours with {few:,}",
            target=Target(within=0.2),
        )
        for title in more.median
        for quantity, mine, other in (
            ("median", more.median, fewer.median),
            ("99th percentile", more.slow, fewer.slow),
        )
    ]


def _job_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def _seeded(jobs: int) -> Iterator[JobCard]:
    """Jobs of earlier days, and at the end some that wait for more devices than there are."""
    metrics = [Metric(task="digits_read", metric="exact_match", value=0.9, stderr=0.01, samples=450)]
    progress = Progress(phase="done", samples_done=450, samples_total=450)
    for number in range(1, jobs + 1):
        waits = number > jobs - _WAITING_IN_STORE
        info = JobInfo(
            job_id=_job_id(number),
            status=JobStatus.QUEUED if waits else JobStatus.FAILED if number % 50 == 0 else JobStatus.COMPLETED,
            created_at="2026-11-22T10:00:00.000+00:00",
            completed_at=None if waits else "2026-11-22T10:10:00.000+00:00",
            request=EvaluateRequest(
                model=f"model_{number % 7}", tasks=["digits_read", f"task_{number % 300}"], num_gpus=64 if waits else 1
            ),
            metrics=None if waits else metrics,
            progress=None if waits else progress,
            revision=number,
            job_dir=f"/nonexistent/{number}",
        )
        yield JobCard(seq=number, info=info)


def _seed(folder: Path, jobs: int) -> None:
    state = StateDir(folder)
    store = JobStore(state.database)
    store.restore(_seeded(jobs))
    store.close()
    state.close()
