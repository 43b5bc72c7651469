"""How long /health takes while the list of tasks is built for the first time: ours and lmms-eval's own server.

Both run on this machine in the same minutes, alternating; ratios hold when the machine's speed drifts.

    python benchmarks/health_under_catalog.py [--runs 3]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass

import httpx
from servers import OURS, THEIRS, serving


@dataclass
class Measured:
    """One run of one server; seconds."""

    start: float
    tasks_first: float
    tasks_second: float
    health_worst: float
    health_median: float


def measure(module: str, *arguments: str) -> Measured:
    with serving(module, *arguments) as (url, start), httpx.Client(timeout=180) as client:
        times: list[float] = []
        built = threading.Event()

        def probe() -> None:
            with httpx.Client(timeout=180) as other:
                while not built.is_set():
                    began = time.perf_counter()
                    other.get(f"{url}/health").raise_for_status()
                    times.append(time.perf_counter() - began)
                    time.sleep(0.01)

        prober = threading.Thread(target=probe)
        prober.start()
        spans = []
        for _ in range(2):
            began = time.perf_counter()
            assert len(client.get(f"{url}/tasks").json()["tasks"]) > 1000
            spans.append(time.perf_counter() - began)
            built.set()
        prober.join()
        return Measured(start, spans[0], spans[1], max(times), statistics.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    ours: list[Measured] = []
    theirs: list[Measured] = []
    for _ in range(runs):
        state = tempfile.mkdtemp(prefix="lmms_eval_bench_")
        ours.append(measure(OURS, "--state-dir", state))
        shutil.rmtree(state)
        theirs.append(measure(THEIRS))
    print(f"{'milliseconds, median of ' + str(runs) + ' (min-max)':<44}{'ours':>24}{'lmms-eval':>28}{'ratio':>8}")
    for name, field in (
        ("start until /health answers", "start"),
        ("/tasks, first time", "tasks_first"),
        ("/tasks, second time", "tasks_second"),
        ("/health meanwhile, slowest", "health_worst"),
        ("/health meanwhile, median", "health_median"),
    ):
        mine = sorted(getattr(run, field) * 1000 for run in ours)
        other = sorted(getattr(run, field) * 1000 for run in theirs)
        ratio = statistics.median(other) / statistics.median(mine)
        spans = [f"{statistics.median(all_):,.1f} ({all_[0]:,.1f}-{all_[-1]:,.1f})" for all_ in (mine, other)]
        print(f"{name:<44}{spans[0]:>24}{spans[1]:>28}{ratio:>7.1f}x")


if __name__ == "__main__":
    main()
