"""Digests of plain values, equal in every process."""

from __future__ import annotations

import hashlib
import json
import re

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def digest(*parts: object) -> str:
    """Digest of plain values; functions and other objects count by their name only, never by their address."""
    # Task configurations hold functions already as text, with the address of this process.
    text = _ADDRESS.sub("", json.dumps(parts, sort_keys=True, default=_name_of, ensure_ascii=False))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name_of(value: object) -> str:
    named = getattr(value, "func", value)  # a partial is known by its function
    return str(getattr(named, "__qualname__", type(named).__qualname__))
