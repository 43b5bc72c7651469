"""Real servers for the tests, each found and ended by what was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from jupyter_lmms_eval import EvalClient
from jupyter_lmms_eval.discovery.records import read_records
from jupyter_lmms_eval.protocol.server import ServerRecord

# No test reaches a network; datasets and hubs must not even try.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}

# For servers that evaluate little or nothing: their template would import lmms-eval for seconds, and for nobody.
IMPORTS_NOTHING = "--fresh-processes"

# On a machine with much to do an example takes longer than usual, and that says nothing of the code.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    record: ServerRecord
    state_dir: Path
    log: Path
    client: EvalClient = field(repr=False)

    @property
    def url(self) -> str:
        return self.record.url

    @property
    def token(self) -> str:
        return self.record.token

    @property
    def url_with_token(self) -> str:
        """The address as lmms-eval's own client is given it."""
        return self.url.replace("http://", f"http://any:{self.token}@")

    def end(self, number: int = signal.SIGINT, patience: float = 40) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=patience)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin first: none is left running alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def _own_core(worker_id: str) -> None:
    """Keep each of several test processes on a core of its own: evaluations count the cores they may use."""
    number = worker_id.removeprefix("gw")
    if number.isdigit() and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(number) % len(cores)]})


@pytest.fixture(scope="session", autouse=True)
def _private_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep records, data and caches of the tests away from those of the person who runs them."""
    root = tmp_path_factory.mktemp("jupyter")
    changes = {
        **OFFLINE,
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "IPYTHONDIR": str(root / "ipython"),
        "HF_HOME": str(root / "hf"),
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let discovery see only the servers that are started within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
        yield


@contextmanager
def run_server(state_dir: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """Start a server and end it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / "server.log"
    command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", "--port", "0", "--state-dir", str(state_dir)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *arguments], stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        record = _record_of(process, log)
        with EvalClient(record.url, token=record.token) as client:
            yield Server(process, record, state_dir, log, client)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _record_of(process: subprocess.Popen[bytes], log: Path) -> ServerRecord:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        for record in read_records():
            if record.pid == process.pid:
                return record
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {log.read_text()}")


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test; each call takes `run_server`'s arguments."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(*arguments: str, state_dir: Path | None = None, **environment: str) -> Server:
            return stack.enter_context(run_server(state_dir or tmp_path / "state", *arguments, **environment))

        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the demonstration's tasks, for all tests that leave no trace in it."""
    from jupyter_lmms_eval.demo.catalog import TASKS_DIR

    # A model that stayed in memory would have a device when another server of the tests wants it.
    arguments = "--include-path", str(TASKS_DIR), "--cpu-slots", "2", "--keep-models", "0"
    with run_server(tmp_path_factory.mktemp("server"), *arguments) as running:
        running.client.list_tasks()
        yield running


def eventually(check: Callable[[], Any], patience: float = 90, every: float = 0.05) -> Any:
    """Wait until something holds and return it."""
    deadline = time.monotonic() + patience
    while True:
        if found := check():
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
