"""A server that evaluates a model which can get into trouble, and the traces that this leaves."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import Server, eventually
from tests.disks import mounted
from tests.processes import GONE, processes_of

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
    """A disk of 48 MiB and a thousand files."""
    with mounted(tmp_path / "disk", "48m", files=1000) as folder:
        yield folder


def use_all_names(disk: Path) -> list[Path]:
    """Make empty files until a disk takes no more; there is room left, but not for another file."""
    made = []
    with suppress(OSError):
        while True:
            file = disk / f"empty-{len(made)}"
            file.touch()
            made.append(file)
    return made


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


def gone(job: dict[str, Any]) -> None:
    """Wait until no process evaluates a job any more."""
    eventually(lambda: not processes_of(job), patience=GONE)


def evaluating(server: Server) -> list[psutil.Process]:
    """The processes of a server that evaluate, or wait with a model in memory."""
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            words = " ".join(process.cmdline()).split()
            if {"jupyter_lmms_eval.runner", "jupyter_lmms_eval.runner.rank"} & set(words):
                found.append(process)
    return found


def hang(server: Server) -> None:
    """Let a process that waits with a model in memory, and its supervisor, end only if they are made to."""
    waiting = eventually(lambda: len(found := evaluating(server)) == 2 and found)
    for process in waiting:
        process.suspend()


def chunk_lost(asked: Counter[int], limit: int, chunks: int = 1) -> bool:
    """Whether at most so many chunks were asked again: about two seconds of answers each."""
    again = sum(asked.values()) - limit
    return set(asked) == set(range(limit)) and again <= chunks * int(2.5 / 0.05)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process group."""
    os.killpg(pid, number)
