"""What evaluations can run on, and whether strangers are in the way."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.engine.devices import Devices, GpuMemory, GpuProcess, memory_block, visible_indices

GIB = 2**30
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


def gpu(used: float, *processes: GpuProcess) -> GpuMemory:
    """A GPU of 80 GiB."""
    return GpuMemory(total=80 * GIB, used=int(used * GIB), processes=processes)


def process(pid: int, gib: float | None, name: str | None = None) -> GpuProcess:
    return GpuProcess(pid, None if gib is None else int(gib * GIB), name)


def test_a_stranger_who_holds_most_of_a_gpu_blocks_it_and_is_named() -> None:
    use = gpu(61.2, process(4242, 60.7, "python"))
    assert memory_block("cuda:0", use, (), 0.5) == "61.2 of 80.0 GiB of cuda:0 are held by pid 4242 (python)"


def test_a_stranger_who_leaves_enough_is_no_hindrance() -> None:
    use = gpu(30, process(4242, 29.5, "python"))
    assert memory_block("cuda:0", use, (), 0.5) is None
    assert memory_block("cuda:0", use, (), 0.9) is not None
    assert memory_block("cuda:0", gpu(80), (), 0) is None


def test_the_memory_of_our_own_evaluations_does_not_block() -> None:
    use = gpu(70, process(7, 60), process(8, 9.5))
    assert memory_block("cuda:1", use, {7}, 0.5) is None
    assert memory_block("cuda:1", use, {8}, 0.5) == "60.5 of 80.0 GiB of cuda:1 are held by pid 7"


def test_an_evaluation_of_ours_whose_share_is_unknown_is_not_taken_for_a_stranger() -> None:
    assert memory_block("cuda:0", gpu(70, process(7, None), process(8, 9.5)), {7}, 0.5) is None
    assert memory_block("cuda:0", gpu(70, process(7, None), process(8, 50, "julia")), {7}, 0.5) == (
        "50.0 of 80.0 GiB of cuda:0 are held by pid 8 (julia)"
    )


def test_memory_of_nobody_known_blocks_too() -> None:
    # Inside a container the driver may hide the processes of others.
    assert memory_block("cuda:0", gpu(61.2), (), 0.5) == "61.2 of 80.0 GiB of cuda:0 are in use by others"


def test_of_many_strangers_the_largest_are_named() -> None:
    many = [process(pid, pid) for pid in (1, 2, 3, 4, 5)] + [process(77, None)]
    reason = memory_block("cuda:0", gpu(60, *many[3:5]), (), 0.5)
    assert reason == "60.0 of 80.0 GiB of cuda:0 are held by pid 5 and pid 4"
    reason = memory_block("cuda:0", gpu(60, *many), (), 0.5)
    assert reason == "60.0 of 80.0 GiB of cuda:0 are held by pid 5, pid 4, pid 3 and 3 more"


@given(
    st.lists(st.tuples(st.integers(1, 9), st.none() | st.integers(0, 80)), max_size=6, unique_by=lambda one: one[0]),
    st.integers(0, 80),
    st.sets(st.integers(1, 9)),
    st.floats(0, 1),
)
def test_a_gpu_is_free_whose_memory_is_free_or_all_ours(
    holders: list[tuple[int, int | None]], used: int, own: set[int], share: float
) -> None:
    processes = tuple(process(pid, gib) for pid, gib in holders)
    reason = memory_block("cuda:0", gpu(used, *processes), own, share)
    if 80 - used >= share * 80:
        assert reason is None or sum(gib or 0 for _, gib in holders) > used  # the driver contradicts itself
    if reason is not None:
        assert not any(f"pid {pid} " in f"{reason} " for pid in own)


def test_what_cuda_visible_devices_leaves() -> None:
    uuids = ["GPU-aa", "GPU-bb", "GPU-cc"]
    assert visible_indices(None, uuids) == [0, 1, 2]
    assert visible_indices("2,0", uuids) == [2, 0]
    assert visible_indices("GPU-b, 0", uuids) == [1, 0]
    assert visible_indices("1,7,0", uuids) == [1]
    assert visible_indices("", uuids) == []


def test_cpu_slots_have_names_that_all_servers_of_the_machine_use() -> None:
    one, other = Devices(1, NO_GPU), Devices(2, NO_GPU)
    assert set(other.uuids) == {"cpu:0", "cpu:1"} == set(other.ids)
    assert one.uuids["cpu:0"] == other.uuids["cpu:0"] != other.uuids["cpu:1"]
    assert all(name.startswith("cpu-") and "/" not in name for name in other.uuids.values())


def test_the_cpu_has_no_memory_of_its_own_to_be_blocked_by() -> None:
    devices = Devices(1, NO_GPU)
    assert devices.blocked_by_memory("cpu:0", {os.getpid()}) is None
    assert devices.pids("cpu:0") is None


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_of_memory_is_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Devices(min_free_gpu_memory=share)
