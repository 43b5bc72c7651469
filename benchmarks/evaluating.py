"""Evaluations on a server, and when they got how far; what lmms-eval's own server takes, ours takes too."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_lmms_eval.demo.catalog import MODELS

from .servers import Server, Servers, Side
from .wire import Line

QWEN, LLAVA = MODELS["tiny_qwen2_5_vl"], MODELS["tiny_llava"]
# What is asked of one job is known to a hundredth of its duration, without asking all the time.
_PRECISION = 0.01
_SHORTEST_SLEEP = 0.002
_ANSWERED = re.compile(rb"Model Responding:[^\r\n]*\| *[1-9]\d*/\d+")


@dataclass(frozen=True)
class Evaluated:
    """A completed job; seconds since it was accepted.

    Parameters
    ----------
    first_sample
        When the first answer of the model could be seen; when it was completed, if not before.
    completed
        When it was completed.
    answering
        How long the model answered; nothing where the server does not tell.
    scores
        Exact match by task.
    """

    first_sample: float
    completed: float
    answering: float | None
    scores: dict[str, float]


def request_for(model: Any, *, tasks: Iterable[str] = ("digits_read",), **options: Any) -> dict[str, Any]:
    """A request for one of the demonstration's models, in the words that both servers know."""
    return {"model": model.model, "model_args": dict(model.model_args), "tasks": list(tasks), **options}


def evaluate(servers: Servers, server: Server, request: dict[str, Any], *, only_end: bool = False) -> Evaluated:
    """Submit a job and wait until it is completed.

    Parameters
    ----------
    servers, server
        Where.
    request
        The job.
    only_end
        Whether nobody wants to know of its first sample. Ours is then asked once, and answers when it is over, as for
        its own client; lmms-eval's has to be asked again and again.

    Raises
    ------
    RuntimeError
        If it ends in another way.
    """
    output = Path(tempfile.mkdtemp(prefix="output_", dir=servers.folder))
    # lmms-eval's server tells of no samples; its job's log does, and lies where the request says.
    placed = request | {"output_dir": str(output)} if server.side is Side.THEIRS else request
    with Line(server.url) as line:
        job_id = line.ask("/evaluate", method="POST", body=placed).json()["job_id"]
        began = time.perf_counter()
        first_sample, status = 0.0, "queued"
        while True:
            wait = f"?while={status}&wait=60" if only_end and server.side is Side.OURS else ""
            job = line.ask(f"/jobs/{job_id}{wait}").json()
            status = job["status"]
            passed = time.perf_counter() - began
            if not first_sample and (_samples_answered(job, output) or job["status"] == "completed"):
                first_sample = passed
            if job["status"] == "completed":
                break
            if job["status"] not in ("queued", "running"):
                raise RuntimeError(f"a job of {server.side.name.lower()} is {job['status']}: {job['error']}")
            if not wait:
                time.sleep(max(_SHORTEST_SLEEP, passed * _PRECISION))
        answering = None
        if server.side is Side.OURS:
            answering = float(line.ask(f"/jobs/{job_id}/results").json()["timings"]["answering"])
    return Evaluated(first_sample, passed, answering, _scores(job))


def _samples_answered(job: dict[str, Any], output: Path) -> bool:
    progress = job.get("progress")
    if progress is not None:
        return bool(progress["samples_done"])
    return any(_ANSWERED.search(log.read_bytes()) for log in output.glob("eval-*.log"))


def _scores(job: dict[str, Any]) -> dict[str, float]:
    (result,) = job["result"].values()
    return scores_in(Path(result["results"]))


def scores_in(results: Path) -> dict[str, float]:
    """Exact match by task, of a results file."""
    tasks = json.loads(results.read_text())["results"]
    return {task: float(scores["exact_match,none"]) for task, scores in tasks.items() if "exact_match,none" in scores}


def require_same(scores: Iterable[dict[str, float]]) -> None:
    """Refuse to compare times of evaluations that did not compute the same.

    Raises
    ------
    RuntimeError
        If a score differs.
    """
    first, *others = scores
    for other in others:
        if other != first or not first:
            raise RuntimeError(f"what was to be compared computed different scores: {first} and {other}")
