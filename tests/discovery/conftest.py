from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.protocol.server import ServerRecord


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter" / "runtime"))
    for name in ("LMMS_EVAL_SERVER", "LMMS_EVAL_TOKEN", "LMMS_EVAL_SERVER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "jupyter" / "runtime"


@pytest.fixture
def start_process() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "100"]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def make_record() -> Callable[..., ServerRecord]:
    def make(server_id: str, pid: int, **changes: Any) -> ServerRecord:
        fields = {
            "id": server_id,
            "pid": pid,
            "create_time": psutil.Process(pid).create_time(),
            "host": "127.0.0.1",
            "port": 9,
            "url": "http://127.0.0.1:9",
            "token": "secret",
            "state_dir": "/nowhere",
            "started_at": "2026-11-22T10:00:00+00:00",
            "version": "0",
        }
        return ServerRecord.model_validate(fields | changes)

    return make
