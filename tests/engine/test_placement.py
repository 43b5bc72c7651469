"""Who starts, and why the others wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.engine.placement import WaitingJob, eligible_devices, place

GPUS = ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cpu:0"]


def job(name: str, seq: int, **needs: object) -> WaitingJob:
    return WaitingJob(name, seq, **needs)  # type: ignore[arg-type]


def test_jobs_run_side_by_side_while_devices_are_free() -> None:
    decision = place([job("a", 1), job("b", 2)], GPUS, {})
    assert decision.starts == {"a": ("cuda:0",), "b": ("cuda:1",)}


def test_a_later_job_of_higher_priority_starts_first() -> None:
    decision = place([job("old", 1), job("urgent", 2, priority=5)], ["cuda:0"], {})
    assert decision.starts == {"urgent": ("cuda:0",)}
    assert "urgent" in decision.waits["old"]


def test_a_big_job_is_not_starved_by_small_ones() -> None:
    waiting = [job("big", 1, count=4), job("small", 2)]
    decision = place(waiting, GPUS, {"cuda:0": "running1"})
    assert decision.starts == {}
    assert decision.waits["big"] == "waits for 4 devices: 3 free, job running1 running"
    assert "kept free for job big" in decision.waits["small"]


def test_a_job_for_another_device_passes_one_that_waits() -> None:
    waiting = [job("big", 1, count=4), job("on-cpu", 2, device="cpu")]
    assert place(waiting, GPUS, {"cuda:0": "x"}).starts == {"on-cpu": ("cpu:0",)}


def test_a_named_device_is_waited_for() -> None:
    decision = place([job("a", 1, device="cuda:1")], GPUS, {"cuda:1": "12345678-9abc"})
    assert decision.waits == {"a": "waits for cuda:1: job 12345678 running"}


def test_cuda_means_any_device_where_there_is_no_gpu() -> None:
    assert eligible_devices("cuda", ["cpu:0"]) == ["cpu:0"]
    assert eligible_devices(None, GPUS) == GPUS[:4]
    assert eligible_devices("cuda:7", GPUS) == []


_jobs = st.lists(
    st.builds(
        WaitingJob,
        job_id=st.uuids().map(str),
        seq=st.integers(0, 50),
        priority=st.integers(-2, 2),
        count=st.integers(1, 5),
        device=st.sampled_from([None, "cuda", "cpu", "cuda:1", "cuda:9"]),
    ),
    max_size=12,
    unique_by=(lambda waiting: waiting.job_id, lambda waiting: waiting.seq),
)


@given(_jobs, st.sets(st.sampled_from(GPUS)))
def test_no_device_is_given_twice_and_every_job_starts_or_knows_why_not(
    waiting: list[WaitingJob], busy: set[str]
) -> None:
    decision = place(waiting, GPUS, dict.fromkeys(busy, "other"))
    granted = [device for devices in decision.starts.values() for device in devices]
    assert len(granted) == len(set(granted))
    assert not busy & set(granted)
    assert {*decision.starts, *decision.waits} == {waiting_job.job_id for waiting_job in waiting}
    needs = {waiting_job.job_id: waiting_job for waiting_job in waiting}
    for name, devices in decision.starts.items():
        assert len(devices) == needs[name].count
        assert set(devices) <= set(eligible_devices(needs[name].device, GPUS))


@given(_jobs, st.sets(st.sampled_from(GPUS)))
def test_no_job_starts_on_a_device_an_earlier_one_could_use(waiting: list[WaitingJob], busy: set[str]) -> None:
    decision = place(waiting, GPUS, dict.fromkeys(busy, "other"))
    order = sorted(waiting, key=lambda waiting_job: (-waiting_job.priority, waiting_job.seq))
    for index, later in enumerate(order):
        for earlier in order[:index]:
            if earlier.job_id in decision.waits and later.job_id in decision.starts:
                shared = set(eligible_devices(earlier.device, GPUS))
                assert not shared & set(decision.starts[later.job_id])
