"""Pure decisions of an evaluation: constructor arguments, chunk sizes, limits, options, environment, names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.engine.placement import eligible_devices
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest
from jupyter_lmms_eval.protocol.run import RunSpec
from jupyter_lmms_eval.runner.chunking import ChunkSizes, next_chunk_size, sizes_for
from jupyter_lmms_eval.runner.environment import rank_environment
from jupyter_lmms_eval.runner.gpu_memory import engine_part, part_of
from jupyter_lmms_eval.runner.model_building import Accepted, ModelFactory, accepted_by, constructor_arguments
from jupyter_lmms_eval.runner.optional_packages import OptionalPackages
from jupyter_lmms_eval.runner.options import check, match_tasks, model_args_text, seed_text
from jupyter_lmms_eval.runner.resident import KeptModel, Resident
from jupyter_lmms_eval.runner.saving import model_name_of
from jupyter_lmms_eval.runner.upstream_fixes import samples_of

DEVICES = Accepted(frozenset({"device", "device_map", "batch_size"}))
PLAIN = Accepted(frozenset({"response"}))


def request(**fields: Any) -> EvaluateRequest:
    return EvaluateRequest(model="m", tasks=["t"], **fields)


@pytest.mark.parametrize(
    ("given_", "accepted", "fields", "kind", "ranks", "expected"),
    [
        ({}, DEVICES, {}, "cpu", 1, {"batch_size": 1, "device": "cpu", "device_map": "cpu"}),
        ({"device_map": "auto"}, DEVICES, {}, "cpu", 1, {"batch_size": 1, "device": "cpu", "device_map": "auto"}),
        ({"batch_size": 4}, DEVICES, {"batch_size": 2}, "cuda", 1, {"batch_size": 4}),
        ({}, DEVICES, {"device": "cuda"}, "cuda", 1, {"batch_size": 1, "device": "cuda"}),
        ({}, DEVICES, {"device": "cuda:3", "batch_size": "8"}, "cuda", 1, {"batch_size": 8, "device": "cuda:0"}),
        ({}, DEVICES, {"device": "cuda:3"}, "cuda", 2, {"batch_size": 1}),
        ({}, DEVICES, {"device": "auto"}, "cuda", 1, {"batch_size": 1}),
        ({}, DEVICES, {"device": "gpu"}, "cuda", 1, {"batch_size": 1}),
        ({}, DEVICES, {"device": ""}, "cuda", 1, {"batch_size": 1}),
        ({}, DEVICES, {"device": "auto"}, "cpu", 1, {"batch_size": 1, "device": "cpu", "device_map": "cpu"}),
        ({"device": "auto"}, DEVICES, {"device": "cuda"}, "cuda", 1, {"batch_size": 1, "device": "auto"}),
        ({}, DEVICES, {}, "cpu", 2, {"batch_size": 1, "device": "cpu", "device_map": "cpu"}),
        ({"response": "a,b"}, PLAIN, {"device": "cuda"}, "cuda", 1, {"response": "a,b"}),
        ({"x": None, "y": "0123", "z": [1]}, PLAIN, {"max_batch_size": 3, "batch_size": "auto"}, "cpu", 1,
         {"x": None, "y": "0123", "z": [1], "max_batch_size": 3, "batch_size": "auto"}),
        ({}, Accepted(frozenset({"response"}), anything=True), {}, "cpu", 1, {"batch_size": 1}),
    ],
)  # fmt: skip
def test_constructor_arguments(
    given_: dict[str, Any], accepted: Accepted, fields: dict[str, Any], kind: str, ranks: int, expected: dict[str, Any]
) -> None:
    assert constructor_arguments(given_, accepted, request(**fields), kind, ranks) == expected


@pytest.mark.parametrize("asked", [None, "", "auto", "cuda", "gpu", "cuda:1"])
def test_whatever_is_asked_for_on_a_machine_with_gpus_is_a_device_of_torch(asked: str | None) -> None:
    torch = pytest.importorskip("torch")
    granted = eligible_devices(asked, ["cuda:0", "cuda:1"])
    assert granted, "the server takes the word"
    arguments = constructor_arguments({}, DEVICES, request(device=asked), "cuda")
    assert torch.device(arguments.get("device", "cuda")).type == granted[0].partition(":")[0]


@pytest.mark.parametrize(
    ("accepted", "given_", "expected"),
    [
        ({"gpu_memory_utilization"}, {}, {"gpu_memory_utilization": 0.25}),
        ({"mem_fraction_static"}, {}, {"mem_fraction_static": 0.25}),
        ({"gpu_memory_utilization"}, {"gpu_memory_utilization": 0.5}, {"gpu_memory_utilization": 0.5}),
        (set(), {"response": "7"}, {"response": "7"}),
    ],
)
def test_an_engine_is_told_which_part_of_the_gpu_it_may_take(
    accepted: set[str], given_: dict[str, Any], expected: dict[str, Any]
) -> None:
    asked, takes = request(gpu_memory=6), Accepted(frozenset(accepted))
    assert constructor_arguments(given_, takes, asked, "cuda", 1, part_of(6, 24 << 30)) == expected
    assert constructor_arguments(given_, takes, request(), "cuda") == given_


@pytest.mark.parametrize("module", ["simple.vllm", "chat.vllm", "chat.vllm_generate"])
def test_the_adapters_of_lmms_eval_take_the_part(module: str) -> None:
    adapters = vars(pytest.importorskip(f"lmms_eval.models.{module}")).values()
    own = [each for each in adapters if isinstance(each, type) and each.__module__ == f"lmms_eval.models.{module}"]
    assert [engine_part(accepted_by(each).names, {"model": "a/b"}) for each in own] == ["gpu_memory_utilization"]


@pytest.mark.parametrize(("kind", "part"), [("cuda", 0.125), ("cpu", 0.8)])
def test_the_part_is_of_the_gpu_that_the_process_sees(monkeypatch: pytest.MonkeyPatch, kind: str, part: float) -> None:
    pytest.importorskip("lmms_eval")
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_properties", {0: SimpleNamespace(total_memory=80 << 30)}.__getitem__)

    class Engine:
        def __init__(self, gpu_memory_utilization: float = 0.8) -> None:
            self.part = gpu_memory_utilization

    asked = spec(device_kind=kind).model_copy(update={"request": request(gpu_memory=10)})
    factory = ModelFactory(Engine, asked, OptionalPackages(), Resident(None), lambda _model, _arguments: None)
    assert factory.create_from_arg_string("").part == part


@pytest.mark.parametrize(("sized", "memory", "fits"), [(True, 6, False), (True, None, True), (False, 6, True)])
def test_an_engine_that_has_the_whole_gpu_serves_no_job_with_a_part_of_it(
    sized: bool, memory: float | None, fits: bool
) -> None:
    pytest.importorskip("torch")
    kept = KeptModel(SimpleNamespace(), {}, {}, sized=sized)
    asked = spec().model_copy(update={"request": request(gpu_memory=memory)})
    assert (kept.too_large_for(asked) is None) == fits


def test_more_than_there_is_is_all_of_it() -> None:
    assert part_of(90, 80 << 30) == 1.0
    assert part_of(0.5, 80 << 30) == pytest.approx(0.00625)


def test_parameters_are_read_through_the_bases() -> None:
    class Base:
        def __init__(self, pretrained: str, device: str = "cuda") -> None: ...

    class Chat(Base):
        def __init__(self, *args: object, fps: int = 1, **kwargs: object) -> None: ...

    class Open(Base):
        def __init__(self, response: str, *, batch_size: int = 1, **kwargs: object) -> None: ...

    class Root:
        def __init__(self, a: int, **kwargs: object) -> None: ...

    assert accepted_by(Chat) == Accepted(frozenset({"fps", "pretrained", "device"}))
    assert accepted_by(Open).names == {"response", "batch_size", "pretrained", "device"}
    assert accepted_by(Root) == Accepted(frozenset({"a"}), anything=True)


@pytest.mark.parametrize(
    ("previous", "seconds", "batch", "expected"),
    [(2, 0.0, 1, 8), (2, 0.01, 1, 8), (8, 2.0, 1, 8), (8, 4.0, 1, 4), (8, 100.0, 4, 4), (8, 1.5, 4, 8), (1, 9.0, 1, 1)],
)
def test_next_chunk_size(previous: int, seconds: float, batch: int, expected: int) -> None:
    assert next_chunk_size(previous, seconds, 2.0, batch) == expected


@given(st.integers(1, 10_000), st.floats(0, 1e6, allow_nan=False), st.floats(0.1, 100), st.integers(1, 512))
def test_chunks_are_whole_batches_and_grow_slowly(batches: int, seconds: float, target: float, batch: int) -> None:
    size = next_chunk_size(batches * batch, seconds, target, batch)
    assert size % batch == 0
    assert batch <= size <= 4 * batches * batch


def test_chunks_find_their_size() -> None:
    sizes = ChunkSizes(batch_size=8, target_seconds=2.0)
    assert sizes.size == 16
    for _ in range(8):
        sizes.took(sizes.size, sizes.size * 0.01)
    assert sizes.size == 200


@pytest.mark.parametrize(
    ("module", "batch", "ranks", "first", "later"),
    [
        ("lmms_eval.models.chat.qwen2_5_vl", 1, 1, 2, 8),
        ("lmms_eval.models.chat.qwen2_5_vl", 4, 2, 64, 64),
        ("lmms_eval.models.chat.vllm", 1, 1, 64, 1024),
        ("lmms_eval.models.chat.vllm", 48, 1, 96, 1536),
        ("lmms_eval.models.simple.batch_gpt4", 1, 1, 1 << 20, 1 << 20),
    ],
)
def test_models_are_fed_as_they_work(module: str, batch: int, ranks: int, first: int, later: int) -> None:
    sizes = sizes_for(module, batch, ranks, 2.0)
    assert sizes.size == first
    sizes.took(first, 0.001)
    assert sizes.size == later


@pytest.mark.parametrize(
    ("limit", "total", "expected"),
    [(None, 10, None), (-1, 10, None), (3, 10, 3), (1, 10, 1), (0.5, 10, 5), (0.1, 12, 2), (0.001, 10, 1)],
)
def test_a_limit_means_samples(limit: float | None, total: int, expected: int | None) -> None:
    assert samples_of(limit, total) == expected


def test_tasks_are_matched() -> None:
    known = ["mme", "mmmu_val", "mmmu_test", "odd[1]"]
    assert match_tasks(["mmmu_*", "mme"], known) == ["mme", "mmmu_test", "mmmu_val"]
    assert match_tasks(["odd[1]"], known) == ["odd[1]"]
    with pytest.raises(ValueError, match=r"Tasks not found: nope, x\*"):
        match_tasks(["mme", "nope", "x*"], known)


@pytest.mark.parametrize(("seed", "text"), [(7, "7"), ("1,2,3,4", "1,2,3,4"), ([0, None, 8, 52], "0,None,8,52")])
def test_seeds(seed: Any, text: str) -> None:
    assert seed_text(seed) == text


def test_contradictions_are_refused() -> None:
    check(request(fewshot_as_multiturn=True, apply_chat_template=True, num_fewshot=2))
    with pytest.raises(ValueError, match="apply_chat_template"):
        check(request(fewshot_as_multiturn=True))
    with pytest.raises(ValueError, match="num_fewshot"):
        check(request(fewshot_as_multiturn=True, apply_chat_template=True))


def test_arguments_as_text_hold_no_secret() -> None:
    assert model_args_text({"a": "b,c", "n": None, "l": [1], "api_key": "x"}) == "a=b,c,n=null,l=[1],api_key=[redacted]"
    assert model_args_text("a=b") == "a=b"
    assert model_args_text(None) == ""


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (None, "dummy"),
        ({}, "dummy"),
        ("response=7", "dummy"),
        ("pretrained=a/b,x_path=c", "a/b"),
        ({"x_path": "c", "model": "m"}, "m"),
        ({"pretrained": "base", "peft": "adapter"}, "adapter"),
        ({"path": "..", "engine": "e"}, "e"),
        ({"pretrained": None}, "dummy"),
    ],
)
def test_results_are_named_after_the_model(arguments: Any, name: str) -> None:
    assert model_name_of(arguments, "dummy") == name


def spec(**fields: Any) -> RunSpec:
    return RunSpec(job_id="j", attempt=1, job_dir="/j", request=request(), **fields)


def test_a_single_rank_is_nobodys_rank() -> None:
    environment = rank_environment({"PATH": "/bin", "WANDB_MODE": "online"}, spec(threads=2), 0)
    assert "RANK" not in environment
    assert environment["PATH"] == "/bin"
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "2"
    assert environment["WANDB_MODE"] == "online"


def test_ranks_know_each_other() -> None:
    environment = rank_environment({"CUDA_VISIBLE_DEVICES": "2,3"}, spec(ranks=2, device_kind="cuda"), 1)
    assert (environment["RANK"], environment["LOCAL_RANK"], environment["WORLD_SIZE"]) == ("1", "1", "2")
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,3"
