"""Tasks and models are found by what one remembers of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.engine.catalog import Catalog
from jupyter_lmms_eval.engine.describing import describe_model, describe_task, size_of_local_data
from jupyter_lmms_eval.engine.searching import find_models, find_tasks

CATALOG = Catalog.model_validate(
    {
        "tasks": {
            "mmmu": {"type": "group", "tasks": ["mmmu_val"]},
            "mmmu_val": {"output_type": "generate_until", "dataset_path": "lmms-lab/MMMU", "test_split": "validation"},
            "cmmmu": {"output_type": "generate_until", "dataset_path": "lmms-lab/CMMMU"},
            "video_mmmu": {"output_type": "generate_until", "dataset_path": "lmms-lab/VideoMMMU", "modality": "video"},
            "exams": {"output_type": "multiple_choice", "description": "College exams, harder than MMMU"},
            "science": {"type": "tag", "tasks": ["exams", "mmmu_val"]},
            "own": {"type": "python_task"},
        },
        "models": ["llava_hf", "qwen2_5_vl", "qwen2_vl"],
        "model_aliases": {"qwen_old": "qwen2_vl"},
        "model_details": {
            "llava_hf": {"simple": {"module": "m", "class": "LlavaHf", "description": "Llava of Hugging Face"}},
            "qwen2_vl": {
                "simple": {"module": "m", "class": "Q", "imports": ["json", "no_such_package_at_all"], "arguments": []}
            },
        },
    }
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"words": "mmmu"}, ["mmmu", "mmmu_val", "video_mmmu", "cmmmu", "exams"]),
        ({"words": "MMMU val"}, ["mmmu_val"]),
        ({"words": "college"}, ["exams"]),
        ({"words": "nothing like it"}, []),
        ({"words": "mmmu", "kind": "task"}, ["mmmu_val", "video_mmmu", "cmmmu", "exams"]),
        ({"kind": "tag"}, ["science"]),
        ({"kind": "task", "output_type": "multiple_choice"}, ["exams"]),
        ({"dataset": "videommmu"}, ["video_mmmu"]),
        ({"words": "own", "kind": "task"}, ["own"]),
    ],
)
def test_tasks_are_found_best_first(asked: dict[str, Any], found: list[str]) -> None:
    assert find_tasks(CATALOG, **asked) == found


def test_models_are_found_by_name_alias_and_description() -> None:
    assert find_models(CATALOG, "qwen") == ["qwen2_5_vl", "qwen2_vl"]
    assert find_models(CATALOG, "qwen_old") == ["qwen2_vl"]
    assert find_models(CATALOG, "hugging") == ["llava_hf"]
    assert find_models(CATALOG) == CATALOG.models


def test_a_task_knows_its_groups_and_a_group_its_tasks() -> None:
    task = describe_task(CATALOG, "mmmu_val", {"mmmu_val": 900})
    assert (task.tags, task.split, task.samples) == (["mmmu", "science"], "validation", 900)
    group = describe_task(CATALOG, "mmmu", {})
    assert (group.kind, group.tasks, group.samples) == ("group", ["mmmu_val"], None)
    assert describe_task(CATALOG, "own", {}).kind == "task"


def test_packages_that_are_not_installed_are_named() -> None:
    model = describe_model(CATALOG, "qwen2_vl")
    assert model.aliases == ["qwen_old"]
    assert model.simple is not None
    assert model.simple.missing_packages == ["no_such_package_at_all"]
    assert describe_model(CATALOG, "qwen2_5_vl").simple is None


def test_data_on_this_machine_tell_their_size_and_others_are_not_fetched(tmp_path: Path) -> None:
    task = CATALOG.tasks["mmmu_val"]
    environment = {"HF_DATASETS_CACHE": str(tmp_path)}
    assert size_of_local_data(task, environment) is None
    folder = tmp_path / "lmms-lab___mmmu" / "default" / "0.0.0" / "abc"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("half of a fi")
    assert size_of_local_data(task, environment) is None
    (folder / "dataset_info.json").write_text(json.dumps({"splits": {"validation": {"num_examples": 900}}}))
    assert size_of_local_data(task, environment) == 900
    assert size_of_local_data(CATALOG.tasks["exams"], environment) is None
