"""What a request can carry: finite numbers, names that are text, nothing that JSON has no word for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any


class WrongOption(ValueError):
    """An option has a value that no server could read; the text says which and why."""


def sendable(value: Any, name: str) -> Any:
    """Make a value fit for a request.

    Parameters
    ----------
    value
        As a person gave it, in Python or YAML.
    name
        What it is called in messages.

    Returns
    -------
    Any
        The same, with dates as text, which YAML makes of much that looks like one, and with the names that are whole
        numbers as text, which is how JSON writes them.

    Raises
    ------
    WrongOption
        If JSON cannot write it.
    """
    if isinstance(value, Mapping):
        return {_key(key, name): sendable(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [sendable(each, name) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongOption(f"{name} must be a finite number, got {value}")
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    raise WrongOption(f"{name} must be text, a number, a list or a mapping, got {value!r}")


def task_names(tasks: Any) -> list[str]:
    """Read the names of tasks.

    Parameters
    ----------
    tasks
        One text that may hold several, separated by commas, or several texts.

    Raises
    ------
    WrongOption
        If they are anything else.
    """
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    if isinstance(names, Mapping) or not hasattr(names, "__iter__"):
        raise WrongOption(f"tasks must be the names of tasks, got {tasks!r}")
    found = list(names)
    for name in found:
        if not isinstance(name, str):
            raise WrongOption(f"tasks must be the names of tasks, got {name!r} among them; text is put in quotes")
    return [name.strip() for name in found]


def _key(key: object, name: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise WrongOption(f"{name} must have names that are text, got {key!r}; text is put in quotes")
