"""On a machine with an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR
from jupyter_lmms_eval.engine.devices import Devices
from tests.conftest import Server

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.evaluation,
    pytest.mark.skipif(not Devices().has_gpu, reason="no NVIDIA GPU on this machine"),
]


def test_a_gpu_is_listed_with_its_memory() -> None:
    gpu = next(device for device in Devices().read() if device.kind == "cuda")
    assert gpu.memory_total is not None
    assert gpu.memory_used is not None
    assert 0 < gpu.memory_used < gpu.memory_total


def test_an_evaluation_runs_on_the_gpu_and_gives_it_back(start_server: Callable[..., Server]) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    model = MODELS["tiny_qwen2_5_vl"]
    arguments = {**model.model_args, "device": "cuda:0", "device_map": "cuda:0"}
    job_id = server.client.evaluate(
        model=model.model, model_args=arguments, tasks=["digits_read"], batch_size=model.batch_size
    )["job_id"]
    job = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert job["devices"] == ["cuda:0"]
    assert job["metrics"][0]["value"] > 0.9
    assert all(device["job_id"] is None for device in server.client.devices())
