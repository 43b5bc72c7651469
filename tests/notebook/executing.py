"""Execute the notebooks as a reader does: the second one while the first one's server runs.

``python -m tests.notebook.executing`` runs them and saves what they show.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FIRST, SECOND = NOTEBOOKS / "quickstart.ipynb", NOTEBOOKS / "second_notebook.ipynb"
# The cell before which the other notebook is run; the server stops in it.
_END = "end"
_LIVE = "application/vnd.jupyter.widget-view+json"


def execute() -> dict[Path, nbformat.NotebookNode]:
    """Run both notebooks in kernels of their own and return them with what they show."""
    first, second = (nbformat.read(path, as_version=4) for path in (FIRST, SECOND))
    client = _client(first)
    with client.setup_kernel():
        for at, cell in enumerate(first.cells):
            if _END in cell.metadata.get("tags", []):
                _client(second).execute()
            client.execute_cell(cell, at)
    return {FIRST: _tidied(first), SECOND: _tidied(second)}


def _client(notebook: nbformat.NotebookNode) -> NotebookClient:
    return NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )


def _tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave of live widgets what can be seen without a kernel."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(_LIVE, None)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def _save() -> None:
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        for name in ("RUNTIME", "DATA", "CONFIG"):
            patch.setenv(f"JUPYTER_{name}_DIR", f"{root}/{name.lower()}")
        for path, notebook in execute().items():
            nbformat.write(notebook, path)


if __name__ == "__main__":
    _save()
