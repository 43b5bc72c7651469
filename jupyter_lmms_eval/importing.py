"""Importing thousands of modules without looking for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Import without collecting garbage.

    Collections while thousands of classes are made take a quarter of the time, and find next to nothing: 3 MB of 790
    for torch and lmms-eval.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def for_good() -> Iterator[None]:
    """Import without collecting garbage, and keep all that lives then out of every later collection.

    One that looked through all of it again would come amid a request, and copy pages that forked processes share.
    Only for a process of our own that has just begun: garbage that is there would stay too.
    """
    with undisturbed():
        yield
    gc.freeze()
