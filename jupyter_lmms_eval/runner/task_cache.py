"""Keeps lmms-eval's index of task folders, as long as no definition in them changes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

# What is written right after a folder was read may bear the same time as that.
_CLOCK_NANOSECONDS = 50_000_000


@dataclass
class Definitions:
    """The task definitions in a folder, as they were when it was read.

    Attributes
    ----------
    files
        Size and time of modification of each definition.
    folders
        Time of modification of each folder with them: it is another one when a name comes or goes.
    read_at
        Nanoseconds since the epoch.
    """

    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    read_at: int = 0

    @classmethod
    def read(cls, folder: str) -> Definitions:
        """Look through a folder."""
        found = cls(read_at=time.time_ns())
        found._add(folder)
        return found

    def _add(self, folder: str) -> None:
        self.folders[folder] = os.stat(folder).st_mtime_ns  # noqa: PTH116  (a thousand of them, and a job waits)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".yaml"):
                    status = entry.stat()
                    self.files[entry.path] = status.st_size, status.st_mtime_ns
                elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
                    self._add(entry.path)

    def untouched(self) -> bool:
        """Whether all of it is surely as it was; that takes half as long as to read it again."""
        stat, latest = os.stat, self.read_at - _CLOCK_NANOSECONDS
        try:
            for folder, modified in self.folders.items():
                if modified > latest or stat(folder).st_mtime_ns != modified:
                    return False
            for file, state in self.files.items():
                status = stat(file)
                if (status.st_size, status.st_mtime_ns) != state:
                    return False
        except OSError:
            return False
        return True


class TaskCache:
    """Stands between lmms-eval's TaskManager and the folders it indexes.

    Attributes
    ----------
    installed
        The one that does so in this process, if one does.
    """

    installed: ClassVar[TaskCache | None] = None

    def __init__(self) -> None:
        self._known: dict[str, tuple[Definitions, dict[str, Any]]] = {}
        self._used: set[str] = set()
        self._fresh: set[str] = set()

    def install(self) -> None:
        """Take the place of the indexing, unless another did before."""
        from lmms_eval.tasks import TaskManager

        if TaskCache.installed is not None:
            return
        index = TaskManager._get_task_and_group  # noqa: SLF001

        def cached(manager: Any, folder: str) -> dict[str, Any]:
            self._used.add(folder)
            if folder in self._fresh:
                self._fresh.remove(folder)
            elif not self._unchanged(folder):
                definitions = Definitions.read(folder)
                self._known[folder] = definitions, index(manager, folder)
            return self._known[folder][1]

        TaskManager._get_task_and_group = cached  # noqa: SLF001
        TaskCache.installed = self

    def look(self) -> None:
        """Look at the folders that the last evaluation used; the next one need not then, if they are as they were."""
        used, self._used = self._used, set()
        self._fresh = {folder for folder in used if self._unchanged(folder)}
        self._used |= self._fresh  # an evaluation may be looked for twice

    def _unchanged(self, folder: str) -> bool:
        """Whether the index of a folder is what it would be now."""
        if folder not in self._known:
            return False
        known, index = self._known[folder]
        if known.untouched():
            return True
        try:
            there = Definitions.read(folder)
        except OSError:
            return False
        if there.files == known.files:  # something else came or went
            self._known[folder] = there, index
        return there.files == known.files

    @staticmethod
    def read_defaults() -> None:
        """Index lmms-eval's own tasks."""
        from lmms_eval.tasks import TaskManager

        TaskManager("ERROR")
