"""What the live table costs while nothing happens and 1,000 jobs are listed.

    python benchmarks/widget_idle.py [--seconds 60] [--jobs 1000]

Starts a server of its own on a state directory with that many finished jobs, watches it with a table as a notebook
would, and prints the processor time of both processes in percent of one core.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil

from jupyter_lmms_eval.client import EvalClient
from jupyter_lmms_eval.discovery.records import read_records
from jupyter_lmms_eval.engine.clock import now
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus, Metric
from jupyter_lmms_eval.widget import JobTable


def fill(folder: Path, count: int) -> None:
    state_dir = StateDir(folder)
    store = JobStore(state_dir.database)
    for number in range(count):
        store.add(
            JobInfo(
                job_id=str(uuid.uuid4()),
                status=JobStatus.COMPLETED,
                created_at=now(),
                started_at=now(),
                completed_at=now(),
                request=EvaluateRequest(model="qwen2_5_vl", tasks=["mme", "mmmu_val"], name=f"step {number}"),
                metrics=[Metric(task="mmmu_val", metric="acc", value=0.5, stderr=0.01)],
                devices=["cuda:0"],
                revision=number + 1,
            )
        )
    store.close()
    state_dir.close()


def start(folder: Path) -> tuple[subprocess.Popen[bytes], EvalClient]:
    command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", "--port", "0", "--state-dir", str(folder)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    while process.poll() is None:
        for record in read_records():
            if record.pid == process.pid:
                return process, EvalClient(record.url, token=record.token)
        time.sleep(0.05)
    raise SystemExit((folder / "server.log").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["JUPYTER_RUNTIME_DIR"] = str(Path(name) / "runtime")
        folder = Path(name) / "state"
        folder.mkdir()
        fill(folder, arguments.jobs)
        process, client = start(folder)
        try:
            client.list_tasks()  # the catalog is built once, and is not the table's cost
            began = time.perf_counter()
            table = JobTable(client)
            print(f"first table of {len(table.rows):,} jobs: {(time.perf_counter() - began) * 1000:.0f} ms")
            time.sleep(3)
            server = psutil.Process(process.pid)
            own, other = time.process_time(), sum(server.cpu_times()[:2])
            time.sleep(arguments.seconds)
            percent = 100 / arguments.seconds
            print(f"table, idle: {(time.process_time() - own) * percent:.2f} % of a core")
            print(f"server, asked by the table: {(sum(server.cpu_times()[:2]) - other) * percent:.2f} % of a core")
            table.close()
            other = sum(server.cpu_times()[:2])
            time.sleep(arguments.seconds)
            print(f"server, left alone: {(sum(server.cpu_times()[:2]) - other) * percent:.2f} % of a core")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


if __name__ == "__main__":
    main()
