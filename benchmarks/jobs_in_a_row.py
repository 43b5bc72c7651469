"""How long small jobs take, one after the other: ours and lmms-eval's own server.

The demonstration's tiny Qwen2.5-VL and lmms-eval's dummy model read eight digits, in turn. Both servers run on this
machine in the same minutes, alternating; ratios hold when the machine's speed drifts.

    python benchmarks/jobs_in_a_row.py [--rounds 3] [--jobs 6]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from typing import Any

import httpx
from servers import OURS, THEIRS, serving

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR

TINY = MODELS["tiny_qwen2_5_vl"]
DUMMY: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}}
REAL: dict[str, Any] = {
    "model": TINY.model,
    "model_args": dict(TINY.model_args),
    "batch_size": 8,
}


def finished(client: httpx.Client, url: str, request: dict[str, Any]) -> float:
    """Submit a job and return the seconds until it is completed."""
    began = time.perf_counter()
    job_id = client.post(f"{url}/evaluate", json=request).raise_for_status().json()["job_id"]
    while True:
        job = client.get(f"{url}/jobs/{job_id}").raise_for_status().json()
        if job["status"] == "completed":
            return time.perf_counter() - began
        if job["status"] not in ("queued", "running"):
            raise RuntimeError(f"a job is {job['status']}: {job['error']}")
        time.sleep(0.005)


def measure(url: str, jobs: int) -> dict[str, list[float]]:
    # lmms-eval's server takes no task folders, but paths of definitions.
    task = {"tasks": [str(TASKS_DIR / "digits_read.yaml")], "limit": 8}
    with httpx.Client(timeout=300) as client:
        times: dict[str, list[float]] = {"first": [finished(client, url, DUMMY | task)], "dummy": [], "real": []}
        for _ in range(jobs):
            times["dummy"].append(finished(client, url, DUMMY | task))
            times["real"].append(finished(client, url, REAL | task))
        return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="servers of each kind")
    parser.add_argument("--jobs", type=int, default=3, help="jobs of each model on each server, after the first")
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {"ours": {}, "theirs": {}}
    for _ in range(arguments.rounds):
        state = tempfile.mkdtemp(prefix="lmms_eval_bench_")
        with serving(OURS, "--state-dir", state, "--include-path", str(TASKS_DIR)) as (url, _start):
            ours = measure(url, arguments.jobs)
        shutil.rmtree(state)
        with serving(THEIRS) as (url, _start):
            theirs = measure(url, arguments.jobs)
        for kind, times in (("ours", ours), ("theirs", theirs)):
            for name, values in times.items():
                found[kind].setdefault(name, []).extend(values)
    print(f"{'seconds from submission to completed: median (min-max)':<56}{'ours':>22}{'lmms-eval':>24}{'ratio':>8}")
    for name, title in (
        ("first", "first job, submitted as soon as the server is healthy"),
        ("dummy", "later jobs, model that computes nothing"),
        ("real", "later jobs, tiny Qwen2.5-VL"),
    ):
        spans = []
        for kind in ("ours", "theirs"):
            values = sorted(found[kind][name])
            spans.append(f"{statistics.median(values):.2f} ({values[0]:.2f}-{values[-1]:.2f})")
        ratio = statistics.median(found["theirs"][name]) / statistics.median(found["ours"][name])
        print(f"{title:<56}{spans[0]:>22}{spans[1]:>24}{ratio:>7.1f}x")


if __name__ == "__main__":
    main()
