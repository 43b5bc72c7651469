"""What the source of a model class says, read without importing it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyter_lmms_eval.runner.model_index import ModelIndex

SIMPLE = """
import torch
from typing import (
    Any,
)
from lmms_eval.imports import optional_import
thing, has = optional_import("thing_utils", "thing")
raise RuntimeError("must not be imported")

class Talker(lmms):
    '''
    Talks.
    More words.
    '''

    def __init__(self, pretrained: str, size: int = 2 * 3, *, loud=True, **kwargs) -> None:
        text = '''
def nothing():
'''

    def generate_until(self): ...


class NoConstructor(lmms):
    def generate_until(self):
        return "a"
"""
CHAT = """
from .simple import NoConstructor, Talker as SimpleTalker
from elsewhere.mixin import Mixin

class Talker(Mixin, SimpleTalker):
    def __init__(self, chatty: bool = False, **kwargs):
        super().__init__(**kwargs)

class Heir(SimpleTalker):
    pass

class Closed(SimpleTalker):
    def __init__(self):
        super().__init__("x")

class Loop(Loop):
    pass
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelIndex:
    package = tmp_path / "talkers_for_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "simple.py").write_text(SIMPLE)
    (package / "chat.py").write_text(CHAT)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return ModelIndex()


def names(entry: dict[str, list[dict[str, str]]]) -> list[str]:
    return [argument["name"] for argument in entry["arguments"]]


def test_arguments_are_told_with_their_defaults(index: ModelIndex) -> None:
    entry = index.describe("talkers_for_a_test.simple.Talker")
    assert entry["description"] == "Talks."
    assert entry["imports"] == ["thing_utils", "torch", "typing"]
    assert entry["others"] is True
    assert entry["arguments"] == [
        {"name": "pretrained", "default": None, "annotation": "str", "required": True},
        {"name": "size", "default": "2 * 3", "annotation": "int", "required": False},
        {"name": "loud", "default": "True", "annotation": None, "required": False},
    ]


def test_arguments_that_are_passed_on_are_those_of_the_base(index: ModelIndex) -> None:
    entry = index.describe("talkers_for_a_test.chat.Talker")
    assert names(entry) == ["chatty", "pretrained", "size", "loud"]
    assert entry["description"] == "Talks."
    assert names(index.describe("talkers_for_a_test.chat.Heir")) == ["pretrained", "size", "loud"]
    assert names(index.describe("talkers_for_a_test.chat.Closed")) == []
    assert names(index.describe("talkers_for_a_test.simple.NoConstructor")) == []


@pytest.mark.parametrize("path", ["chat.Missing", "nowhere.Talker", "chat.Loop"])
def test_what_cannot_be_read_is_not_guessed(index: ModelIndex, path: str) -> None:
    entry = index.describe(f"talkers_for_a_test.{path}")
    assert entry["class"] == path.rpartition(".")[2]
    assert not entry.get("arguments")


@pytest.mark.evaluation
def test_lmms_evals_own_models_are_read() -> None:
    pytest.importorskip("lmms_eval")
    index = ModelIndex()
    simple = index.describe("lmms_eval.models.simple.qwen2_5_vl.Qwen2_5_VL")
    chat = index.describe("lmms_eval.models.chat.qwen2_5_vl.Qwen2_5_VL")
    assert {"pretrained", "max_pixels", "fps"} <= set(names(simple))
    assert names(chat) == names(simple)
    assert "qwen_vl_utils" in chat["imports"]
