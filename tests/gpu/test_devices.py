"""On a machine with an NVIDIA GPU."""

from __future__ import annotations

import pytest

from jupyter_lmms_eval.engine.devices import Devices
from tests.conftest import eventually

from .conftest import stranger

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not Devices().has_gpu, reason="no NVIDIA GPU on this machine"),
]


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
