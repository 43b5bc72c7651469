"""Lets the ranks of an attempt learn what the others have."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

_T = TypeVar("_T")


def gathered(own: _T) -> list[_T]:
    """The value of each rank, in their order; every rank must ask. Of a single rank, its own."""
    distributed: Any = sys.modules.get("torch.distributed")  # not imported, not initialized
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return [own]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, own)
    return values


def longest_of_ranks(length: int) -> int:
    """The largest of a number over all ranks."""
    return max(gathered(length))
