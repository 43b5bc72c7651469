"""On a machine with an NVIDIA GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR
from jupyter_lmms_eval.engine.devices import Devices
from tests.conftest import Server, eventually

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.evaluation,
    pytest.mark.skipif(not Devices().has_gpu, reason="no NVIDIA GPU on this machine"),
]

HOLDS_MEMORY = """
import sys, torch
total = torch.cuda.get_device_properties(0).total_memory
kept = torch.ones(int(total * float(sys.argv[1])), dtype=torch.uint8, device="cuda")
torch.cuda.synchronize()
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def devices() -> Iterator[Devices]:
    devices = Devices()
    yield devices
    devices.close()


@pytest.fixture
def gpu(devices: Devices) -> str:
    """The first GPU, if nobody else fills it."""
    device = devices.ids[0]
    if reason := devices.crowded(device):
        pytest.skip(reason)
    return device


@contextmanager
def stranger(device: str, share: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a share of a GPU's memory."""
    environment = {
        **os.environ,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": device.removeprefix("cuda:"),
    }
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_MEMORY, str(share)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()


def test_a_stranger_who_fills_a_gpu_blocks_it_until_it_is_gone(devices: Devices, gpu: str) -> None:
    with stranger(gpu, 0.6):
        reason = devices.crowded(gpu)
        assert reason is not None
        assert f"GiB of {gpu} are" in reason
    eventually(lambda: devices.crowded(gpu) is None)


def test_a_stranger_who_takes_little_does_not_block(devices: Devices, gpu: str) -> None:
    with stranger(gpu, 0.1):
        assert devices.crowded(gpu) is None


def test_who_computes_on_a_gpu_is_seen_until_it_has_left(devices: Devices, gpu: str) -> None:
    with stranger(gpu, 0.6) as process:
        pids = devices.pids(gpu)
        if pids is None or process.pid not in pids:
            pytest.skip("this machine's driver hides the processes, or numbers them as its host does")
        assert f"pid {process.pid} (python" in str(devices.crowded(gpu))
        assert not devices.used_by_others(gpu, {process.pid})
    eventually(lambda: process.pid not in (devices.pids(gpu) or ()))


def test_a_gpu_is_booked_by_its_uuid_whatever_its_number(devices: Devices, gpu: str) -> None:
    name = devices.uuids[gpu]
    assert name.startswith("GPU-")
    by_uuid = Devices(environment={"CUDA_VISIBLE_DEVICES": name})
    assert by_uuid.uuids[by_uuid.ids[0]] == name
    by_uuid.close()


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
    assert job["devices"] == [Devices().ids[0]]
    assert job["metrics"][0]["value"] > 0.9
    assert all(device["job_id"] is None for device in server.client.devices())
