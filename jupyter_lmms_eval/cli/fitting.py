"""A table that fits the width it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = 2  # columns between two columns
_SHORTEST_NAME = 9
_SHORTEST_SENTENCE = 20


@dataclass(frozen=True)
class FittingTable:
    """A table that would rather lose a column than make all of them unreadable.

    Attributes
    ----------
    columns
        Cells by title.
    right
        Titles whose cells stand on the right.
    names
        Titles whose cells may be cut, with an ellipsis.
    sentences
        Titles whose cells may be wrapped.
    expendable
        Titles that may be left out, the first one first.
    """

    columns: Mapping[str, Sequence[Text]]
    right: Sequence[str] = ()
    names: Sequence[str] = ()
    sentences: Sequence[str] = ()
    expendable: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        natural = {
            title: max([len(title), *(cell.cell_len for cell in cells)]) for title, cells in self.columns.items()
        }
        widths = fit(natural, options.max_width, self.names, self.sentences, self.expendable)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for title, width in widths.items():
            table.add_column(
                title,
                justify="right" if title in self.right else "left",
                width=width,
                no_wrap=title not in self.sentences,
                overflow="fold" if title in self.sentences else "ellipsis",
            )
        for row in zip(*(self.columns[title] for title in widths), strict=True):
            table.add_row(*row)
        yield table


def fit(
    natural: Mapping[str, int],
    available: int,
    names: Sequence[str] = (),
    sentences: Sequence[str] = (),
    expendable: Sequence[str] = (),
) -> dict[str, int]:
    """Choose the columns to show, and their widths.

    Parameters
    ----------
    natural
        Width that each column would like.
    available
        Width of all columns together with the gaps between them.
    names, sentences
        Titles of columns that may be narrower than they would like.
    expendable
        Titles of columns that may be left out, the first one first.

    Returns
    -------
    dict
        Widths by title, in the given order.
    """
    least = dict(natural)
    for titles, shortest in ((names, _SHORTEST_NAME), (sentences, _SHORTEST_SENTENCE)):
        least |= {title: min(natural[title], shortest) for title in titles}
    for title in expendable:
        if _total(least) <= available:
            break
        del least[title]
    spare = available - _total(least)
    while spare > 0 and (narrow := [title for title, width in least.items() if width < natural[title]]):
        for title in narrow[:spare]:
            least[title] += 1
            spare -= 1
    return least


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
