"""Who starts, and why the others wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.engine.placement import WaitingJob, eligible_devices, place

GPUS = ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cpu:0"]


def job(name: str, seq: int, **needs: object) -> WaitingJob:
    return WaitingJob(name, seq, **needs)  # type: ignore[arg-type]


def test_a_job_that_rests_after_a_crash_keeps_nothing_from_others() -> None:
    decided = place([WaitingJob("a", 1, rests=True), WaitingJob("b", 2)], ["cpu:0"], {})
    assert decided.starts == {"b": ("cpu:0",)}
    assert decided.waits == {"a": "rests a moment after a crash before it is tried again"}


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


def test_a_job_that_needs_more_than_the_machine_has_holds_up_nobody() -> None:
    decision = place([job("huge", 1, count=5), job("gone", 2, device="cuda:9"), job("small", 3)], GPUS, {})
    assert decision.starts == {"small": ("cuda:0",)}
    assert decision.waits["huge"] == "needs 5 devices, the machine has 4"
    assert decision.waits["gone"] == "needs cuda:9, which the machine does not have"


def test_a_named_device_is_waited_for() -> None:
    decision = place([job("a", 1, device="cuda:1")], GPUS, {"cuda:1": "12345678-9abc"})
    assert decision.waits == {"a": "waits for cuda:1: job 12345678 running"}


def test_cuda_means_any_device_where_there_is_no_gpu() -> None:
    assert eligible_devices("cuda", ["cpu:0"]) == ["cpu:0"]
    assert eligible_devices(None, GPUS) == GPUS[:4]
    assert eligible_devices("cuda:7", GPUS) == []


SERVER = "used by job ab12cd34 of the server with pid 77"
STRANGER = "61.2 of 79.6 GiB of cuda:0 are held by pid 4242 (python)"


def test_a_device_of_another_server_is_passed_over() -> None:
    decision = place([job("a", 1), job("b", 2)], GPUS, {}, {"cuda:0": SERVER})
    assert decision.starts == {"a": ("cuda:1",), "b": ("cuda:2",)}


def test_a_job_says_which_other_server_it_waits_for() -> None:
    decision = place([job("a", 1, device="cuda:0")], GPUS, {}, {"cuda:0": SERVER})
    assert decision.waits == {"a": "waits for cuda:0: used by job ab12cd34 of the server with pid 77"}
    assert place([job("a", 1)], ["cuda:0"], {}, {"cuda:0": SERVER}).waits == decision.waits


def test_a_job_says_who_fills_the_memory_it_waits_for() -> None:
    decision = place([job("a", 1)], GPUS[:2], {"cuda:1": "running1"}, {"cuda:0": STRANGER})
    assert decision.waits == {"a": f"waits for a device: job running1 running, {STRANGER}"}


def test_all_obstacles_are_told_each_once() -> None:
    blocked = {"cuda:0": STRANGER, "cuda:1": SERVER, "cuda:2": SERVER, "cpu:0": "used by another server"}
    decision = place([job("a", 1, count=2)], GPUS, {}, blocked)
    assert decision.waits == {"a": f"waits for 2 devices: 1 free, {STRANGER}, cuda:1, cuda:2 {SERVER}"}


def test_of_a_device_that_a_job_holds_the_job_is_told() -> None:
    decision = place([job("a", 1)], ["cuda:0"], {"cuda:0": "running1"}, {"cuda:0": SERVER})
    assert decision.waits == {"a": "waits for cuda:0: job running1 running"}


def test_a_big_job_is_not_starved_while_another_server_has_a_device() -> None:
    decision = place([job("big", 1, count=4), job("small", 2)], GPUS, {}, {"cuda:3": SERVER})
    assert decision.starts == {}
    assert decision.waits["big"] == f"waits for 4 devices: 3 free, cuda:3 {SERVER}"
    assert decision.waits["small"] == f"waits for a device: cuda:3 {SERVER}, kept free for job big"


def test_nothing_starts_during_a_pause_and_every_job_says_why() -> None:
    full = "waits for space: 0.1 GiB are free in /jobs"
    decision = place([job("b", 2), job("urgent", 3, priority=1), job("a", 1, device="cpu")], GPUS, {}, pause=full)
    assert decision.starts == {}
    assert list(decision.waits.items()) == [("urgent", full), ("a", full), ("b", full)]


_jobs = st.lists(
    st.builds(
        WaitingJob,
        id=st.uuids().map(str),
        seq=st.integers(0, 50),
        priority=st.integers(-2, 2),
        count=st.integers(1, 5),
        device=st.sampled_from([None, "cuda", "cpu", "cuda:1", "cuda:9"]),
        key=st.sampled_from(["one", "another"]),
    ),
    max_size=12,
    unique_by=(lambda waiting: waiting.id, lambda waiting: waiting.seq),
)


_some_devices = st.sets(st.sampled_from(GPUS))
_obstacles = st.dictionaries(st.sampled_from([*GPUS, "cuda:9"]), st.sampled_from([SERVER, STRANGER]))


@given(_jobs, _some_devices, _obstacles)
def test_no_device_is_given_twice_and_every_job_starts_or_knows_why_not(
    waiting: list[WaitingJob], busy: set[str], blocked: dict[str, str]
) -> None:
    decision = place(waiting, GPUS, dict.fromkeys(busy, "other"), blocked)
    granted = [device for devices in decision.starts.values() for device in devices]
    assert len(granted) == len(set(granted))
    assert not (busy | blocked.keys()) & set(granted)
    assert {*decision.starts, *decision.waits} == {waiting_job.id for waiting_job in waiting}
    needs = {waiting_job.id: waiting_job for waiting_job in waiting}
    for name, devices in decision.starts.items():
        assert len(devices) == needs[name].count
        assert set(devices) <= set(eligible_devices(needs[name].device, GPUS))


@given(_jobs, _some_devices, _obstacles)
def test_no_job_starts_on_a_device_an_earlier_one_could_use(
    waiting: list[WaitingJob], busy: set[str], blocked: dict[str, str]
) -> None:
    decision = place(waiting, GPUS, dict.fromkeys(busy, "other"), blocked)
    order = sorted(waiting, key=lambda waiting_job: (-waiting_job.priority, waiting_job.seq))
    for index, later in enumerate(order):
        for earlier in order[:index]:
            shared = set(eligible_devices(earlier.device, GPUS))
            possible = len(shared) >= earlier.count
            if possible and earlier.id in decision.waits and later.id in decision.starts:
                assert not shared & set(decision.starts[later.id])


@given(_jobs, _some_devices, _obstacles)
def test_a_blocked_device_counts_like_one_that_runs_a_job(
    waiting: list[WaitingJob], busy: set[str], blocked: dict[str, str]
) -> None:
    held = dict.fromkeys(busy, "other")
    as_if_held = dict.fromkeys(blocked, "another") | held
    assert place(waiting, GPUS, held, blocked).starts == place(waiting, GPUS, as_if_held).starts


@given(_jobs, _some_devices, _obstacles)
def test_who_waits_for_a_blocked_device_hears_of_it(
    waiting: list[WaitingJob], busy: set[str], blocked: dict[str, str]
) -> None:
    decision = place(waiting, GPUS, dict.fromkeys(busy, "other"), blocked)
    for waiting_job in waiting:
        eligible = eligible_devices(waiting_job.device, GPUS)
        if waiting_job.id in decision.waits and len(eligible) >= waiting_job.count:
            for device in {*eligible} & (blocked.keys() - busy):
                assert blocked[device] in decision.waits[waiting_job.id]


@given(_jobs, _some_devices, _obstacles)
def test_the_same_jobs_start_if_nobody_asks_why_the_others_wait(
    waiting: list[WaitingJob], busy: set[str], blocked: dict[str, str]
) -> None:
    held, models = dict.fromkeys(busy, "other"), {"cuda:2": "one", "cuda:0": "another"}
    told = place(waiting, GPUS, held, blocked, kept=models)
    assert place(waiting, GPUS, held, blocked, kept=models, explain=False).starts == told.starts


@given(_jobs, _some_devices)
def test_when_nothing_is_in_the_way_any_more_all_is_as_before(waiting: list[WaitingJob], busy: set[str]) -> None:
    held = dict.fromkeys(busy, "other")
    assert place(waiting, GPUS, held, {}, None) == place(waiting, GPUS, held)
    assert place(waiting, GPUS, held, dict.fromkeys(busy, SERVER)) == place(waiting, GPUS, held)


@given(_jobs, _obstacles)
def test_once_the_obstacles_are_gone_every_job_gets_its_turn(
    waiting: list[WaitingJob], blocked: dict[str, str]
) -> None:
    started: set[str] = set()
    while decision := place([one for one in waiting if one.id not in started], GPUS, {}, blocked).starts:
        started |= decision.keys()  # and all of them end before the next look
    while decision := place([one for one in waiting if one.id not in started], GPUS, {}).starts:
        started |= decision.keys()
    possible = {one.id for one in waiting if len(eligible_devices(one.device, GPUS)) >= one.count}
    assert started == possible


# ------------------------------------------------------------------------------------------- models in memory


def test_a_job_starts_where_its_model_is() -> None:
    decision = place([job("a", 1, key="vlm")], GPUS, {}, kept={"cuda:0": "other", "cuda:2": "vlm"})
    assert decision.starts == {"a": ("cuda:2",)}


def test_a_job_without_a_model_in_memory_spares_those_of_others() -> None:
    decision = place([job("a", 1, key="new"), job("b", 2, key="vlm")], GPUS, {}, kept={"cuda:0": "vlm"})
    assert decision.starts == {"a": ("cuda:1",), "b": ("cuda:0",)}


def test_the_model_that_came_first_goes_first() -> None:
    kept = {"cuda:1": "older", "cuda:0": "newer"}
    assert place([job("a", 1, key="new")], ["cuda:0", "cuda:1"], {}, kept=kept).starts == {"a": ("cuda:1",)}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 2)), min_size=1, max_size=6), st.data())
def test_models_in_memory_never_change_who_starts(jobs: list[tuple[str, int]], data: st.DataObject) -> None:
    devices = ["cuda:0", "cuda:1", "cuda:2"]
    waiting = [job(f"job{seq}", seq, key=key, count=count) for seq, (key, count) in enumerate(jobs)]
    kept = data.draw(st.dictionaries(st.sampled_from(devices), st.sampled_from("abcd")))
    assert list(place(waiting, devices, {}, kept=kept).starts) == list(place(waiting, devices, {}).starts)


# ------------------------------------------------------------------------------------------- parts of a GPU

GIB = 2**30
TWO = {"cuda:0": 80 * GIB, "cuda:1": 80 * GIB}


def part(name: str, seq: int, gib: float, **more: object) -> WaitingJob:
    return job(name, seq, memory=int(gib * GIB), **more)


def test_small_jobs_share_a_gpu_and_leave_the_other_free() -> None:
    waiting = [part("a", 1, 20), part("b", 2, 30), part("c", 3, 30), job("whole", 4)]
    decision = place(waiting, list(TWO), {}, capacity=TWO)
    assert decision.starts == {"a": ("cuda:0",), "b": ("cuda:0",), "c": ("cuda:0",), "whole": ("cuda:1",)}


def test_a_part_that_does_not_fit_beside_others_gets_another_gpu() -> None:
    decision = place([part("a", 1, 50)], list(TWO), {}, shared={"cuda:0": {"x": 40 * GIB}}, capacity=TWO)
    assert decision.starts == {"a": ("cuda:1",)}


def test_a_part_waits_until_there_is_room_and_says_how_much_there_is() -> None:
    decision = place([part("a", 1, 50)], ["cuda:0"], {}, shared={"cuda:0": {"x": 40 * GIB}}, capacity=TWO)
    assert decision.waits == {"a": "waits for 50.0 GiB of a GPU: 40.0 GiB free"}


def test_what_strangers_hold_is_no_room() -> None:
    decision = place([part("a", 1, 50)], ["cuda:0"], {}, capacity={"cuda:0": 30 * GIB})
    assert decision.waits == {"a": "needs 50.0 GiB of a GPU, the largest has 30.0 GiB for jobs"}


def test_a_job_of_its_own_gpu_is_not_starved_by_parts() -> None:
    waiting = [job("whole", 1), part("late", 2, 10)]
    decision = place(waiting, ["cuda:0"], {}, shared={"cuda:0": {"x": 10 * GIB}}, capacity=TWO)
    assert decision.starts == {}
    assert decision.waits["whole"] == "waits for cuda:0: job x running"


def test_a_large_part_is_not_starved_by_small_ones() -> None:
    waiting = [part("large", 1, 75), part("small", 2, 10)]
    decision = place(waiting, ["cuda:0"], {}, shared={"cuda:0": {"x": 20 * GIB}}, capacity=TWO)
    assert decision.starts == {}
    assert place(waiting, list(TWO), {}, shared={"cuda:0": {"x": 20 * GIB}}, capacity=TWO).starts == {
        "large": ("cuda:1",),
        "small": ("cuda:0",),
    }


def test_without_a_gpu_a_part_is_a_slot() -> None:
    decision = place([part("a", 1, 10), part("b", 2, 10)], ["cpu:0"], {}, capacity={})
    assert decision.starts == {"a": ("cpu:0",)}
    assert decision.waits == {"b": "waits for cpu:0: job a running"}


@given(st.lists(st.one_of(st.none(), st.integers(1, 90)), max_size=8), st.integers(0, 80))
def test_nothing_is_promised_twice(sizes: list[int | None], taken: int) -> None:
    waiting = [
        job(f"job{seq}", seq) if size is None else part(f"job{seq}", seq, size) for seq, size in enumerate(sizes)
    ]
    shared = {"cuda:0": {"x": taken * GIB}} if taken else {}
    decision = place(waiting, list(TWO), {}, shared=shared, capacity=TWO)
    assert {*decision.starts, *decision.waits} == {each.id for each in waiting}
    for device, total in TWO.items():
        there = [each for each in waiting if decision.starts.get(each.id) == (device,)]
        promised = sum(each.memory or 0 for each in there) + sum(shared.get(device, {}).values())
        assert promised <= total
        assert all(each.memory for each in there) or (len(there) == 1 and device not in shared)


def test_a_part_of_a_gpu_beside_a_stranger_is_enough_for_who_says_so() -> None:
    crowded = {"cuda:0": "45.0 of 80.0 GiB of cuda:0 are held by pid 7 (python)"}
    waiting = [job("whole", 1), part("part", 2, 30), part("large", 3, 40)]
    decision = place(waiting, ["cuda:0"], {}, crowded, capacity={"cuda:0": 35 * GIB}, crowded=crowded)
    assert decision.starts == {"part": ("cuda:0",)}
    assert "pid 7 (python)" in decision.waits["whole"]
    assert decision.waits["large"] == "needs 40.0 GiB of a GPU, the largest has 35.0 GiB for jobs"
    # Who has it for himself, or a GPU that does not answer, shares with nobody.
    assert place(waiting, ["cuda:0"], {}, crowded, capacity={"cuda:0": 35 * GIB}).starts == {}


def test_what_a_gpu_can_never_give_is_kept_free_for_nobody() -> None:
    capacity = {"cuda:0": 24 * GIB, "cuda:1": 79 * GIB}
    never = WaitingJob("never", 1, device="cuda:0", memory=40 * GIB)
    decision = place([never, WaitingJob("next", 2, device="cuda:0")], list(capacity), {}, capacity=capacity)
    assert decision.starts == {"next": ("cuda:0",)}
    assert decision.waits["never"] == "needs 40.0 GiB of a GPU, the largest has 24.0 GiB for jobs"
