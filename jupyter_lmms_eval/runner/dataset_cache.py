"""Keeps the datasets that evaluations of this process loaded, as long as their files are the same."""

from __future__ import annotations

import copy
import inspect
import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from .replacing import replaced

MOST_DATASETS = 8
# Of those that lie in memory; what is mapped from the disk costs none.
MOST_BYTES = 1 << 28
# A folder with more files is not looked through.
MOST_FILES = 20_000
# What a dataset depends on beside its files.
_TELLING = ("path", "name", "data_dir", "data_files", "split", "cache_dir", "revision", "token")
# How it is fetched, but not what it is.
_BY_THE_WAY = ("download_mode", "download_config", "num_proc", "verification_mode", "streaming")
_REUSE = "reuse_dataset_if_exists"
_COMMIT = re.compile(r"[0-9a-f]{40}")

FileStates = list[tuple[str, int, int, int, int]]


class DatasetCache:
    """Stands between lmms-eval and ``datasets.load_dataset``.

    Every evaluation is given copies: what it does to them, none after it sees. The rows are shared and cannot be
    written to. Data whose identity cannot be told are loaded every time: streams, data that code of theirs makes, and
    those of the Hub without a fixed commit.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[FileStates, Any, int]] = OrderedDict()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Take the place of ``datasets.load_dataset``."""
        import datasets

        load = datasets.load_dataset
        signature = inspect.signature(load)

        def load_dataset(*positional: Any, **named: Any) -> Any:
            arguments = signature.bind(*positional, **named)
            flat = {**arguments.arguments, **arguments.arguments.get("config_kwargs", {})}
            flat.pop("config_kwargs", None)
            return self.load(flat, lambda: load(*positional, **named))

        with replaced(datasets, "load_dataset", load_dataset):
            yield

    def load(self, arguments: Mapping[str, Any], load: Callable[[], Any]) -> Any:
        """Return a dataset: a copy of one that is kept, else a new one.

        Parameters
        ----------
        arguments
            Of ``datasets.load_dataset``, by name.
        load
            Loads it.
        """
        states = file_states(arguments)
        if states is None:
            return load()
        key = json.dumps({name: arguments.get(name) for name in _TELLING}, sort_keys=True, default=str)
        known = self._kept.get(key)
        if known is None or known[0] != states:
            self._kept.pop(key, None)
            dataset = load()
            size = _bytes_in_memory(dataset)
            if size is None or size > MOST_BYTES:
                return dataset
            self._kept[key] = known = (states, dataset, size)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_DATASETS or sum(size for _, _, size in self._kept.values()) > MOST_BYTES:
            self._kept.popitem(last=False)
        return copy.deepcopy(known[1])


def file_states(arguments: Mapping[str, Any]) -> FileStates | None:
    """Return the states of all files that a dataset is made of; None if that cannot be told.

    Parameters
    ----------
    arguments
        Of ``datasets.load_dataset``, by name.
    """
    given = {name for name, value in arguments.items() if value is not None}
    if given - {*_TELLING, *_BY_THE_WAY} or arguments.get("streaming"):
        return None
    mode = arguments.get("download_mode")
    if mode is not None and str(getattr(mode, "value", mode)) != _REUSE:
        return None
    path = str(arguments["path"])
    places = [*_names(arguments.get("data_files")), *_names(arguments.get("data_dir"))]
    if Path(path).exists():
        places.append(path)
    elif not places:
        return [] if _COMMIT.fullmatch(str(arguments.get("revision"))) else None
    elif "/" in path:  # files of a repository on the Hub
        return None
    states: FileStates = []
    for place in places:
        found = list(islice(_states(place), MOST_FILES + 1))
        if not found or len(found) > MOST_FILES or any(name.endswith(".py") for name, *_ in found):
            return None
        states += found
    return sorted(states)


def _names(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [name for part in value.values() for name in _names(part)]
    if isinstance(value, (list, tuple)):
        return [name for part in value for name in _names(part)]
    return [] if value is None else [str(value)]


def _states(place: str) -> Iterator[tuple[str, int, int, int, int]]:
    """The states of a file, or of all files in a folder; none of a pattern, an address, or what is not there."""
    try:
        if not os.path.isdir(place):  # noqa: PTH112  (a folder may hold many thousands)
            yield _state(place, os.stat(place))  # noqa: PTH116
            return
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from _states(entry.path)
                else:
                    yield _state(entry.path, entry.stat())
    except OSError:
        yield from ()


def _state(name: str, status: os.stat_result) -> tuple[str, int, int, int, int]:
    return name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _bytes_in_memory(dataset: Any) -> int | None:
    """How much memory a dataset takes; None of what is none, such as a stream."""
    from datasets import Dataset, DatasetDict

    if isinstance(dataset, DatasetDict):
        sizes = [_bytes_in_memory(split) for split in dataset.values()]
        return None if None in sizes else sum(size for size in sizes if size is not None)
    if not isinstance(dataset, Dataset):
        return None
    return 0 if dataset.cache_files else int(dataset.data.nbytes)
