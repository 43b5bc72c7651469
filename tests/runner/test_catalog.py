"""The fast index of tasks and models agrees with lmms-eval's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.runner.task_index import BrokenDefinition, index_tasks

REFERENCE = """\
import json, os, sys
from jupyter_lmms_eval.runner import startup
startup.apply()
from lmms_eval import models
from lmms_eval.tasks import TaskManager
index = TaskManager("ERROR", include_path=sys.argv[2:]).task_index
tasks = {name: [entry["type"], entry.get("task")] for name, entry in index.items()}
with open(sys.argv[1], "w") as stream:
    json.dump({"tasks": tasks, "models": sorted(models.AVAILABLE_MODELS)}, stream)
    stream.flush()
os._exit(0)
"""


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(text)


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / "__pycache__").mkdir()
    (second / "deep" / "er").mkdir(parents=True)
    write(first, "a", "task: x_a\ntag: [x_tag, x_more]\noutput_type: multiple_choice\ndataset_path: p\n")
    write(first, "b", "task: x_b\ninclude: _base\n")
    (first / "_base").write_text("tag: x_tag\ndataset_path: q\ndoc_to_text: !function f.g\n")
    write(first, "g", "group: x_group\ntask:\n  - x_a\n  - task: x_b\n    num_fewshot: 2\n  - x_tag\n")
    write(first, "python", "task: x_python\nclass: !function f.Task\n")
    write(first, "nothing", "dataset_path: no_task_at_all\n")
    write(first / "__pycache__", "hidden", "task: x_hidden\n")
    write(second, "a", "task: x_a\noutput_type: loglikelihood\n")
    write(second / "deep" / "er", "c", "task: x_c\ngroup: x_tag\n")
    write(second, "mme", "task: mme\noutput_type: loglikelihood\n")
    return [str(first), str(second)]


def test_the_earlier_folder_wins(folders: list[str]) -> None:
    index = index_tasks(folders)
    first = Path(folders[0])
    assert index["x_a"] == {
        "type": "task",
        "yaml_path": str(first / "a.yaml"),
        "output_type": "multiple_choice",
        "dataset_path": "p",
    }
    assert index["x_b"] == {
        "type": "task",
        "yaml_path": str(first / "b.yaml"),
        "output_type": "generate_until",
        "dataset_path": "q",
    }
    assert index["x_group"]["tasks"] == ["x_a", "x_b", "x_tag"]
    assert index["x_group"]["yaml_path"] == str(first / "g.yaml")
    assert index["x_python"] == {"type": "python_task", "yaml_path": str(first / "python.yaml")}
    assert sorted(index["x_tag"]["tasks"]) == ["x_a", "x_b"]
    assert "x_hidden" not in index


def test_what_a_definition_says_comes_through_its_includes(tmp_path: Path) -> None:
    (tmp_path / "_root").write_text("dataset_path: a/b\ndataset_kwargs:\n  video: true\noutput_type: loglikelihood\n")
    (tmp_path / "_middle").write_text(
        "include: _root\ndataset_name: middle\ntest_split: test\ndescription: ' Words. '\n"
    )
    write(tmp_path, "leaf", "include: _middle\ntask: leaf\ndataset_name: leaf\nnum_fewshot: 2\ntask_alias: Leaf\n")
    assert index_tasks([str(tmp_path)])["leaf"] == {
        "type": "task",
        "yaml_path": str(tmp_path / "leaf.yaml"),
        "output_type": "loglikelihood",
        "dataset_path": "a/b",
        "dataset_name": "leaf",
        "test_split": "test",
        "num_fewshot": 2,
        "description": "Words.",
        "alias": "Leaf",
        "modality": "video",
    }


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, "bad", "task: [unclosed\n")
    with pytest.raises(BrokenDefinition, match=r"bad\.yaml"):
        index_tasks([str(tmp_path)])


@pytest.mark.evaluation
def test_the_catalog_equals_lmms_evals_own(folders: list[str], tmp_path: Path) -> None:
    pytest.importorskip("lmms_eval")
    reference, ours = tmp_path / "reference.json", tmp_path / "ours.json"
    subprocess.run([sys.executable, "-c", REFERENCE, str(reference), *folders], check=True, cwd=tmp_path)
    command = [sys.executable, "-m", "jupyter_lmms_eval.runner.catalog", str(ours)]
    for folder in folders:
        command += ["--include-path", folder]
    subprocess.run(command, check=True, cwd=tmp_path)
    expected: dict[str, Any] = json.loads(reference.read_text())
    got: dict[str, Any] = json.loads(ours.read_text())
    assert got["models"] == expected["models"]
    assert set(got["tasks"]) == set(expected["tasks"])
    for name, (kind, members) in expected["tasks"].items():
        assert got["tasks"][name]["type"] == kind, name
        if kind == "tag":
            assert got["tasks"][name]["tasks"] == members, name
    assert set(got["model_aliases"].values()) <= set(got["models"])


def test_a_failure_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, "bad", "task: [unclosed\n")
    command = [sys.executable, "-m", "jupyter_lmms_eval.runner.catalog", str(tmp_path / "out.json")]
    ended = subprocess.run([*command, "--include-path", str(tmp_path)], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "bad.yaml" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


def test_a_missing_lmms_eval_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'lmms_eval' else find(name, package)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "jupyter_lmms_eval.runner.catalog", str(tmp_path / "out.json")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert ended.returncode == 1
    assert 'pip install "jupyter_lmms_eval[eval]"' in ended.stderr
