"""HTML of cards and tables: escaped, static, in the colours of the page it is shown on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

_BORDER = "1px solid var(--jp-border-color2, #d0d0d0)"
_QUIET = "color: var(--jp-ui-font-color2, #616161)"
_FONT = "font-size: var(--jp-ui-font-size1, 13px); color: var(--jp-ui-font-color1, inherit)"
_CELL = "padding: 2px 12px 2px 0; background: none"


@dataclass(frozen=True)
class Html:
    """Text that is HTML already."""

    text: str


def html(value: object) -> str:
    """Write a value as HTML, escaped unless it is HTML already."""
    return value.text if isinstance(value, Html) else escape(str(value))


def code(text: str) -> Html:
    """Show what a person may type."""
    return Html(f"<code>{escape(text)}</code>")


def link(url: str, text: str) -> Html:
    """Link to an address; it opens beside the notebook and does not learn where it was opened from."""
    return Html(f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(text)}</a>')


def sentence(*parts: object) -> Html:
    """Join words and HTML."""
    return Html("".join(html(part) for part in parts))


def lines(texts: Sequence[object]) -> Html:
    """Put texts below each other."""
    return Html("<br>".join(html(text) for text in texts))


def card(title: object, pairs: Sequence[tuple[str, object]], *below: object) -> str:
    """Show one thing: a title, what is known of it, and what to do with it.

    Parameters
    ----------
    title
        Its title.
    pairs
        Names and values; empty values are left out.
    *below
        What follows, each a paragraph; empty ones are left out.
    """
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL}; {_QUIET}; text-align: left; font-weight: normal; vertical-align: top">'
        f'{escape(name)}</th><td style="{_CELL}; text-align: left">{html(value)}</td></tr>'
        for name, value in pairs
        if html(value)
    )
    parts = [f'<div style="font-weight: 600; margin-bottom: 4px">{html(title)}</div>']
    if rows:
        parts.append(f'<table style="border-collapse: collapse; margin: 0; {_FONT}">{rows}</table>')
    parts += [
        paragraph if paragraph.startswith("<table") else f'<div style="{_QUIET}; margin-top: 4px">{paragraph}</div>'
        for part in below
        if (paragraph := html(part))
    ]
    return f'<div style="border: {_BORDER}; padding: 8px 12px; max-width: 60em; {_FONT}">{"".join(parts)}</div>'


@dataclass(frozen=True)
class Table:
    """A table that shows itself, in a notebook and in plain text.

    Attributes
    ----------
    caption
        What it shows.
    columns
        Titles.
    rows
        As many values each.
    right
        Titles of columns with numbers.
    note
        A sentence below.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    right: Sequence[str] = ()
    note: str = ""
    empty: str = field(default="Nothing.")

    def __len__(self) -> int:
        return len(self.rows)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f'<div style="{_FONT}; {_QUIET}">{escape(self.empty)}</div>'
        aligned = ["right" if column in self.right else "left" for column in self.columns]
        head = "".join(
            f'<th scope="col" style="{_CELL}; text-align: {side}; border-bottom: {_BORDER}">{escape(column)}</th>'
            for column, side in zip(self.columns, aligned, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="{_CELL}; text-align: {side}">{html(value)}</td>'
                for value, side in zip(row, aligned, strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        note = f'<div style="{_FONT}; {_QUIET}; margin-top: 4px">{escape(self.note)}</div>' if self.note else ""
        return (
            f'<table style="border-collapse: collapse; margin: 0; {_FONT}">'
            f'<caption style="text-align: left; {_QUIET}">{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"
        )

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        lines = [[str(column) for column in self.columns], *([str(value) for value in row] for row in self.rows)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        text = "\n".join(
            "  ".join(
                value.rjust(width) if column in self.right else value.ljust(width)
                for value, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        )
        return f"{text}\n{self.note}" if self.note else text
