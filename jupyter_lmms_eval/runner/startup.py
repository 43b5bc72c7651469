"""Makes an evaluation process start faster without changing what it computes; used before lmms_eval is imported."""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import sys
import types
from typing import Any, NoReturn

_applied = False


def apply() -> None:
    """Apply every cut, once in a process and those forked from it."""
    global _applied  # noqa: PLW0603  (what it changes is as global)
    if _applied:
        return
    _applied = True
    defer_evaluate()
    native_yaml()
    stand_in_for_decord()
    remember_library_folders()


class _Deferred(types.ModuleType):
    """A module that imports itself at its first real use.

    ``importlib.util.LazyLoader`` would do, if torch did not ask every module for its file while it is imported.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def defer_evaluate() -> None:
    """Import ``evaluate`` at its first use: lmms-eval's registry imports it for metrics that hardly a task names."""
    if "evaluate" in sys.modules:
        return
    spec = importlib.util.find_spec("evaluate")
    if spec is None:
        return
    module = _Deferred("evaluate")
    module.__spec__ = spec
    module.__file__ = spec.origin
    module.__path__ = list(spec.submodule_search_locations or [])
    sys.modules["evaluate"] = module


def native_yaml() -> None:
    """Let ``yaml.full_load`` use libyaml: lmms-eval reads two thousand files at every start."""
    import yaml

    if not hasattr(yaml, "CFullLoader"):
        return

    class Loader(yaml.CFullLoader):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self.name = getattr(stream, "name", "<string>")  # lmms-eval resolves `!function` beside it
            super().__init__(stream)

    Loader.yaml_constructors = yaml.CFullLoader.yaml_constructors.copy()
    add_to_python_loaders = yaml.add_constructor

    def add_constructor(tag: str, constructor: Any, Loader_: Any = None) -> None:  # noqa: N803
        add_to_python_loaders(tag, constructor, Loader_)
        if Loader_ is None:
            Loader.add_constructor(tag, constructor)

    yaml.add_constructor = add_constructor
    yaml.full_load = lambda stream: yaml.load(stream, Loader=Loader)  # noqa: S506  (what full_load does)


def stand_in_for_decord() -> None:
    """Provide an empty ``decord`` if it is missing: models import it at the top and use it for videos only."""
    if importlib.util.find_spec("decord") is not None:
        return

    def missing(*_: object, **__: object) -> NoReturn:
        raise ImportError("videos need the decord package: pip install decord")

    module = types.ModuleType("decord")
    module.__spec__ = importlib.machinery.ModuleSpec("decord", None)
    vars(module).update(
        __version__="0.0",
        VideoReader=missing,
        AudioReader=missing,
        cpu=missing,
        gpu=missing,
        bridge=types.SimpleNamespace(set_bridge=missing),
    )
    sys.modules["decord"] = module


def remember_library_folders() -> None:
    """Let loguru ask once where libraries lie: it asks for every handler that is added, which takes milliseconds."""
    from loguru import _better_exceptions

    formatter = _better_exceptions.ExceptionFormatter
    formatter._get_lib_dirs = staticmethod(functools.cache(formatter._get_lib_dirs))  # noqa: SLF001


def leave(code: int) -> NoReturn:
    """End the process at once: what interpreters do at their end takes seconds here, or hangs in a library."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
