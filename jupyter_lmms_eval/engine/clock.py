"""The time, as it is written in records."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def now() -> str:
    """Return the time in UTC as ISO 8601 with its zone."""
    return datetime.fromtimestamp(time.time(), timezone.utc).isoformat(timespec="milliseconds")
