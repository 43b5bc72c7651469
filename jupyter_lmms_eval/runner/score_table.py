"""Writes the tables of scores for the log as lmms-eval does, without the libraries that take longer than scoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .replacing import replaced


class MarkdownTable:
    """Stands in for pytablewriter's writers, as far as lmms-eval uses them.

    Attributes
    ----------
    headers
        Titles of the columns.
    value_matrix
        The rows.
    """

    def __init__(self) -> None:
        self.headers: Sequence[object] = ()
        self.value_matrix: Sequence[Sequence[object]] = ()

    def dumps(self) -> str:
        """Return the table as text."""
        titles = [str(title) for title in self.headers]
        rows = [[str(value) for value in row] for row in self.value_matrix]
        widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
        lines = [titles, ["-" * width for width in widths], *rows]
        return "".join(
            "|" + "|".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + "|\n"
            for line in lines
        )


def score_table(results: dict[str, Any], column: str = "results") -> str:
    """Return lmms-eval's table of an evaluation's scores.

    Parameters
    ----------
    results
        What the evaluator returned; the tasks' aliases are taken out of it.
    column
        ``results`` or ``groups``.
    """
    import pytablewriter
    from lmms_eval.utils import make_table

    with (
        replaced(pytablewriter, "MarkdownTableWriter", MarkdownTable),
        replaced(pytablewriter, "LatexTableWriter", MarkdownTable),  # it is made, and not printed
    ):
        return str(make_table(results, column))
