"""The list of tasks, and how long /health takes while it is built for the first time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..effort import Effort
from ..figures import Figure, Target
from ..servers import Server, Servers, Side, sides
from ..wire import Line, probing

CASE = "catalog"
_LATER = 3


@dataclass(frozen=True)
class _Measured:
    """One run of one server; milliseconds."""

    first: float
    later: list[float]
    health_slowest: float


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    found: dict[Side, list[_Measured]] = {side: [] for side in Side}
    for number in range(effort.rounds):
        for side in sides(number):
            with servers.serving(side) as server:
                found[side].append(_measured(server))
    ours, theirs = found[Side.OURS], found[Side.THEIRS]
    return [
        Figure(
            CASE,
            "/tasks, first time ever",
            "ms",
            [run.first for run in ours],
            [run.first for run in theirs],
            target=Target(faster=5),
        ),
        Figure(
            CASE,
            "/tasks, later",
            "ms",
            [time for run in ours for time in run.later],
            [time for run in theirs for time in run.later],
            target=Target(most=5),
        ),
        Figure(
            CASE,
            "/health meanwhile, the slowest",
            "ms",
            [run.health_slowest for run in ours],
            [run.health_slowest for run in theirs],
            target=Target(most=20),
        ),
    ]


def _measured(server: Server) -> _Measured:
    spans: list[float] = []
    with Line(server.url) as line:

        def ask() -> None:
            began = time.perf_counter()
            if len(line.ask("/tasks").json()["tasks"]) < 1000:
                raise RuntimeError("tasks are missing")
            spans.append((time.perf_counter() - began) * 1000)

        with probing(server.url, "/health") as times:
            ask()
        for _ in range(_LATER):
            ask()
    return _Measured(spans[0], spans[1:], max(times))
