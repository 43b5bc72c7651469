"""What is refused before it costs anything, and what is only warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_lmms_eval.engine.arguments import (
    problem_with_arguments,
    problem_with_reasoning_tags,
    problem_with_seed,
    split_arguments,
)
from jupyter_lmms_eval.engine.catalog import Catalog, CatalogTask
from jupyter_lmms_eval.engine.validation import (
    MOST_LOOKED_FOR,
    MOST_TASKS,
    MOST_TOLD,
    Findings,
    examine,
    nearest,
)
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest

CATALOG = Catalog(
    tasks={
        "mme": CatalogTask(),
        "mmmu_val": CatalogTask(),
        "mmmu": CatalogTask(type="group"),
    },
    models=["dummy", "llava_hf", "qwen2_5_vl"],
    model_aliases={"openai_compatible": "openai"},
)


def look_at(devices: tuple[str, ...] = ("cuda:0", "cuda:1", "cpu:0"), include: tuple[str, ...] = (), **fields: object):
    request = EvaluateRequest.model_validate({"model": "dummy", "tasks": ["mme"], **fields})
    return examine(request, CATALOG, devices, include)


def only_sentence(findings: Findings) -> str:
    assert len(findings.errors) == 1
    return findings.errors[0].message


def test_names_of_the_catalog_pass() -> None:
    findings = look_at(model="openai_compatible", tasks=["mme", "mmmu", "mmmu_*"])
    assert findings.errors == []
    assert findings.tasks == ["mme", "mmmu", "mmmu_*"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model": "qwen2_5vl"}, "Unknown model 'qwen2_5vl'; did you mean 'qwen2_5_vl'?"),
        (
            {"model": "Qwen/Qwen2.5-VL"},
            (
                "Unknown model 'Qwen/Qwen2.5-VL'; give its type here, for example 'qwen2_5_vl', "
                "and the checkpoint as model_args pretrained=..."
            ),
        ),
        ({"tasks": ["MMMU-val"]}, "Unknown task 'MMMU-val'; did you mean 'mmmu_val' or 'mmmu'?"),
        ({"tasks": ["zzz"]}, "Unknown task 'zzz'; GET /tasks lists the names"),
        ({"tasks": ["zzz*"]}, "No task matches 'zzz*'; GET /tasks lists the names"),
        ({"num_gpus": 3}, "num_gpus is 3, this machine has 2 such devices (cuda:0, cuda:1)"),
        ({"device": "cuda:7"}, "This machine has no device 'cuda:7'; it has cuda:0, cuda:1, cpu:0"),
        ({"model_args": "pretrained"}, "model_args: 'pretrained' has no '='; write key=value,key=value"),
        ({"gpu_memory": 1e308}, "gpu_memory is beyond 9,007,199,254,740,992, which nobody can mean"),
        ({"timeout": 10**400}, "timeout is beyond 9,007,199,254,740,992, which nobody can mean"),
        ({"seed": "\u00b2"}, "seed: '\u00b2' is not a whole number or None"),
        ({"seed": "1,x,3"}, "seed: 'x' is not a whole number or None"),
        ({"fewshot_as_multiturn": True, "num_fewshot": 2}, "fewshot_as_multiturn needs apply_chat_template"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(fields: dict[str, object], sentence: str) -> None:
    assert only_sentence(look_at(**fields)) == sentence


def test_every_error_is_told_at_once() -> None:
    findings = look_at(model="nope", tasks=["nope"], num_gpus=9)
    assert [error.field for error in findings.errors] == ["model", "tasks", "num_gpus"]


def test_of_many_unknown_names_some_are_told_and_the_others_counted() -> None:
    names = [f"mmmu_va{number}" for number in range(5_000)]
    errors = look_at(tasks=names).errors
    assert len(errors) == MOST_TOLD + 1
    assert errors[0].message == "Unknown task 'mmmu_va0'; did you mean 'mmmu_val' or 'mmmu'?"
    assert errors[-1].message == "4,990 further names stand for no task; GET /tasks lists the names"
    assert sum(len(error.nearest) for error in errors) == 2 * MOST_TOLD


def test_of_many_unknown_fields_some_are_told_and_the_others_counted() -> None:
    warnings = look_at(**{f"bath_size{number}": number for number in range(500)}).warnings
    assert len(warnings) == MOST_TOLD + 1
    assert warnings[-1] == "490 further unknown fields are ignored"


def test_of_many_repeated_tasks_some_are_told_and_the_others_counted() -> None:
    tasks = {f"task_{number}": CatalogTask() for number in range(4_000)}
    request = EvaluateRequest(model="dummy", tasks=[*tasks, *tasks])
    findings = examine(request, Catalog(tasks=tasks, models=["dummy"]), ["cpu:0"], [])
    assert findings.errors == []
    assert findings.tasks == list(tasks)
    assert len(findings.warnings) == MOST_TOLD + 1
    assert findings.warnings[-1] == "3,990 further tasks are named more than once and run once"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tasks": ["mme"] * (MOST_TASKS + 1)}, "10,001 names are more than there are tasks"),
        ({"tasks": ["mm*"] * (MOST_LOOKED_FOR + 1)}, "tasks: 101 paths or patterns are more than the 100"),
        ({"tasks": ["a/b"] * (MOST_LOOKED_FOR + 1)}, "tasks: 101 paths or patterns are more than the 100"),
        ({"tasks": ["a/" * 500_000]}, "tasks: no path or pattern has more than 4,096 characters"),
        ({"tasks": ["*a" * 500_000]}, "tasks: no path or pattern has more than 4,096 characters"),
        ({"include_path": "a/" * 500_000}, "include_path: no path or pattern has more than 4,096 characters"),
        ({"include_path": ["a"] * (MOST_LOOKED_FOR + 1)}, "include_path: 101 paths or patterns"),
    ],
)
def test_what_would_take_minutes_to_look_for_is_refused(fields: dict[str, object], sentence: str) -> None:
    assert sentence in only_sentence(look_at(**fields))


def test_a_model_can_be_refused_without_a_look_for_like_ones() -> None:
    request = EvaluateRequest(model="qwen2_5vl", tasks=["mmmu_va"])
    findings = examine(request, CATALOG, ["cpu:0"], [], suggest=False)
    assert [error.field for error in findings.errors] == ["model", "tasks"]
    assert [error.nearest for error in findings.errors] == [[], []]


def test_a_mistyped_field_is_a_warning_with_the_likely_name() -> None:
    findings = look_at(bath_size=4)
    assert findings.errors == []
    assert findings.warnings == ["Unknown field 'bath_size' is ignored; did you mean 'batch_size'?"]


def test_cuda_on_a_machine_without_gpu_runs_and_says_so() -> None:
    findings = look_at(devices=("cpu:0",), device="cuda")
    assert findings.errors == []
    assert findings.warnings == ["This machine has no GPU; the evaluation runs on the CPU"]


def test_a_task_file_must_lie_in_an_allowed_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "tasks", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    (outside / "evil.yaml").write_text("task: evil")
    allowed = (str(inside),)
    for path in (outside / "evil.yaml", inside / ".." / "elsewhere" / "evil.yaml", inside / "link" / "evil.yaml"):
        assert "outside the task folders" in only_sentence(look_at(include=allowed, tasks=[str(path)]))
        folder = str(path.parent)
        assert "outside those of this server" in only_sentence(look_at(include=allowed, include_path=folder))
    assert look_at(include=allowed, include_path=str(inside)).errors == []


def test_a_task_file_that_is_allowed_stands_for_its_task(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("task: mine")
    catalog = Catalog(tasks={"mine": CatalogTask(yaml_path=str(file))}, models=["dummy"])
    request = EvaluateRequest(model="dummy", tasks=[str(file)])
    findings = examine(request, catalog, ["cpu:0"], [str(tmp_path)])
    assert (findings.errors, findings.tasks) == ([], ["mine"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a=1,b=2", ["a=1", "b=2"]),
        ("a='x,y',b=2", ["a='x,y'", "b=2"]),
        ('a={"x": 1, "y": [2, 3]},b=2', ['a={"x": 1, "y": [2, 3]}', "b=2"]),
        ("", []),
    ],
)
def test_argument_strings_split_where_lmms_eval_splits(text: str, parts: list[str]) -> None:
    assert split_arguments(text) == parts


def test_argument_strings_split_as_lmms_eval_itself_does() -> None:
    utils = pytest.importorskip("lmms_eval.utils")
    for text in ("a=1", "a=1, b=2 ,", "a='x,y',b=\"p,q\"", "a={1,2},b=[3,4]", "a=\\'x,b=2", "=,a==b", "a='{',b=1"):
        assert split_arguments(text) == utils._smart_comma_split(text), text


def test_seeds_and_tags() -> None:
    assert problem_with_seed("0,None,8,52") is None
    assert problem_with_seed([0, None, 8]) is None
    assert problem_with_seed("1,2") is not None
    assert problem_with_reasoning_tags('[["<think>", "</think>"]]') is None
    assert problem_with_reasoning_tags("none") is None
    assert problem_with_reasoning_tags("<think>") is not None
    assert problem_with_reasoning_tags("[" * 100_000) is not None
    assert problem_with_reasoning_tags([["<think>"]]) is not None
    assert problem_with_arguments("=3") is not None


def test_near_names_ignore_case() -> None:
    assert nearest("MME", ["mme", "mmmu"])[0] == "mme"
    assert nearest("entirely-else", ["mme"]) == []


@pytest.mark.parametrize("model_args", [{"device": "cuda:1"}, "pretrained=x,device=cuda:1"])
def test_a_device_among_the_model_arguments_is_warned_of(model_args: object) -> None:
    findings = look_at(model_args=model_args)
    assert findings.errors == []
    assert "set the request's own device to 'cuda:1'" in findings.warnings[0]
    assert look_at(model_args={"device": "cuda:0"}).warnings == []
