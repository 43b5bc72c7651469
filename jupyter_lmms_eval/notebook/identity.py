"""What makes a submission the same one when its cell runs again."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """The cell that is being run.

    Attributes
    ----------
    identity
        Its id where the frontend tells it, else a digest of its code.
    execution
        Identity of this one run of it.
    """

    identity: str
    execution: str


def current_cell(shell: Any) -> Cell:
    """Find out which cell is being run.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    metadata, header, content = (parent.get(part) or {} for part in ("metadata", "header", "content"))
    execution = str(header.get("msg_id") or getattr(shell, "execution_count", ""))
    # JupyterLab, Notebook and VS Code all send it.
    if cell_id := metadata.get("cellId"):
        return Cell(f"id {cell_id}", execution)
    return Cell(f"code {_digest(str(content.get('code', '')))}", execution)


class Keys:
    """Makes the keys by which a server knows that it was asked before."""

    def __init__(self) -> None:
        self._execution = ""
        self._counts: Counter[str] = Counter()

    def key(self, request: Mapping[str, Any], cell: Cell) -> str:
        """Make a key of a request, its cell and its notebook.

        The same request twice in one run of a cell, as in a loop, is two jobs; when the cell runs again, both are
        found again.

        Parameters
        ----------
        request
            The request's body.
        cell
            The cell that submits it.
        """
        if cell.execution != self._execution:
            self._execution, self._counts = cell.execution, Counter()
        text = json.dumps([os.environ.get("JPY_SESSION_NAME", ""), cell.identity, request], sort_keys=True, default=str)
        self._counts[text] += 1
        return f"notebook-{_digest(f'{text} {self._counts[text]}')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
