"""Task folders are looked through again only where something may have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_lmms_eval.runner.task_cache import Definitions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "one.yaml").write_text("task: one\n")
    (inner / "two.yaml").write_text("task: two\n")
    for place in (inner, tmp_path):  # as if it were made long ago
        os.utime(place, (1, 1))
    return tmp_path


def changed_in_place(folder: Path) -> None:
    (folder / "inner" / "two.yaml").write_text("task: three\n")


def added(folder: Path) -> None:
    (folder / "inner" / "three.yaml").write_text("task: three\n")


def removed(folder: Path) -> None:
    (folder / "one.yaml").unlink()


def renamed(folder: Path) -> None:
    (folder / "inner" / "two.yaml").rename(folder / "inner" / "three.yaml")


def moved_away(folder: Path) -> None:
    (folder / "inner").rename(folder / "other")


@pytest.mark.parametrize("change", [changed_in_place, added, removed, renamed, moved_away])
def test_every_change_is_noticed(folder: Path, change: Callable[[Path], None]) -> None:
    before = Definitions.read(str(folder))
    assert before.untouched()
    change(folder)
    assert not before.untouched()
    assert Definitions.read(str(folder)).files != before.files


def test_what_python_leaves_is_no_change(folder: Path) -> None:
    before = Definitions.read(str(folder))
    (folder / "inner" / "__pycache__").mkdir()
    assert not before.untouched()  # something came; what it is has to be looked at
    assert Definitions.read(str(folder)).files == before.files


def test_a_folder_that_was_changed_a_moment_ago_is_looked_through_again(folder: Path) -> None:
    (folder / "inner" / "three.yaml").write_text("task: three\n")
    read = Definitions.read(str(folder))
    # Another file may come within the same tick of the file system's clock.
    assert not read.untouched()
    now = time.time() - 10
    os.utime(folder / "inner", (now, now))
    os.utime(folder, (now, now))
    assert Definitions.read(str(folder)).untouched()
