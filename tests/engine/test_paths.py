"""Relative paths mean what they mean where the server was started."""

from __future__ import annotations

from pathlib import Path

from jupyter_lmms_eval.engine.paths import with_absolute_paths
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest


def test_paths_that_exist_become_absolute_and_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "a").mkdir(parents=True)
    (tmp_path / "A").touch()
    request = EvaluateRequest(
        model="dummy",
        tasks=["mme"],
        model_args={"pretrained": "checkpoints/a", "response": "A", "revision": "main", "model": "A", "n": 3},
        output_dir="out",
    )
    changed = with_absolute_paths(request, tmp_path)
    assert changed.model_args == {
        "pretrained": str(tmp_path / "checkpoints/a"),
        "response": "A",
        "revision": "main",
        "model": "A",
        "n": 3,
    }
    assert changed.output_dir == str(tmp_path / "out")


def test_also_in_argument_strings(tmp_path: Path) -> None:
    (tmp_path / "ckpt").mkdir()
    request = EvaluateRequest(model="m", tasks=["t"], model_args="pretrained=ckpt,dtype=float16,x='a,b'")
    assert with_absolute_paths(request, tmp_path).model_args == f"pretrained={tmp_path}/ckpt,dtype=float16,x='a,b'"


def test_a_name_on_a_hub_stays_a_name(tmp_path: Path) -> None:
    request = EvaluateRequest(model="m", tasks=["t"], model_args={"pretrained": "Qwen/Qwen2.5-VL-3B-Instruct"})
    assert with_absolute_paths(request, tmp_path).model_args == {"pretrained": "Qwen/Qwen2.5-VL-3B-Instruct"}
