"""Samples files as lmms-eval 0.7.3 writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def line_of(doc_id: int, **changes: Any) -> dict[str, Any]:
    """A line of a generating task."""
    return {
        "doc_id": doc_id,
        "target": str(doc_id % 10),
        "filtered_resps": "7",
        "token_counts": [None],
        "doc_hash": "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
        "exact_match": float(doc_id % 10 == 7),
        "input": f"What digit is shown in picture {doc_id}?",
        **changes,
    }


def write_samples(path: Path, lines: Iterable[dict[str, Any] | str]) -> Path:
    """Write lines, those that are text as they are."""
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n")
    return path
