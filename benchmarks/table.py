"""Figures as a Markdown table; pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from .figures import UPSTREAM, Figure

_HEAD = ("", "ours", UPSTREAM, "ratio", "target", "")
_RULE = ("---", "---:", "---:", "---:", "---", "---")


def table(figures: Sequence[Figure]) -> str:
    """One line for each figure: medians with the least and the most, their ratio, and whether the target is met."""
    notes = list(dict.fromkeys(figure.note for figure in figures if figure.note))
    numbers = {note: number for number, note in enumerate(notes, 1)}
    lines = [_HEAD, _RULE, *(_line(figure, numbers.get(figure.note)) for figure in figures)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*text, *([""] if notes else []), *(f"{number}. {note}" for note, number in numbers.items())])


def _line(figure: Figure, note: int | None) -> tuple[str, ...]:
    other = "" if not figure.other else spread(figure.other, figure.unit)
    if other and figure.compared_with != UPSTREAM:
        other = f"{figure.compared_with}: {other}"
    ratio = "" if figure.ratio is None else f"{_rounded(figure.ratio)}x"
    met = {True: "met", False: "**not met**", None: ""}[figure.met]
    title = figure.title if note is None else f"{figure.title} ({note})"
    return title, spread(figure.ours, figure.unit), other, ratio, figure.target.words(figure.unit), met


def spread(values: Sequence[float], unit: str) -> str:
    """The median, and behind it the least and the most where there are several: ``11.7 s (11.1-15.0)``."""
    middle = f"{_rounded(statistics.median(values))} {unit}"
    return middle if len(values) == 1 else f"{middle} ({_rounded(min(values))}-{_rounded(max(values))})"


def _rounded(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3g}"
