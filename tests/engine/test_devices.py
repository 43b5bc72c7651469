"""What evaluations can run on, and whether strangers are in the way."""

from __future__ import annotations

from collections.abc import Callable

import pynvml
import pytest

from jupyter_lmms_eval.engine import gpus as gpus_module
from jupyter_lmms_eval.engine.devices import Devices, crowd
from jupyter_lmms_eval.engine.gpus import GpuMemory, GpuProcess, visible_indices

from .driver import GIB, Driver, Gpu

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
Having = Callable[..., Devices]


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch) -> Having:
    """Devices of a machine with given GPUs; others of the environment may be named."""

    def make(*gpus: Gpu, **environment: str) -> Devices:
        monkeypatch.setattr(gpus_module, "_open_nvml", lambda: (Driver(*gpus), None))
        return Devices(1, environment)

    return make


def memory(used: float, *processes: GpuProcess) -> GpuMemory:
    """A GPU of 80 GiB."""
    return GpuMemory(total=80 * GIB, used=int(used * GIB), processes=processes)


def process(pid: int, gib: float | None, name: str | None = None) -> GpuProcess:
    return GpuProcess(pid, None if gib is None else int(gib * GIB), name)


# ------------------------------------------------------------------------------------------- strangers


def test_a_stranger_who_holds_most_of_a_gpu_is_named() -> None:
    use = memory(61.2, process(4242, 60.7, "python"))
    assert crowd("cuda:0", use, 0.5) == "61.2 of 80.0 GiB of cuda:0 are held by pid 4242 (python)"


def test_a_stranger_who_leaves_enough_is_no_hindrance() -> None:
    use = memory(30, process(4242, 29.5, "python"))
    assert crowd("cuda:0", use, 0.5) is None
    assert crowd("cuda:0", use, 0.9) is not None
    assert crowd("cuda:0", memory(80), 0) is None


def test_memory_of_nobody_known_counts_too() -> None:
    # Inside a container the driver may hide the processes of others.
    assert crowd("cuda:0", memory(61.2), 0.5) == "61.2 of 80.0 GiB of cuda:0 are in use by others"


def test_of_many_strangers_the_largest_are_named() -> None:
    many = [process(pid, pid) for pid in (1, 2, 3, 4, 5)] + [process(77, None)]
    assert crowd("cuda:0", memory(60, *many[3:5]), 0.5) == "60.0 of 80.0 GiB of cuda:0 are held by pid 5 and pid 4"
    reason = crowd("cuda:0", memory(60, *many), 0.5)
    assert reason == "60.0 of 80.0 GiB of cuda:0 are held by pid 5, pid 4, pid 3 and 3 more"


def test_what_our_own_jobs_hold_can_be_shared(having: Having) -> None:
    devices = having(Gpu("GPU-a", used=50, processes=[(7, 30), (8, 19.5)]), Gpu("GPU-b", used=10))
    assert devices.capacity({7}, ["cuda:0"]) == {"cuda:0": 60 * GIB, "cuda:1": 70 * GIB}


@pytest.mark.parametrize("seen", [[], [(7, None)], [(991, 30)]], ids=["none", "without amount", "by the host's number"])
def test_in_a_container_others_are_taken_to_hold_what_they_held_before(
    having: Having, seen: list[tuple[int, float | None]]
) -> None:
    gpu = Gpu("GPU-a", used=4)
    devices = having(gpu)
    assert devices.crowded("cuda:0") is None
    gpu.used, gpu.processes = 34, seen
    assert devices.capacity({7}, ["cuda:0"]) == {"cuda:0": 76 * GIB}
    assert devices.used_by_others("cuda:0", {7})
    gpu.used = 5
    assert devices.capacity((), []) == {"cuda:0": 75 * GIB}


def test_a_model_does_not_stay_beside_a_notebook_that_uses_the_gpu(having: Having) -> None:
    gpu = Gpu("GPU-a", used=20.5, processes=[(7, 20)])
    devices = having(gpu)
    assert not devices.used_by_others("cuda:0", {7})
    gpu.used = 30
    assert devices.used_by_others("cuda:0", {7})
    assert not devices.used_by_others("cpu:0", {7})


