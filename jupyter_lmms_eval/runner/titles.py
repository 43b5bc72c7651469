"""Lets lists of processes show what a process does by now, not what it was started for."""

from __future__ import annotations

import sys
from contextlib import suppress


def retitle(module: str, *arguments: str) -> None:
    """Show a process as ``python -m module arguments``; without ``setproctitle`` it keeps its title."""
    with suppress(ImportError):
        from setproctitle import setproctitle

        setproctitle(" ".join([sys.executable, "-m", module, *arguments]))
