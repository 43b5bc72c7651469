"""What matters on a GPU: when the model answers first, and how long the GPU waits. Never run where it was written."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_lmms_eval.engine.gpus import open_gpus

from ..effort import Effort
from ..evaluating import QWEN, Evaluated, evaluate
from ..figures import Figure
from ..servers import Server, Servers, Side, sides

if TYPE_CHECKING:
    from typing_extensions import Self

CASE = "gpu"
_INTERVAL = 0.05
_NOTE = "On a GPU; the way this is measured has not been verified."


def with_model(path: Path | None) -> Callable[[Servers, Effort], list[Figure]]:
    """The case for a checkpoint; None: the demonstration's own."""
    arguments: dict[str, Any] = {"device": "cuda", "device_map": "cuda"}
    if path is None:
        arguments = {**QWEN.model_args, **arguments}
    else:
        arguments["pretrained"] = str(path)
    request = {
        "model": QWEN.model,
        "model_args": arguments,
        "tasks": ["digits_read"],
        "limit": 64,
        "batch_size": 16,
        "num_gpus": 1,
    }
    return lambda servers, effort: _measure(servers, effort, request)


def _measure(servers: Servers, effort: Effort, request: dict[str, Any]) -> list[Figure]:
    first: dict[Side, list[float]] = {side: [] for side in Side}
    idle: dict[Side, list[float]] = {side: [] for side in Side}
    packed: dict[Side, list[float]] = {side: [] for side in Side}
    for number in range(effort.rounds):
        for side in sides(number):
            with servers.serving(side) as server:
                first[side].append(evaluate(servers, server, request).first_sample)
                with _Watch() as watch:
                    for _ in range(2):
                        evaluate(servers, server, request)
                idle[side].append(watch.idle_percent)
                packed[side].append(_two_at_once(servers, server, request))
    return [
        Figure(CASE, title, unit, found[Side.OURS], found[Side.THEIRS], note=_NOTE)
        for title, unit, found in (
            ("first job on a GPU: until its first sample", "s", first),
            ("two jobs in a row: share of the time the GPU is idle", "%", idle),
            ("two jobs submitted together, until both are completed", "s", packed),
        )
    ]


def _two_at_once(servers: Servers, server: Server, request: dict[str, Any]) -> float:
    done: list[Evaluated] = []
    threads = [threading.Thread(target=lambda: done.append(evaluate(servers, server, request))) for _ in range(2)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) != len(threads):
        raise RuntimeError("one of two jobs submitted together failed")
    return time.perf_counter() - began


class _Watch:
    """How busy the first GPU that may be used is, asked twenty times a second."""

    def __init__(self) -> None:
        self._loads: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def idle_percent(self) -> float:
        return 100 * statistics.mean(load == 0 for load in self._loads)

    def _watch(self) -> None:
        gpus, indices, _ = open_gpus(os.environ)
        while not self._over.wait(_INTERVAL):
            self._loads.append(gpus.busy(indices[0]) or 0.0)
        gpus.close()
