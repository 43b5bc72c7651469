"""Where and when was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def surroundings() -> dict[str, Any]:
    """The machine, the versions and the day; nothing that tells whose machine it is."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cores": cores(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "versions": {name: importlib.metadata.version(name) for name in ("lmms_eval", "torch", "transformers")},
    }


def words(machine: dict[str, Any]) -> str:
    """The machine in one line."""
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, Python {machine['python']}, "
        f"lmms-eval {machine['versions']['lmms_eval']}, torch {machine['versions']['torch']}, {machine['date']}"
    )


def _processor() -> str:
    description = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", description.read_text()) if description.exists() else None
    return found.group(1).strip() if found else platform.processor() or platform.machine()
