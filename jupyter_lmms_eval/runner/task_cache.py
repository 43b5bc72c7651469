"""Keeps lmms-eval's index of task folders, as long as no definition in them changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

_State = list[tuple[str, int, int]]


class TaskCache:
    """Stands between lmms-eval's TaskManager and the folders it indexes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_State, dict[str, Any]]] = {}

    def install(self) -> None:
        """Take the place of the indexing, unless another did before."""
        from lmms_eval.tasks import TaskManager

        index = TaskManager._get_task_and_group  # noqa: SLF001
        if getattr(index, "remembers", False):
            return

        def cached(manager: Any, folder: str) -> dict[str, Any]:
            state = sorted(_definitions(folder))
            known = self._known.get(folder)
            if known is None or known[0] != state:
                self._known[folder] = known = (state, index(manager, folder))
            return known[1]

        cached.remembers = True  # type: ignore[attr-defined]
        TaskManager._get_task_and_group = cached  # noqa: SLF001

    @staticmethod
    def read_defaults() -> None:
        """Index lmms-eval's own tasks."""
        from lmms_eval.tasks import TaskManager

        TaskManager("ERROR")


def _definitions(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:  # two thousand files, and a job waits
        for entry in entries:
            if entry.name.endswith(".yaml"):
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns
            elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
                yield from _definitions(entry.path)
