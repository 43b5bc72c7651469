"""How long a page of a job's samples takes, of many."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jupyter_lmms_eval.engine.job_card import JobCard
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus, Metric

from ..effort import Effort
from ..figures import Figure, Target, quantile
from ..servers import Server, Servers, Side
from ..wire import probing, request_bytes, time_requests

CASE = "samples"
_JOB = "00000000-0000-4000-8000-000000000001"
_TASK = "digits_read"
_PAGE = 50
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "in", "this", "chart", "number", "which")
# What is asked, and the most that it may take (ms).
_ASKED: dict[str, tuple[dict[str, Any], float]] = {
    "the first page, of a file that nobody looked at": ({}, 1000.0),
    "later pages": ({"offset": 0.7}, 200.0),
    "wrong ones only": ({"filter": "wrong", "offset": 0.2}, 200.0),
    "a rare word, for the first time": ({"q": "needle"}, 1000.0),
    "a rare word, the next page": ({"q": "needle"}, 200.0),
    "a word that is everywhere, for the first time": ({"q": "o"}, 2000.0),
    "a word that is everywhere, the next page": ({"q": "o", "offset": 0.5}, 200.0),
}


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    found: dict[str, list[float]] = {}
    kept_waiting: list[float] = []
    for _ in range(effort.rounds):
        state = Path(tempfile.mkdtemp(prefix="state_", dir=servers.folder))
        _seed(state, effort.stored)
        with servers.serving(Side.OURS, state_dir=state) as server:
            server.settle()
            kept_waiting.append(_measure(server, effort, found))
        shutil.rmtree(state)
    figures = [
        Figure(CASE, f"{_PAGE} of {effort.stored:,} samples, {title}", "ms", found[title], target=Target(most=most))
        for title, (_, most) in _ASKED.items()
    ]
    longest = f"longest answer of GET /health while {effort.stored:,} samples are looked at for the first time"
    return [*figures, Figure(CASE, longest, "ms", kept_waiting, target=Target(most=200))]


def _measure(server: Server, effort: Effort, found: dict[str, list[float]]) -> float:
    """Ask for all kinds of pages; gives the longest that the server kept others waiting meanwhile (ms)."""
    with probing(server.url, "/health") as others:
        for title, (asked, _) in _ASKED.items():
            given = {"limit": _PAGE, **asked}
            given["offset"] = int(given.get("offset", 0) * effort.stored)
            path = f"/jobs/{_JOB}/samples?{urlencode(given)}"
            once = "first" in title
            times, answer = time_requests(
                server.url, request_bytes(server.url, path), 1 if once else 20, warm_up=0 if once else 2
            )
            if not answer.json()["samples"]:
                raise RuntimeError(f"samples are missing: {title}")
            found.setdefault(title, []).append(times[0] if once else quantile(times, 0.5))
    return max(others)


def _lines(samples: int) -> Iterator[str]:
    """Samples as lmms-eval writes them, with questions and answers of some sentences."""
    chance = random.Random(20261123)
    for number in range(samples):
        answer = " ".join(chance.choices(_WORDS, k=40))
        line = {
            "doc_id": number,
            "target": str(number % 10),
            "resps": [answer],
            "filtered_resps": answer[:8],
            "token_counts": [{"output_tokens": 40}],
            "doc_hash": f"{number:064x}",
            "exact_match": float(chance.random() < 0.6),
            "input": " ".join(chance.choices(_WORDS, k=40)) + (" needle" if number % 1000 == 0 else ""),
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _seed(folder: Path, samples: int) -> None:
    state = StateDir(folder)
    job_dir = state.jobs / "finished"
    output = job_dir / "output" / "attempt-1" / "dummy"
    output.mkdir(parents=True)
    path = output / f"20261123_000000_samples_{_TASK}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(samples))
    info = JobInfo(
        job_id=_JOB,
        status=JobStatus.COMPLETED,
        created_at="2026-11-22T10:00:00.000+00:00",
        completed_at="2026-11-22T10:10:00.000+00:00",
        request=EvaluateRequest(model="dummy", tasks=[_TASK]),
        result={"dummy": {"results": str(output / "20261123_000000_results.json"), "samples": [str(path)]}},
        metrics=[Metric(task=_TASK, metric="exact_match", value=0.6, samples=samples)],
        attempt=1,
        revision=1,
        job_dir=str(job_dir),
    )
    store = JobStore(state.database)
    store.restore([JobCard(seq=1, info=info)])
    store.close()
    state.close()
