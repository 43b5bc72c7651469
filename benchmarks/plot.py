"""Figures as a picture: ours and lmms-eval's own server, seconds on a logarithmic scale."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import machine
from .figures import UPSTREAM, Figure

_IN_SECONDS = {"s": 1.0, "ms": 0.001}
_PAPER, _INK, _FAINT = "#fcfcf9", "#22272e", "#d9dcd6"
_OURS, _OTHER = "#1f77b4", "#c9853c"


def drawable(figures: Sequence[Figure]) -> list[tuple[Figure, list[float], list[float]]]:
    """The figures that compare times with lmms-eval's own server, in seconds; rates become the time of one."""
    found = []
    for figure in figures:
        if not figure.other or not figure.drawn or figure.compared_with != UPSTREAM:
            continue
        if figure.unit in _IN_SECONDS:
            factor = _IN_SECONDS[figure.unit]
            found.append((figure, [v * factor for v in figure.ours], [v * factor for v in figure.other]))
        elif figure.unit == "1/s":
            found.append((figure, [1 / v for v in figure.ours], [1 / v for v in figure.other]))
    return found


def draw(figures: Sequence[Figure], surroundings: dict[str, Any], path: Path) -> None:
    """Write the picture as SVG, the same for the same figures.

    Parameters
    ----------
    figures
        What was measured.
    surroundings
        Where and when.
    path
        The file.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": "benchmark",
            "font.family": "sans-serif",
            "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
            "text.color": _INK,
            "axes.labelcolor": _INK,
            "xtick.color": _INK,
            "ytick.color": _INK,
        }
    )
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter

    lines = drawable(figures)
    if not lines:  # nothing was compared
        return
    picture, axes = plt.subplots(figsize=(10, 1.3 + 0.55 * len(lines)), facecolor=_PAPER)
    axes.set_facecolor(_PAPER)
    for place, (figure, ours, other) in enumerate(lines):
        for values, colour, shift, label in ((ours, _OURS, -0.19, "ours"), (other, _OTHER, 0.19, "lmms-eval")):
            middle = statistics.median(values)
            axes.barh(
                place + shift,
                middle,
                height=0.36,
                color=colour,
                label=label if place == 0 else None,
                xerr=[[middle - min(values)], [max(values) - middle]],
                error_kw={"ecolor": _INK, "elinewidth": 1, "capsize": 2},
            )
        times = figure.ratio or 0
        side = max(*ours, *other)
        axes.text(side * 1.25, place, f"{times:,.0f}x" if times >= 10 else f"{times:.1f}x", va="center", weight="bold")
    axes.set_xscale("log")
    # A bar has no natural beginning on such a scale: a little left of the smallest.
    smallest = min(min(*ours, *other) for _, ours, other in lines)
    largest = max(max(*ours, *other) for _, ours, other in lines)
    axes.set_xlim(smallest / 3, largest * 4)
    axes.set_yticks(range(len(lines)), [f"{figure.title}{_each(figure)}" for figure, _, _ in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)  # the first line on top
    axes.xaxis.set_major_formatter(FuncFormatter(_duration))
    axes.xaxis.grid(visible=True, color=_FAINT, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower right", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    axes.set_title(
        "Time, logarithmic; bars are medians, lines reach from the least to the most\n" + machine.words(surroundings),
        fontsize=9,
        loc="right",
    )
    picture.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(picture)


def _each(figure: Figure) -> str:
    return " (time of one)" if figure.unit == "1/s" else ""


def _duration(seconds: float, _: Any) -> str:
    if seconds >= 1:
        return f"{seconds:g} s"
    return f"{seconds * 1000:g} ms" if seconds >= 0.001 else f"{seconds * 1e6:g} µs"
