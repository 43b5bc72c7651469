"""What asking costs: ours with many stored jobs, and lmms-eval's own server with the few that it keeps.

Requests go over kept connections from a client that does next to nothing, one after the other, so that milliseconds
are the server's. Both servers run on this machine in the same minutes; ratios hold when the machine's speed drifts.
Submissions are of a job that computes nothing; while they are measured both servers evaluate the first of them.

    python benchmarks/polling.py [--stored 10000 100000] [--requests 1000]
"""

from __future__ import annotations

import argparse
import base64
import gzip
import http.client
import json
import math
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from servers import OURS, THEIRS, TOKEN, serving

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.engine.job_card import JobCard
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus, Metric, Progress

WAITING = 200
AUTHORIZATION = "Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode()
JOB: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}, "limit": 8}
# lmms-eval's server takes no task folders, but paths of definitions.
OUR_TASK, THEIR_TASK = "digits_read", str(TASKS_DIR / "digits_read.yaml")


@dataclass
class Measured:
    """What was measured of one server; milliseconds and bytes by title."""

    times: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    submits: dict[str, float] = field(default_factory=dict)
    start: float = 0.0
    memory: int = 0


class Connection:
    """A kept connection that counts the bytes of an answer."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port, timeout=120)

    def ask(self, path: str, headers: dict[str, str], method: str = "GET", body: Any = None) -> tuple[Any, bytes, int]:
        given = {"Authorization": AUTHORIZATION, "Content-Type": "application/json", **headers}
        self._connection.request(method, path, body and json.dumps(body), given)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:300]!r}")
        head = sum(len(name) + len(value) + 4 for name, value in response.getheaders())
        status = len(f"HTTP/1.1 {response.status} {response.reason}\r\n\r\n")
        return response, content, status + head + len(content)


def seeded(jobs: int) -> Iterator[JobCard]:
    """Jobs of earlier days, and at the end some that wait for more devices than there are."""
    metrics = [Metric(task="digits_read", metric="exact_match", value=0.9, stderr=0.01, samples=450)]
    progress = Progress(phase="done", samples_done=450, samples_total=450)
    for number in range(1, jobs + 1):
        waits = number > jobs - WAITING
        info = JobInfo(
            job_id=f"00000000-0000-4000-8000-{number:012}",
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


def seed(state_dir: Path, jobs: int) -> None:
    state = StateDir(state_dir)
    store = JobStore(state.database)
    store.restore(seeded(jobs))
    store.close()
    state.close()


def time_requests(url: str, path: str, count: int, headers: dict[str, str] | None = None) -> tuple[list[float], int]:
    """Ask one after the other; gives milliseconds, and bytes of the last answer."""
    connection, times, size = Connection(url), [], 0
    for number in range(count + 20):
        began = time.perf_counter()
        _, _, size = connection.ask(path, headers or {})
        if number >= 20:
            times.append((time.perf_counter() - began) * 1000)
    return times, size


def submits_per_second(url: str, task: str, clients: int, each: int) -> float:
    def submit() -> None:
        connection = Connection(url)
        for _ in range(each):
            connection.ask("/evaluate", {}, "POST", JOB | {"tasks": [task]})

    threads = [threading.Thread(target=submit) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients * each / (time.perf_counter() - began)


def server_of(url: str) -> psutil.Process:
    port = f"{urlsplit(url).port}"
    return next(process for process in psutil.Process().children() if port in process.cmdline())


def settle(url: str, patience: float = 20) -> None:
    """Wait until a server that has just started imports no more, or half of what is measured is that."""
    server, deadline = server_of(url), time.monotonic() + patience

    def used() -> float:
        total = 0.0
        for process in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:2])
        return total

    while time.monotonic() < deadline:
        before = used()
        time.sleep(1)
        if used() - before < 0.05:
            return


def measure(url: str, paths: dict[str, str], requests: int, *, tags: bool, submits: int) -> Measured:
    found = Measured()
    for title, path in paths.items():
        found.times[title], found.sizes[title] = time_requests(url, path, requests)
    if tags:
        connection = Connection(url)
        for path in ("/jobs", "/queue", "/tasks", paths["GET /jobs/{id}"]):
            response, content, _ = connection.ask(path, {})
            known = {"If-None-Match": response.headers["ETag"]}
            name = "/jobs/{id}" if path.startswith("/jobs/") else path
            title = f"GET {name}, unchanged (304)"
            found.times[title], found.sizes[title] = time_requests(url, path, requests, known)
            _, packed, _ = connection.ask(path, {"Accept-Encoding": "gzip"})
            if packed[:2] == b"\x1f\x8b":
                assert len(gzip.decompress(packed)) == len(content)
                found.sizes[f"GET {name}, compressed"] = len(packed)
    found.memory = server_of(url).memory_info().rss
    task = OUR_TASK if tags else THEIR_TASK
    found.submits["1 client"] = submits_per_second(url, task, 1, submits)
    found.submits["32 clients"] = submits_per_second(url, task, 32, max(1, submits // 8))
    return found


def quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def ours(stored: int, requests: int, submits: int) -> Measured:
    state = Path(tempfile.mkdtemp(prefix="lmms_eval_bench_"))
    try:
        seed(state, stored)
        with serving(OURS, "--state-dir", str(state), "--include-path", str(TASKS_DIR)) as (url, start):
            Connection(url).ask("/tasks", {})
            settle(url)
            paths = {
                "GET /jobs/{id}": f"/jobs/00000000-0000-4000-8000-{stored // 2:012}",
                "GET /jobs/{id}, one that waits": f"/jobs/00000000-0000-4000-8000-{stored - 5:012}",
                "GET /jobs, 50": "/jobs",
                "GET /jobs, 50 from the middle": f"/jobs?cursor={stored // 2}",
                "GET /jobs, 50 failed of a model": "/jobs?status=failed&model=model_3",
                "GET /jobs, 50 of a task": "/jobs?task=task_7",
                "GET /jobs?since=": f"/jobs?since={10**9}",
                "GET /queue": "/queue",
            }
            found = measure(url, paths, requests, tags=True, submits=submits)
            found.start = start
            return found
    finally:
        shutil.rmtree(state)


def theirs(requests: int, submits: int) -> Measured:
    with serving(THEIRS) as (url, start):
        _, content, _ = Connection(url).ask("/evaluate", {}, "POST", JOB | {"tasks": [THEIR_TASK]})
        paths = {"GET /jobs/{id}": f"/jobs/{json.loads(content)['job_id']}", "GET /queue": "/queue"}
        found = measure(url, paths, requests, tags=False, submits=submits)
        found.start = start
        return found


def report(columns: dict[str, Measured], other: Measured) -> None:
    names = list(columns)
    print(f"{'milliseconds: median / 99th percentile':<46}" + "".join(f"{name:>22}" for name in names), end="")
    print(f"{'lmms-eval':>18}{'ratio of medians':>18}")
    for title in columns[names[0]].times:
        line = f"{title:<46}"
        for name in names:
            times = columns[name].times[title]
            line += f"{statistics.median(times):>13.2f} / {quantile(times, 0.99):<6.2f}"
        if title in other.times:
            times = other.times[title]
            ratio = statistics.median(times) / statistics.median(columns[names[0]].times[title])
            line += f"{statistics.median(times):>10.2f} / {quantile(times, 0.99):<5.2f}{ratio:>17.1f}x"
        print(line)
    print("\nbytes of an answer, head included")
    for title in columns[names[0]].sizes:
        sizes = [columns[name].sizes.get(title) for name in names]
        print(f"{title:<46}" + "".join(f"{'' if size is None else f'{size:,}':>22}" for size in sizes))
    print("\nsubmissions per second (ours: on disk when they are answered)")
    for title in columns[names[0]].submits:
        values = [columns[name].submits[title] for name in names]
        line = f"{title:<46}" + "".join(f"{value:>22.0f}" for value in values)
        print(line + f"{other.submits[title]:>18.0f}{values[0] / other.submits[title]:>17.2f}x")
    for title, pick in (
        ("start until /health answers (s)", lambda found: f"{found.start:.2f}"),
        ("resident memory (MB)", lambda found: f"{found.memory / 1e6:.0f}"),
    ):
        line = f"{title:<46}" + "".join(f"{pick(columns[name]):>22}" for name in names)
        print(line + f"{pick(other):>18}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, nargs="+", default=[10_000, 100_000], help="jobs stored before the start")
    parser.add_argument("--requests", type=int, default=1000, help="requests of each kind")
    parser.add_argument("--submits", type=int, default=100, help="submissions of one client")
    arguments = parser.parse_args()
    other = theirs(arguments.requests, arguments.submits)
    columns = {
        f"ours, {stored:,} stored": ours(stored, arguments.requests, arguments.submits) for stored in arguments.stored
    }
    print(f"{os.cpu_count()} CPU cores, load {os.getloadavg()[0]:.1f}\n")
    report(columns, other)


if __name__ == "__main__":
    main()
