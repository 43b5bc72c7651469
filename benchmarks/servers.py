"""Servers to be measured: ours, and lmms-eval's own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psutil

from jupyter_lmms_eval.demo.catalog import TASKS_DIR

from . import machine
from .overlay import make_overlay
from .wire import Line

TOKEN = "benchmark"
_START_SECONDS = 120


class Side(Enum):
    """Whose server."""

    OURS = "jupyter_lmms_eval.launch_server"
    THEIRS = "lmms_eval.launch_server"


def sides(number: int) -> tuple[Side, Side]:
    """Both, in turns the one and the other first: a machine that gets busier favours neither."""
    return (Side.OURS, Side.THEIRS) if number % 2 == 0 else (Side.THEIRS, Side.OURS)


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Parameters
    ----------
    side
        Whose it is.
    url
        Its address, with the token.
    seconds_to_start
        From the start of its process to the first answer of /health.
    process
        Its process.
    """

    side: Side
    url: str
    seconds_to_start: float
    process: psutil.Process

    def settle(self, patience: float = 60) -> float:
        """Wait until it and its processes compute no more; gives the seconds that took."""
        began = time.perf_counter()
        while time.perf_counter() - began < patience:
            before = self._used()
            time.sleep(1)
            if self._used() - before < 0.05:
                break
        return time.perf_counter() - began - 1

    def _used(self) -> float:
        total = 0.0
        for process in [self.process, *self.process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:2])
        return total


class Servers:
    """Starts servers, one after the other, all in the same circumstances.

    Parameters
    ----------
    folder
        Where everything lies that they write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._overlay = make_overlay(folder / "overlay")
        self._warm = False

    def environment(self, side: Side) -> dict[str, str]:
        """Environment of a side's processes; the same but for the tasks' way to lmms-eval's."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(machine.cores()))
        environment |= threads | {
            "LMMS_EVAL_TOKEN": TOKEN,
            "HF_HOME": str(self.folder / "huggingface"),
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "JUPYTER_DATA_DIR": str(self.folder / "jupyter_data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "jupyter_runtime"),
        }
        if side is Side.THEIRS:
            environment["PYTHONPATH"] = str(self._overlay)
        return environment

    def warm_up(self) -> None:
        """Let lmms-eval read data and packages once, so that no side is the first on a cold disk."""
        if self._warm:
            return
        for side in Side:
            self.command_line(
                side, ["--model", "dummy", "--tasks", "digits_read,numbers_read", "--limit", "1"]
            ).check_returncode()
        self._warm = True

    def command_line(self, side: Side, *arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Run ``python -m lmms_eval``: with the task folder given, or as lmms-eval's server runs it."""
        given = [word for words in arguments for word in words]
        include = ["--include_path", str(TASKS_DIR)] if side is Side.OURS else []
        return subprocess.run(
            [sys.executable, "-m", "lmms_eval", *given, *include],
            cwd=self.folder,
            env=self.environment(side),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    @contextmanager
    def serving(
        self, side: Side, *, state_dir: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        """Start a server, and end it.

        Parameters
        ----------
        side
            Whose.
        state_dir
            Where ours keeps its jobs; None: a new folder.
        environment
            Variables beside those of `environment`.
        """
        port = free_port()
        command = [sys.executable, "-m", side.value, "--host", "127.0.0.1", "--port", str(port)]
        state = state_dir or Path(tempfile.mkdtemp(prefix="state_", dir=self.folder))
        if side is Side.OURS:
            command += ["--state-dir", str(state), "--include-path", str(TASKS_DIR)]
        url = f"http://any:{TOKEN}@127.0.0.1:{port}"
        with (self.folder / f"{side.name.lower()}.log").open("ab") as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment(side), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield Server(side, url, _healthy_after(url, process, began), psutil.Process(process.pid))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            if state_dir is None:
                shutil.rmtree(state, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy_after(url: str, process: subprocess.Popen[bytes], began: float) -> float:
    while True:
        try:
            with Line(url, timeout=5) as line:
                line.ask("/health")
            return time.perf_counter() - began
        except OSError:
            if process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                raise SystemExit(f"the server did not start: {process.args!r}") from None
            time.sleep(0.005)
