"""Submissions per second while an evaluation is under way; ours are on disk when they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

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
    for number in range(effort.rounds):
        for side in sides(number):
            with occupied(servers, side) as server:
                for way, clients in asked:
                    rates[side, way, clients].append(_WAYS[way](server, clients, effort.submissions))
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
    ]


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
