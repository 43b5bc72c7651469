"""Submissions per second while an evaluation is under way; ours are on disk when they are answered."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from jupyter_lmms_eval.engine.clock import now
from jupyter_lmms_eval.engine.store import Arrival, JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus

from ..effort import Effort
from ..figures import Figure, Target
from ..servers import Server, Servers, Side, sides
from ..stub import answering
from ..wire import Line, drive, request_bytes

CASE = "submitting"
_HOURS = 3600.0
WAITING: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}, "tasks": ["digits_read"], "limit": 8}


_CLIENTS = (1, 32)
_DURABLE = "Ours are on disk, flushed, when they are answered; those of lmms-eval's own server in memory only."
_ALONE = "By the store alone, without a server, in the same folder."


def by_next_to_nothing(server: Server, clients: int, count: int) -> float:
    """Submissions per second by a client that costs next to nothing: the server's own limit."""
    return drive(server.url, request_bytes(server.url, "/evaluate", method="POST", body=WAITING), clients, count)


def by_httpx(server: Server, clients: int, count: int) -> float:
    """Submissions per second by httpx, with which both packages' clients are made: mostly its own cost."""

    async def submit_all() -> float:
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:

            async def submit(times: int) -> None:
                for _ in range(times):
                    (await client.post("/evaluate", json=WAITING)).raise_for_status()

            began = time.perf_counter()
            await asyncio.gather(*(submit(count // clients) for _ in range(clients)))
            return count // clients * clients / (time.perf_counter() - began)

    return asyncio.run(submit_all())


_WAYS: Mapping[str, Callable[[Server, int, int], float]] = {"": by_next_to_nothing, " with httpx": by_httpx}


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    asked = [(way, clients) for way in _WAYS for clients in _CLIENTS]
    rates: dict[tuple[Side, str, int], list[float]] = {(side, *how): [] for side in Side for how in asked}
    parts: dict[str, list[float]] = {}
    for number in range(effort.rounds):
        for side in sides(number):
            with occupied(servers, side) as server:
                for way, clients in asked:
                    rates[side, way, clients].append(_WAYS[way](server, clients, effort.submissions))
                if side is Side.OURS:
                    answers = drive(server.url, request_bytes(server.url, "/health"), 1, effort.submissions)
                    whole = 1000 / rates[side, "", 1][-1]
                    for part, taken in _parts(servers.folder, whole, 1000 / answers).items():
                        parts.setdefault(part, []).append(taken)
    return [
        Figure(
            CASE,
            f"submissions, {clients} client{'s' if clients > 1 else ''}{way}",
            "1/s",
            rates[Side.OURS, way, clients],
            rates[Side.THEIRS, way, clients],
            target=Target(faster=1),
            note=_DURABLE,
            drawn=not way,
        )
        for way, clients in asked
    ] + [
        Figure(CASE, f"of a submission of 1 client: {part}", "ms", taken, note=_ALONE if part in _STORED else "")
        for part, taken in parts.items()
    ]


_STORED = ("its flushed transaction", "its folder and card")
_STORED_ALONE = 300


def _parts(folder: Path, whole: float, answering: float) -> dict[str, float]:
    """Divide what a submission takes into what nothing can save, and the rest; milliseconds.

    Parameters
    ----------
    folder
        Where the servers store their jobs too.
    whole
        What a submission takes.
    answering
        What the server takes to answer anything.
    """
    request = EvaluateRequest.model_validate(WAITING)
    transactions: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        store = JobStore(Path(place) / "jobs.sqlite")
        for _ in range(_STORED_ALONE):
            job_id = str(uuid.uuid4())
            job_dir = str(Path(place) / job_id)
            info = JobInfo(job_id=job_id, status=JobStatus.QUEUED, created_at=now(), request=request, job_dir=job_dir)
            began = time.perf_counter()
            store.add_group([Arrival(info)])
            transactions.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        store.write_cards()
        card = (time.perf_counter() - began) * 1000 / _STORED_ALONE
        store.close()
    transaction = statistics.median(transactions)
    known = {"an answer at all (GET /health)": answering, _STORED[0]: transaction, _STORED[1]: card}
    return known | {"all else": whole - sum(known.values())}


@contextmanager
def occupied(servers: Servers, side: Side) -> Iterator[Server]:
    """A server whose only place is taken by an evaluation that waits for an endpoint and computes nothing."""
    with answering(servers.folder, latency=_HOURS, at_once=1) as address, servers.serving(side) as server:
        request = {
            "model": "async_openai",
            "model_args": {"base_url": address, "api_key": "none", "model": "stub", "num_cpus": 1},
            "tasks": ["digits_read"],
            "limit": 1,
        }
        with Line(server.url) as line:
            line.ask("/evaluate", method="POST", body=request)
        # Both import now; what is measured shall not be that.
        server.settle()
        yield server