def test_a_gpu_for_one_process_waits_until_that_is_gone(having: Having) -> None:
    gpu = Gpu("GPU-a", processes=[(2**22 + 5, 1)], mode=pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS)
    devices = having(gpu)
    assert devices.blocked("cuda:0") == f"cuda:0 takes one process only, and has pid {2**22 + 5}"
    gpu.processes = []
    assert devices.blocked("cuda:0") is None


# ------------------------------------------------------------------------------------------- trouble


def test_a_gpu_that_stops_answering_gets_no_job_and_does_not_stop_the_others(having: Having) -> None:
    gpu = Gpu("GPU-b", used=20)
    devices = having(Gpu("GPU-a"), gpu)
    gpu.error = pynvml.NVML_ERROR_GPU_IS_LOST
    assert devices.blocked("cuda:0") is None
    assert devices.blocked("cuda:1") == "cuda:1 does not answer (GPU is lost)"
    assert [(device.id, device.name, device.memory_used) for device in devices.read()[:2]] == [
        ("cuda:0", "NVIDIA H100", GIB // 2),
        ("cuda:1", "NVIDIA H100", None),
    ]
    assert devices.pids("cuda:1") is None
    assert devices.capacity((), []) == {"cuda:0": int(79.5 * GIB)}


def test_a_gpu_that_is_broken_from_the_start_is_left_out_and_told(having: Having) -> None:
    devices = having(Gpu("GPU-a", error=pynvml.NVML_ERROR_UNKNOWN), Gpu("GPU-b"))
    assert devices.ids == ["cuda:0", "cpu:0"]
    assert devices.uuids["cuda:0"] == "GPU-b"
    assert devices.notices == ["GPU 0 of this machine does not answer (Unknown Error) and is left out"]


def test_gpus_that_a_batch_system_keeps_away_have_no_number(having: Having) -> None:
    devices = having(Gpu("GPU-a", denied=True), Gpu("GPU-b", used=7), CUDA_VISIBLE_DEVICES="0")
    assert (devices.uuids["cuda:0"], devices.notices) == ("GPU-b", [])
    assert devices.read()[0].memory_used == 7 * GIB


def test_who_names_no_gpu_is_told_why_evaluations_run_on_the_cpu(having: Having) -> None:
    gpu = Gpu("GPU-a")
    assert having(gpu, CUDA_VISIBLE_DEVICES="").notices == having(gpu, CUDA_VISIBLE_DEVICES="-1").notices == []
    (other,) = having(gpu, CUDA_VISIBLE_DEVICES="GPU-zz").notices
    assert other.startswith("CUDA_VISIBLE_DEVICES=GPU-zz names no GPU of this machine: evaluations run on the CPU")
    (part,) = having(gpu, CUDA_VISIBLE_DEVICES="MIG-1234").notices
    assert "slices of a GPU cannot be used yet" in part


def test_numbers_that_torch_may_read_in_another_order_are_told_of(having: Having) -> None:
    gpus = Gpu("GPU-a", name="NVIDIA T400"), Gpu("GPU-b")
    (notice,) = having(*gpus, CUDA_VISIBLE_DEVICES="0").notices
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in notice
    assert having(*gpus, CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID").notices == []
    assert having(*gpus, CUDA_VISIBLE_DEVICES="GPU-b").notices == having(*gpus).notices == []


# ------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2,0", [2, 0]),
        ("GPU-b, 0", [1, 0]),
        ("1,7,0", [1]),
        ("GPU-zz,0", []),
    ],
)
def test_the_servers_own_limit_of_gpus_holds(visible: str | None, indices: list[int]) -> None:
    assert visible_indices(visible, ["GPU-aa", "GPU-bb", "GPU-cc"]) == indices


def test_cpu_slots_have_names_that_all_servers_of_the_machine_use() -> None:
    one, other = Devices(1, NO_GPU), Devices(2, NO_GPU)
    assert set(other.uuids) == {"cpu:0", "cpu:1"} == set(other.ids)
    assert one.uuids["cpu:0"] == other.uuids["cpu:0"] != other.uuids["cpu:1"]
    assert all(name.startswith("cpu-") and "/" not in name for name in other.uuids.values())


def test_the_cpu_has_no_memory_of_its_own_to_be_blocked_by() -> None:
    devices = Devices(1, NO_GPU)
    assert devices.blocked("cpu:0") is None
    assert devices.crowded("cpu:0") is None
    assert devices.pids("cpu:0") is None


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_of_memory_is_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Devices(min_free_gpu_memory=share)
