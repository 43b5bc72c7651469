"""A server that evaluates a model which can get into trouble, and the traces that this leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import Server, eventually

PLUGIN = Path(__file__).parent / "plugin"
TASK = "digits_read"


@dataclass
class Place:
    """Where servers work whose evaluations get into trouble.

    Attributes
    ----------
    root
        Everything lies in it.
    start
        Starts a server on its state directory; arguments are those of the command line.
    """

    root: Path
    start_server: Callable[..., Server]

    def start(self, *arguments: str, state_dir: Path | None = None, **environment: str) -> Server:
        return self.start_server(
            "--include-path",
            str(TASKS_DIR),
            *arguments,
            state_dir=state_dir or self.root / "state",
            **{"PYTHONPATH": str(PLUGIN), "LMMS_EVAL_PLUGINS": "troubled_model", **environment},
        )

    @property
    def asked_file(self) -> Path:
        return self.root / "asked.jsonl"

    def request(self, limit: int = 40, delay: float = 0.05, **more: Any) -> dict[str, Any]:
        """A request for the troubled model; what is not an argument of a request is one of the model."""
        fields = {name: more.pop(name) for name in ("num_gpus", "device", "timeout", "batch_size") if name in more}
        arguments = {"asked": str(self.asked_file), "delay": delay, **more}
        return {"model": "troubled", "model_args": arguments, "tasks": [TASK], "limit": limit, **fields}

    def asked(self) -> Counter[int]:
        """How often each sample was really asked."""
        if not self.asked_file.exists():
            return Counter()
        return Counter(json.loads(line)["doc_id"] for line in self.asked_file.read_text().splitlines())


@pytest.fixture
def place(tmp_path: Path, start_server: Callable[..., Server]) -> Place:
    return Place(tmp_path, start_server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    eventually(lambda: subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0)


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte; removing the file makes room again."""
    file = disk / "ballast"
    with file.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue
    return file


def processes_of(job: dict[str, Any]) -> list[psutil.Process]:
    """The processes that evaluate a job."""
    found = []
    for process in psutil.process_iter():
        try:
            if job["job_dir"] in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def supervisor_of(job: dict[str, Any]) -> psutil.Process:
    """The top process of an evaluation."""
    return next(process for process in processes_of(job) if "jupyter_lmms_eval.runner" in process.cmdline())


def ranks_of(job: dict[str, Any]) -> list[psutil.Process]:
    """The processes under it, which evaluate."""
    return [process for process in processes_of(job) if "jupyter_lmms_eval.runner" not in process.cmdline()]


def answering(server: Server, job_id: str, least: int = 5) -> dict[str, Any]:
    """Wait until a job has answered some samples."""

    def look() -> Any:
        job = server.client.get_job(job_id)
        assert job["status"] in ("queued", "running"), (job["status"], job["error"])
        done = (job["progress"] or {}).get("samples_done", 0)
        return least <= done and job

    job: dict[str, Any] = eventually(look, patience=60)
    return job


def finished(server: Server, job_id: str) -> dict[str, Any]:
    """Wait until a job is over."""

    def look() -> Any:
        job = server.client.get_job(job_id)
        return job["status"] not in ("queued", "running") and job

    job: dict[str, Any] = eventually(look, patience=120)
    return job


def samples(job: dict[str, Any]) -> dict[int, str]:
    """The answers in the final results; each sample must be there once."""
    (files,) = job["result"].values()
    answers: dict[int, str] = {}
    for path in files["samples"]:
        for line in Path(path).read_text().splitlines():
            sample = json.loads(line)
            assert sample["doc_id"] not in answers, "a sample twice"
            answers[sample["doc_id"]] = sample["filtered_resps"]
    return answers


def right_answers(limit: int) -> dict[int, str]:
    """What the troubled model answers, if it is asked."""
    return {doc_id: str(doc_id) for doc_id in range(limit)}


def kill(server: Server) -> None:
    """Kill a server as `kill -9` does."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def gone(job: dict[str, Any], patience: float = 8) -> None:
    """Wait until no process evaluates a job any more."""
    eventually(lambda: not processes_of(job), patience=patience)


def chunk_lost(asked: Counter[int], limit: int, chunks: int = 1) -> bool:
    """Whether at most so many chunks were asked again: about two seconds of answers each."""
    again = sum(asked.values()) - limit
    return set(asked) == set(range(limit)) and again <= chunks * int(2.5 / 0.05)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process group."""
    os.killpg(pid, number)
