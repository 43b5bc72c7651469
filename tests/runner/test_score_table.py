"""The log shows the scores as lmms-eval shows them."""

from __future__ import annotations

import copy
from typing import Any

from jupyter_lmms_eval.runner.score_table import score_table

RESULTS: dict[str, Any] = {
    "results": {
        "digits_read": {"alias": "digits_read", "exact_match,none": 0.975, "exact_match_stderr,none": 0.01},
        "suite": {"alias": " - suite", "score,flexible": "N/A", "list,none": [1, 2]},
    },
    "groups": {"suite": {"alias": "suite", "score,none": 1}},
    "n-shot": {"digits_read": 0, "suite": 2},
    "higher_is_better": {"digits_read": {"exact_match": True}},
    "throughput": {"total_gen_tokens": 12, "avg_speed": 3.25},
}


def plain(cell: str) -> str | float:
    """A cell's text, or its number however many digits are written."""
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def cells(table: str) -> list[list[str | float]]:
    lines = [line for line in table.splitlines() if line.startswith("|") and not set(line) <= set("|-: ")]
    return [[plain(cell) for cell in line.strip("|").split("|")] for line in lines]


def test_it_says_what_the_table_of_lmms_eval_says() -> None:
    from lmms_eval.utils import make_table

    for column in ("results", "groups"):
        theirs = make_table(copy.deepcopy(RESULTS), column)
        ours = score_table(copy.deepcopy(RESULTS), column)
        assert cells(ours) == cells(theirs)
        assert len(cells(ours)) >= 2
