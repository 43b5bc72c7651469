"""The tasks and models that may be asked for: listed by a helper process, cached on disk.

The server never imports lmms_eval. The helper takes seconds, so its answer is kept for as long as nothing it
depends on has changed, and several callers share one build.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..protocol.server import ModelArgument
from .environment import evaluation_environment
from .errors import CatalogUnavailable, EvaluationPackagesMissing

# How old the last look for changed task files may be.
CHECK_SECONDS = 5.0
# Who is content with what is known gets it at once if the last look is not older, and while looks would take more than
# this share of the time.
AT_ONCE_SECONDS = 60.0
LOOK_SHARE = 0.05
# What the helper writes has changed so many times.
_FORMAT = 2
INSTALL_HINT = 'lmms-eval is not installed beside this server; run: pip install "jupyter_lmms_eval[eval]"'


class CatalogTask(BaseModel):
    """What is known of a task without loading it."""

    model_config = ConfigDict(extra="ignore")

    type: str = "task"
    output_type: str | None = None
    dataset_path: str | None = None
    dataset_name: str | None = None
    test_split: str | None = None
    validation_split: str | None = None
    tasks: list[str] = Field(default_factory=list)
    description: str | None = None
    alias: str | None = None
    metrics: list[str] = Field(default_factory=list)
    num_fewshot: int | None = None
    modality: str | None = None
    yaml_path: str | None = None


class CatalogClass(BaseModel):
    """A class behind a model's name, as its source has it."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    module: str
    name: str = Field(alias="class")
    description: str = ""
    arguments: list[ModelArgument] | None = None
    others: bool = False
    imports: list[str] = Field(default_factory=list)


class Catalog(BaseModel):
    """Names that evaluations may use."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), ignored_types=(cached_property,))

    lmms_eval_version: str = ""
    tasks: dict[str, CatalogTask] = Field(default_factory=dict)
    models: list[str] = Field(default_factory=list)
    model_aliases: dict[str, str] = Field(default_factory=dict)
    model_details: dict[str, dict[str, CatalogClass]] = Field(default_factory=dict)

    @cached_property
    def members_of(self) -> dict[str, list[str]]:
        """The groups and tags of each task that is a member of some."""
        found: dict[str, list[str]] = {}
        for name, task in sorted(self.tasks.items()):
            for member in task.tasks:
                found.setdefault(member, []).append(name)
        return found

    @cached_property
    def searchable(self) -> dict[str, str]:
        """Of each task, in lower case, what a search looks through."""
        return {
            name: " ".join(
                filter(None, (name, task.alias, task.description, task.dataset_path, task.dataset_name))
            ).lower()
            for name, task in self.tasks.items()
        }

    def names(self, kind: str) -> list[str]:
        """Return the names of one type: task, group or tag."""
        return sorted(name for name, task in self.tasks.items() if task.type == kind)


def require_evaluation_packages() -> None:
    """Check that evaluations can run in this environment.

    Raises
    ------
    EvaluationPackagesMissing
        If lmms-eval or torch is not installed; its text says what to install.
    """
    if any(importlib.util.find_spec(name) is None for name in ("lmms_eval", "torch")):
        raise EvaluationPackagesMissing(INSTALL_HINT)


class CatalogCache:
    """The catalog, up to date with the installed lmms-eval and the task folders.

    Parameters
    ----------
    folder
        Where catalogs are kept between runs.
    include_paths
        Task folders that join the catalog.
    """

    def __init__(self, folder: Path, include_paths: Sequence[str] = ()) -> None:
        self._folder = folder
        self._include_paths = list(include_paths)
        self._known: tuple[str, Catalog] | None = None
        # When the last look for changes began, and how many seconds it took.
        self._looked, self._took = -math.inf, 0.0
        self._look: asyncio.Task[None] | None = None

    async def get(self, *, fresh: bool = False, at_once: bool = False) -> Catalog:
        """Return the catalog, built first if something it depends on changed.

        Parameters
        ----------
        fresh
            Look for changes now. Otherwise the last look may be `CHECK_SECONDS` old: it goes through thousands of
            files, too much for every submission.
        at_once
            Return what is known if the last look is not older than `AT_ONCE_SECONDS`; the next one goes on meanwhile.

        Raises
        ------
        CatalogUnavailable
            If the helper failed; the text ends with its last words.
        """
        asked = time.monotonic()
        while True:
            age = asked - self._looked
            if self._known and (age <= 0 if fresh else age < CHECK_SECONDS):
                return self._known[1]
            # Not that looking is all that a busy server does.
            if self._known and at_once and age < self._took / LOOK_SHARE:
                return self._known[1]
            look = self._looking()
            if self._known and at_once and age < AT_ONCE_SECONDS:
                return self._known[1]
            # Shielded: a client that goes away must not stop the build for the others.
            await asyncio.shield(look)

    def _looking(self) -> asyncio.Task[None]:
        """Return the look that is under way, or begin one: all who wait share it."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_for_changes())
            self._look.add_done_callback(_hear)
        return self._look

    async def _look_for_changes(self) -> None:
        began = time.monotonic()
        key = await asyncio.to_thread(_fingerprint, self._include_paths)
        self._took = time.monotonic() - began
        if self._known is None or self._known[0] != key:
            self._known = (key, await self._load(key))
        self._looked = began

    async def close(self) -> None:
        """Give up a build that is under way."""
        if self._look is not None and not self._look.done():
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)

    async def _load(self, key: str) -> Catalog:
        path = self._folder / f"{key}.json"
        catalog = await asyncio.to_thread(_read, path)
        if catalog is None:
            await self._run_helper(path)
            catalog = await asyncio.to_thread(_read, path)
        if catalog is None:
            raise CatalogUnavailable(f"The list of tasks in {path} cannot be read; delete it and try again")
        return catalog

    async def _run_helper(self, path: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        include = [part for folder in self._include_paths for part in ("--include-path", folder)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jupyter_lmms_eval.runner.catalog",
            str(path),
            *include,
            cwd=self._folder,
            env=evaluation_environment(os.environ, [], threads=1),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # interrupting a cell must not reach it
        )
        try:
            _, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            words = errors.decode(errors="replace").strip().splitlines()
            raise CatalogUnavailable(f"The tasks could not be listed: {words[-1] if words else process.returncode}")


def _read(path: Path) -> Catalog | None:
    try:
        return Catalog.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None


def _fingerprint(include_paths: Sequence[str]) -> str:
    """Digest everything the catalog depends on: versions, plug-ins, and name, size and time of every task file."""
    package = importlib.util.find_spec("lmms_eval")
    folders = [str(Path(package.origin).parent / "tasks")] if package and package.origin else []
    parts: list[object] = [
        _FORMAT,
        _version("lmms-eval"),
        _version("jupyter_lmms_eval"),
        sys.version,
        os.environ.get("LMMS_EVAL_PLUGINS", ""),
        sorted(str(point) for point in metadata.entry_points(group="lmms_eval.models")),
    ]
    for folder in [*folders, *include_paths]:
        parts.append(folder)
        parts += sorted(_task_files(folder))
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def _task_files(folder: str) -> Iterator[tuple[str, int, int]]:
    for root, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".yaml"):
                path = os.path.join(root, name)  # noqa: PTH118  (two thousand times: strings are faster)
                status = os.stat(path)  # noqa: PTH116
                yield path, status.st_size, status.st_mtime_ns


def _hear(look: asyncio.Task[None]) -> None:
    """Take note of how a look ended that nobody may have waited for; whoever needs the catalog looks again."""
    if not look.cancelled():
        look.exception()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
