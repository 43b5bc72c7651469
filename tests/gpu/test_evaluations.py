"""Evaluations on an NVIDIA GPU: which one, how much of it, and that it is given back."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR
from jupyter_lmms_eval.engine.devices import Devices
from tests.conftest import Server, eventually
from tests.tasks import write_task

from .conftest import stranger

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.evaluation,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Devices().has_gpu, reason="no NVIDIA GPU on this machine"),
]
Start = Callable[..., Server]
MIB = 2**20


def request(**more: Any) -> dict[str, Any]:
    """The demonstration's model, which finds its device by itself."""
    model = MODELS["tiny_qwen2_5_vl"]
    arguments = {name: value for name, value in model.model_args.items() if name not in ("device", "device_map")}
    wanted = {"model": model.model, "model_args": arguments, "tasks": ["digits_read"], "batch_size": model.batch_size}
    return wanted | more


def over(server: Server, **wanted: Any) -> dict[str, Any]:
    """Evaluate, and wait for the end."""
    job_id = server.client.evaluate(**request(**wanted))["job_id"]
    job: dict[str, Any] = eventually(lambda: ended(server.client.get_job(job_id)), patience=300, every=0.2)
    return job


def ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["status"] not in ("queued", "running") else None


def answers(job: dict[str, Any]) -> list[str]:
    (files,) = job["result"].values()
    lines = [line for path in files["samples"] for line in Path(path).read_text().splitlines()]
    return [str(json.loads(line)["filtered_resps"]) for line in lines]


def used(devices: Devices, gpu: str) -> int:
    """Bytes of a GPU's memory in use, by anyone."""
    (found,) = [device.memory_used for device in devices.read() if device.id == gpu]
    assert found is not None
    return found


@pytest.mark.parametrize("device", [None, "cuda", "auto", "gpu"])
def test_however_a_gpu_is_asked_for(start_server: Start, gpu: str, device: str | None) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    job = over(server, device=device, limit=64)
    assert (job["status"], job["devices"]) == ("completed", [gpu]), job["error"]
    assert job["metrics"][0]["value"] > 0.9
    assert all(each["job_id"] is None for each in server.client.devices())


def test_a_model_stays_and_its_memory_is_given_back_when_it_is_freed(
    start_server: Start, devices: Devices, gpu: str
) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    first, second = over(server, limit=64), over(server, limit=64)
    assert [job["attempts"][-1]["start"] for job in (first, second)] == ["fresh", "warm"]
    assert answers(first) == answers(second)
    kept = used(devices, gpu)
    assert server.client.free() == [gpu]
    eventually(lambda: used(devices, gpu) < kept - 100 * MIB)


def test_two_jobs_that_say_how_much_they_need_share_a_gpu(start_server: Start, tmp_path: Path, gpu: str) -> None:
    gate = tmp_path / "gate"
    folder = write_task(tmp_path / "own", "own_task", gate=gate)
    server = start_server("--include-path", str(folder))
    wanted = request(tasks=["own_task"], limit=4, gpu_memory=4, device=gpu)
    jobs = [server.client.evaluate(**wanted)["job_id"] for _ in range(2)]

    def both_run() -> bool:
        return all(server.client.get_job(job_id)["status"] == "running" for job_id in jobs)

    eventually(both_run, patience=120)
    assert set(server.client.devices()[0]["job_ids"]) == set(jobs)
    gate.touch()
    for job_id in jobs:
        job = eventually(lambda job_id=job_id: ended(server.client.get_job(job_id)), patience=120)
        assert job["status"] == "completed", job["error"]


def test_more_than_was_asked_for_is_out_of_memory(start_server: Start, gpu: str) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    job = over(server, limit=64, gpu_memory=0.001, device=gpu)
    assert (job["status"], job["failure"]["cause"]) == ("failed", "out_of_memory")
    assert len(job["attempts"]) == 2, "once more with half the batch"


def test_who_needs_little_starts_beside_a_stranger(start_server: Start, gpu: str) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    with stranger(gpu, 0.6):
        waiting = server.client.evaluate(**request(limit=8, device=gpu))["job_id"]
        eventually(lambda: f"GiB of {gpu} are" in server.client.get_job(waiting)["wait_reason"])
        assert over(server, limit=8, gpu_memory=4, device=gpu)["status"] == "completed"
        assert server.client.get_job(waiting)["status"] == "queued"
    assert eventually(lambda: ended(server.client.get_job(waiting)), patience=120)["status"] == "completed"


def test_the_memory_is_back_after_the_server_is_killed(
    start_server: Start, tmp_path: Path, devices: Devices, gpu: str
) -> None:
    before = used(devices, gpu)
    folder = write_task(tmp_path / "own", "own_task", gate=tmp_path / "gate")
    server = start_server("--include-path", str(folder))
    job_id = server.client.evaluate(**request(tasks=["own_task"], limit=4, device=gpu))["job_id"]
    eventually(lambda: (server.client.get_job(job_id)["progress"] or {}).get("phase") == "scoring", patience=120)
    assert used(devices, gpu) > before + 100 * MIB
    server.process.send_signal(signal.SIGKILL)
    eventually(lambda: used(devices, gpu) < before + 100 * MIB)
