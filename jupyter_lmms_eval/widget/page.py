"""The page's side of the table: one module and one style sheet from the files of ``front/``."""

from __future__ import annotations

import re
from pathlib import Path

_FRONT = Path(__file__).parent / "front"

# In the order in which one needs the other.
_MODULES = ("words", "dom", "store", "devices", "details", "row", "toolbar", "view", "widget")


def module() -> str:
    """Join the modules into one, because a widget is sent to the page as a single text.

    Returns
    -------
    str
        An ES module without imports. Each file imports only names that files before it export, one import a line.
    """
    return "\n".join(_inlined((_FRONT / f"{name}.js").read_text(encoding="utf-8")) for name in _MODULES)


def styles() -> str:
    """Return the style sheet."""
    return (_FRONT / "widget.css").read_text(encoding="utf-8")


def _inlined(text: str) -> str:
    text = re.sub(r"^import .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE)
