"""When a process that has everything imported is no longer what a new one would be."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from jupyter_lmms_eval.runner.imported import ImportedFiles, differing_variables


def test_a_module_that_was_edited_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "edited_after_import.py"
    file.write_text("ANSWER = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("edited_after_import")
    try:
        imported = ImportedFiles.now()
        assert imported.changed() is None
        file.write_text("ANSWER = 22\n")
        assert imported.changed() == str(file)
        file.unlink()
        assert imported.changed() == str(file)
    finally:
        del sys.modules["edited_after_import"]


def test_a_module_edited_within_the_same_size_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "same_size.py"
    file.write_text("ANSWER = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("same_size")
    try:
        imported = ImportedFiles.now()
        file.write_text("ANSWER = 2\n")
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
        assert imported.changed() == str(file)
    finally:
        del sys.modules["same_size"]


@pytest.mark.parametrize(
    ("name", "value", "counts"),
    [
        ("HF_HOME", "/scratch", True),
        ("ANYTHING", "new", True),
        ("CUDA_VISIBLE_DEVICES", "3", False),
        ("OMP_NUM_THREADS", "8", False),
        ("HF_TOKEN", "another", False),
    ],
)
def test_a_variable_that_an_import_may_have_read_counts(name: str, value: str, counts: bool) -> None:
    before = {"HF_HOME": "/home", "HF_TOKEN": "one", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    assert differing_variables(before, before) is None
    assert differing_variables(before, {**before, name: value}) == (name if counts else None)
    without = {key: kept for key, kept in before.items() if key != "HF_HOME"}
    assert differing_variables(before, without) == "HF_HOME"
