"""The console that tables are printed to."""

from __future__ import annotations

from rich.console import Console

_PLAIN_WIDTH = 160  # columns where no terminal says how wide it is


def console() -> Console:
    """Make a console on standard output.

    Returns
    -------
    Console
        Wide enough for a whole table in a file or a pipe; colours only in a terminal.
    """
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)
