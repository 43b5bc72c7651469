"""Indexes task definitions as lmms-eval's TaskManager does, in a tenth of the time and without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

_IGNORED_FOLDERS = ("__pycache__", ".ipynb_checkpoints")
_PARENT: type[Any] = getattr(yaml, "CFullLoader", yaml.FullLoader)

Entry = dict[str, Any]


class _Loader(_PARENT):  # type: ignore[misc]
    """Reads a task definition without running the functions it names."""


_Loader.add_constructor("!function", lambda _loader, _node: None)


class BrokenDefinition(ValueError):
    """A file that lmms-eval could not read either; it would stop every evaluation."""


def index_tasks(folders: list[str]) -> dict[str, Entry]:
    """Find every name that a request may give as task.

    Parameters
    ----------
    folders
        Task folders; on a conflict the earlier one wins.

    Returns
    -------
    dict
        Per name its ``type`` (task, group, tag or python_task) and what its definition says that is cheap to know.

    Raises
    ------
    BrokenDefinition
        If a file cannot be read.
    """
    index: dict[str, Entry] = {}
    files = _Definitions()
    for folder in folders:
        index = {**_index_folder(folder, files), **index}
    return index


class _Definitions:
    """Definition files, each parsed once although hundreds include the same one."""

    def __init__(self) -> None:
        self._parsed: dict[str, dict[str, Any]] = {}

    def read(self, path: str) -> dict[str, Any]:
        config = self._parse(path)
        if "include" not in config:
            return config
        includes = config["include"]
        merged: dict[str, Any] = {}
        for include in reversed([includes] if isinstance(includes, str) else includes):
            target = include if Path(include).is_file() else os.path.join(os.path.dirname(path), include)  # noqa: PTH118, PTH120
            merged.update(self.read(target))
        merged.update({name: value for name, value in config.items() if name != "include"})
        return merged

    def _parse(self, path: str) -> dict[str, Any]:
        if path not in self._parsed:
            try:
                with open(path, "rb") as stream:  # noqa: PTH123  (two thousand of them)
                    config = yaml.load(stream, Loader=_Loader)  # noqa: S506  (what lmms-eval does)
            except (OSError, yaml.YAMLError) as error:
                raise BrokenDefinition(f"{path} cannot be read: {' '.join(str(error).split())}") from error
            if not isinstance(config, dict):
                raise BrokenDefinition(f"{path} is no task definition: it holds no fields")
            self._parsed[path] = config
        return self._parsed[path]


def _index_folder(folder: str, files: _Definitions) -> dict[str, Entry]:
    """Index one folder; the order of the files decides conflicts, as in lmms-eval."""
    index: dict[str, Entry] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _IGNORED_FOLDERS]
        for name in names:
            if name.endswith(".yaml"):
                path = os.path.join(root, name)  # noqa: PTH118
                _add(index, files.read(path), path)
    return index


def _add(index: dict[str, Entry], config: dict[str, Any], path: str) -> None:
    task = config.get("task")
    if "class" in config:
        index[config["task"]] = {"type": "python_task", "yaml_path": path}
    elif isinstance(task, list):
        members = [name for name in map(_name_of, task) if name]
        index[config["group"]] = {"type": "group", "yaml_path": path, "tasks": members, **_words(config, "group_alias")}
    elif isinstance(task, str):
        index[task] = {"type": "task", "yaml_path": path, **_facts(config)}
        for attribute in ("tag", "group"):
            tags = config.get(attribute, [])
            for tag in [tags] if isinstance(tags, str) else tags or []:
                if index.setdefault(tag, {"type": "tag", "tasks": []})["type"] != "tag":
                    break
                index[tag]["tasks"].append(task)


def _name_of(member: object) -> str | None:
    """Name of a group's member, which may be written as a task with overrides."""
    if isinstance(member, dict):
        member = member.get("task") or member.get("group")
    return member if isinstance(member, str) else None


def _facts(config: dict[str, Any]) -> Entry:
    facts: Entry = {"output_type": config.get("output_type") or "generate_until", **_words(config, "task_alias")}
    for name in ("dataset_path", "dataset_name", "test_split", "validation_split", "num_fewshot"):
        if isinstance(value := config.get(name), (str, int)):
            facts[name] = value
    metrics = [entry.get("metric") for entry in config.get("metric_list") or [] if isinstance(entry, dict)]
    if names := [metric for metric in metrics if isinstance(metric, str)]:
        facts["metrics"] = names
    arguments = config.get("dataset_kwargs")
    # lmms-eval's own mark of data that are videos. There is none for images and sounds.
    if isinstance(arguments, dict) and arguments.get("video") is True:
        facts["modality"] = "video"
    return facts


def _words(config: dict[str, Any], alias: str) -> Entry:
    """What a definition says for people; a description may also be a part of the prompt."""
    found = {"description": config.get("description"), "alias": config.get(alias)}
    return {name: text.strip() for name, text in found.items() if isinstance(text, str) and text.strip()}
