"""Real kernels, as a notebook has them."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from jupyter_lmms_eval import EvalClient
from jupyter_lmms_eval.discovery import running_servers
from jupyter_lmms_eval.protocol.server import ServerRecord
from tests.conftest import alone
from tests.tasks import Gated, write_gated_task

LOAD = "%load_ext jupyter_lmms_eval"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="package", autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with alone(tmp_path_factory.mktemp("runtime")):
        yield


@dataclass
class Ran:
    """What a cell did."""

    status: str
    text: str
    printed: str
    errors: str
    html: str
    error: str
    messages: list[dict[str, Any]] = field(repr=False)


@dataclass
class Kernel:
    manager: KernelManager
    client: BlockingKernelClient
    _heard: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.process.pid)

    def run(self, code: str, timeout: float = 60, cell_id: str | None = None) -> Ran:
        """Run a cell and return what it showed."""
        return self.finish(self.submit(code, cell_id), timeout)

    def submit(self, code: str, cell_id: str | None = None) -> str:
        """Send a cell, without waiting for its end."""
        message = self.client.session.msg("execute_request", _execution(code))
        if cell_id is not None:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def begun(self, message: str, timeout: float = 60) -> None:
        """Wait until a cell has printed something; `finish` tells of it, too."""
        self._hear(message, lambda got: got["msg_type"] == "stream", time.monotonic() + timeout)

    def finish(self, message: str, timeout: float = 60) -> Ran:
        """Wait for the end of a cell."""
        deadline = time.monotonic() + timeout
        self._hear(message, lambda got: got["content"].get("execution_state") == "idle", deadline)
        heard = self._heard.pop(message)
        while True:
            reply = self.client.get_shell_msg(timeout=max(0.01, deadline - time.monotonic()))
            if reply["parent_header"]["msg_id"] == message:
                break
        return _ran(reply["content"], heard)

    def _hear(self, message: str, enough: Callable[[dict[str, Any]], Any], deadline: float) -> None:
        """Listen to what a cell shows, until something is among it."""
        while True:
            got = self.client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
            if got["parent_header"].get("msg_id") == message:
                self._heard.setdefault(message, []).append(got)
                if enough(got):
                    return

    def complete(self, code: str) -> list[str]:
        reply = self.client.complete(code, len(code), reply=True, timeout=30)
        return list(reply["content"]["matches"])


def _execution(code: str) -> dict[str, Any]:
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,
    }


def _ran(reply: dict[str, Any], heard: list[dict[str, Any]]) -> Ran:
    shown = [one["content"]["data"] for one in heard if one["msg_type"] in ("execute_result", "display_data")]

    def stream(name: str) -> str:
        parts = [one["content"] for one in heard if one["msg_type"] == "stream"]
        return _ANSI.sub("", "".join(part["text"] for part in parts if part["name"] == name))

    error = f"{reply.get('ename')}: {reply.get('evalue')}" if reply["status"] == "error" else ""
    return Ran(
        status=reply["status"],
        text="\n".join(data.get("text/plain", "") for data in shown),
        printed=stream("stdout"),
        errors=stream("stderr"),
        html="\n".join(data.get("text/html", "") for data in shown),
        error=error,
        messages=heard,
    )


OLD_KERNEL = os.environ.get("LMMS_EVAL_TEST_OLD_KERNEL")


@contextmanager
def run_kernel(folder: Path, name: str = "python3") -> Iterator[Kernel]:
    """Start a kernel in a folder and end it."""
    manager, client = start_new_kernel(kernel_name=name, cwd=str(folder))
    # On a machine with much to do, a kernel that takes leave needs longer than Jupyter usually gives it.
    usual, manager.shutdown_wait_time = manager.shutdown_wait_time, 60.0
    kernel = Kernel(manager, client)
    try:
        yield kernel
    finally:
        client.stop_channels()
        if manager.is_alive():
            manager.shutdown_wait_time = usual
            manager.shutdown_kernel(now=False)
        manager.cleanup_resources()


@pytest.fixture
def start_kernel(tmp_path: Path) -> Iterator[Callable[[], Kernel]]:
    """Start kernels that end with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(run_kernel(tmp_path))


@pytest.fixture
def old_kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of the oldest supported ipykernel, with the extension."""
    if OLD_KERNEL is None:
        pytest.skip("no Python with ipykernel 6 is named by LMMS_EVAL_TEST_OLD_KERNEL")
    folder = Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels" / "old"
    folder.mkdir(parents=True, exist_ok=True)
    argv = [OLD_KERNEL, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "old", "language": "python"}))
    with run_kernel(tmp_path, "old") as started:
        assert started.run(LOAD).status == "ok"
        yield started


@pytest.fixture
def kernel(start_kernel: Callable[[], Kernel]) -> Kernel:
    """A kernel with the extension."""
    started = start_kernel()
    assert started.run(LOAD).status == "ok"
    return started


def start_line(state_dir: Path, *more: str) -> str:
    """The magic that starts a server with the demonstration's tasks."""
    from jupyter_lmms_eval.demo.catalog import TASKS_DIR

    words = ["--port 0", f"--state-dir {state_dir}", f"--include-path {TASKS_DIR}", *more]
    return f"%lmms_eval_server start {' '.join(words)}"


def server_of(kernel: Kernel) -> ServerRecord | None:
    """The server that lives in a kernel."""
    return next((one.record for one in running_servers() if one.record.pid == kernel.pid), None)


def client_of(kernel: Kernel) -> EvalClient:
    record = server_of(kernel)
    assert record is not None
    return EvalClient(record.url, token=record.token, timeout=30)


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    return write_gated_task(tmp_path / "tasks")
