"""Answering in chunks, as our runner does, against handing the model everything at once, as lmms-eval does.

One process loads a model and has it answer everything, in turns with and without chunks (`benchmarks.chunks`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_lmms_eval.demo.catalog import TASKS_DIR

from ..effort import Effort
from ..evaluating import QWEN
from ..figures import Figure, Target
from ..servers import Servers, Side
from ..stub import answering

CASE = "chunks"
_TASKS = ["digits_read", "numbers_read"]
_AT_ONCE = 8
_LATENCY = 0.05


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    servers.warm_up()
    found = _both_ways(servers, effort, QWEN.model, dict(QWEN.model_args), 16, computes=True)
    figures = [_figure("batches of 16", found)]
    with answering(servers.folder, latency=_LATENCY, at_once=_AT_ONCE) as address:
        for model, width in (("async_openai", "num_cpus"), ("openai", "num_concurrent")):
            arguments = {"base_url": address, "api_key": "none", "model": "stub", width: _AT_ONCE, "timeout": 60}
            found = _both_ways(servers, effort, model, arguments, 1, computes=False)
            figures.append(_figure(f"{model}, {_AT_ONCE} at once", found))
    return figures


def _figure(title: str, found: dict[str, list[float]]) -> Figure:
    note = "Samples per second while the model answers; chunks are what progress, cancelling and resuming rest on."
    if repeated := max(found["chunked_repeated"]):
        note += f" {title}: {repeated:.0f} requests had to be sent again."
    return Figure(
        CASE,
        f"750 samples in chunks: {title}",
        "1/s",
        found["chunked"],
        found["whole"],
        compared_with="all at once",
        target=Target(within=0.02),
        note=note,
        paired=True,
    )


def _both_ways(
    servers: Servers, effort: Effort, model: str, arguments: dict[str, Any], batch_size: int, *, computes: bool
) -> dict[str, list[float]]:
    """What `benchmarks.chunks` finds of a model that computes, or of one that asks a service."""
    told = {
        "model": model,
        "model_args": arguments,
        "batch_size": batch_size,
        "computes": computes,
        "tasks": _TASKS,
        "include_path": str(TASKS_DIR),
        "repeats": effort.repeats,
        "folder": tempfile.mkdtemp(prefix="chunks_", dir=servers.folder),
    }
    answer = Path(str(told["folder"])) / "found.json"
    environment = {**servers.environment(Side.OURS), "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with (servers.folder / "chunks.log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.chunks", json.dumps(told), str(answer)],
            env=environment,
            cwd=servers.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
    found: dict[str, list[float]] = json.loads(answer.read_text())
    return found
