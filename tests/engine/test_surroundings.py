"""What is outside a server and keeps its jobs waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_lmms_eval.engine import gpus, surroundings
from jupyter_lmms_eval.engine.devices import Devices
from jupyter_lmms_eval.engine.surroundings import Surroundings

from .driver import Driver, Gpu


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """A machine with two GPUs, on one of which a notebook computes."""
    driver = Driver(Gpu("GPU-a"), Gpu("GPU-b", used=60, processes=[(2**22 + 5, 59)]))
    monkeypatch.setattr(gpus, "_open_nvml", lambda: (driver, None))
    monkeypatch.setattr(surroundings, "device_locks_folder", lambda: tmp_path / "locks")
    return Surroundings(Devices(1, {}), tmp_path, 0)


def test_a_crowded_gpu_is_not_a_blocked_one(around: Surroundings) -> None:
    seen = around.look(())
    assert seen.blocked == {}
    assert list(seen.crowded) == ["cuda:1"]
    assert around.look({"cuda:1"}).crowded == {}


def test_a_gpu_that_failed_a_job_gets_none_for_a_while(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    around.avoid(["cuda:0"], "No CUDA GPUs are available")
    words = "cuda:0 failed a job (No CUDA GPUs are available) and is tried again later"
    assert around.look(()).blocked == {"cuda:0": words}
    # It is tried again.
    monkeypatch.setattr(surroundings, "AVOIDING_SECONDS", -1)
    around.avoid(["cuda:0", "cpu:0"], "the same")
    assert around.look(()).blocked == {}
