"""The example notebooks run, and what is saved of them gives nothing away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from tests.conftest import alone

from .executing import FIRST, SECOND, execute

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]

_PATHS = re.compile(rf"/(?:tmp|home|root|mnt|usr|opt)/|{re.escape(str(Path(__file__).parents[2]))}")
# What a token looks like: 32 random bytes in URL-safe base64.
_TOKEN = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")


def shown(notebook: nbformat.NotebookNode) -> str:
    """Everything the cells of a notebook show."""
    return json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)


def test_both_notebooks_run_side_by_side(tmp_path: Path) -> None:
    with alone(tmp_path):
        executed = execute()
    for notebook in executed.values():
        assert not _PATHS.search(shown(notebook))
        assert not _TOKEN.search(shown(notebook))
    first, second = shown(executed[FIRST]), shown(executed[SECOND])
    assert "✓ completed" in first
    assert "exact_match" in first
    assert "is stopped" in first
    assert "in the kernel" in second
    assert "completed" in second
    # What the repository shows is what the code shows.
    for path, notebook in executed.items():
        saved = nbformat.read(path, as_version=4)
        assert [cell.source for cell in saved.cells] == [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("path", [FIRST, SECOND], ids=lambda path: path.stem)
def test_saved_outputs_hold_no_secret_and_no_path_of_a_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    text = shown(notebook)
    assert not _PATHS.search(text)
    assert not _TOKEN.search(text)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count is not None
            assert not any(output.output_type == "error" for output in cell.outputs)
