"""`jupyter lmms-eval demo`: the whole way once, on real models and data that come with the package."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from ..client.client import EvalClient
    from ..protocol.server import ServerRecord

START_SECONDS = 30
REFRESH_SECONDS = 0.25


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="Evaluate two tiny real models, without any download",
        description="Start a server on a free port, evaluate a tiny LLaVA and a tiny Qwen2.5-VL on scanned digits, "
        "show the results, and stop. Needs no network and no GPU.",
    )
    parser.add_argument("--limit", type=int, default=None, help="Samples per task; default: all")
    parser.add_argument("--state-dir", default=None, help="Keep the jobs in this folder; default: a temporary one")


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration."""
    from ..client.client import EvalClient
    from ..engine.catalog import require_evaluation_packages
    from ..engine.errors import EvaluationPackagesMissing

    try:
        require_evaluation_packages()
    except EvaluationPackagesMissing as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with contextlib.ExitStack() as stack:
        state_dir = arguments.state_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="lmms_eval_demo_"))
        record = stack.enter_context(_server(Path(state_dir)))
        client = stack.enter_context(EvalClient(record.url, token=record.token))
        return _evaluate(client, record, arguments.limit)


def _evaluate(client: EvalClient, record: ServerRecord, limit: int | None) -> int:
    from rich.console import Console
    from rich.live import Live

    from ..demo.catalog import MODELS
    from .tables import live_table, results_table

    console = Console()
    console.print(f"Evaluation server at {record.url} (pid {record.pid})")
    began = time.monotonic()
    with console.status("Listing lmms-eval's tasks and models ..."):
        known = len(client.list_tasks())
    console.print(f"{known:,} tasks known after {time.monotonic() - began:.1f} s")
    submitted = [
        client.evaluate(
            name=model.title,
            model=model.model,
            model_args=dict(model.model_args),
            tasks=list(model.tasks),
            batch_size=model.batch_size,
            force_simple=model.force_simple,
            limit=limit,
        )["job_id"]
        for model in MODELS.values()
    ]
    jobs = [client.get_job(job_id) for job_id in submitted]
    with Live(live_table(jobs), console=console, auto_refresh=False) as live:
        while any(job["status"] in ("queued", "running") for job in jobs):
            time.sleep(REFRESH_SECONDS)
            jobs = [client.get_job(job_id) for job_id in submitted]
            live.update(live_table(jobs), refresh=True)
    console.print()
    console.print(results_table(jobs))
    for job in jobs:
        if job["status"] != "completed":
            console.print(f"{job['request']['name']}: {job['status']}. {job['error'] or ''}", style="red")
    console.print(f"Done in {time.monotonic() - began:.0f} s, no byte downloaded.")
    return 0 if all(job["status"] == "completed" for job in jobs) else 1


@contextlib.contextmanager
def _server(state_dir: Path) -> Iterator[ServerRecord]:
    """Run a server as its own process, as a user would, and end it."""
    from ..demo.catalog import TASKS_DIR

    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = (state_dir / "server.log").open("ab")
    command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", "--port", "0", "--state-dir", str(state_dir)]
    command += ["--include-path", str(TASKS_DIR), "--cpu-slots", str(min(2, os.cpu_count() or 1))]
    # The token goes by environment: arguments are for everybody on the machine to read.
    environment = {**os.environ, "LMMS_EVAL_TOKEN": secrets.token_urlsafe(32)}
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield _wait_for_record(process, state_dir)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait_for_record(process: subprocess.Popen[Any], state_dir: Path) -> ServerRecord:
    from ..discovery.records import read_records

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for record in read_records():
            if record.pid == process.pid:
                return record
        time.sleep(0.05)
    words = (state_dir / "server.log").read_text(encoding="utf-8", errors="replace").strip()
    raise SystemExit(f"The server did not start: {words.splitlines()[-1] if words else 'it said nothing'}")
