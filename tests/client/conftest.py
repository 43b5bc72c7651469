from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_lmms_eval.client import EvalClient
from tests.client.speaking_server import SpeakingServer


@pytest.fixture(autouse=True)
def _nothing_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    for name in ("LMMS_EVAL_SERVER", "LMMS_EVAL_TOKEN", "LMMS_EVAL_SERVER_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[SpeakingServer]:
    with SpeakingServer() as running:
        yield running


@pytest.fixture
def client(server: SpeakingServer) -> Iterator[EvalClient]:
    with EvalClient(server.url, token=server.token) as connected:
        yield connected
