"""Finds tasks and models by what one remembers of them: pure decisions over the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .catalog import Catalog

_PARTS = re.compile(r"[^a-z0-9]+")


def find_tasks(
    catalog: Catalog,
    words: str = "",
    *,
    kind: str | None = None,
    output_type: str | None = None,
    dataset: str | None = None,
) -> list[str]:
    """Return the names of the tasks, groups and tags that match, best first.

    Parameters
    ----------
    catalog
        What there is.
    words
        Each must occur in the name, the alias, the description or the dataset; upper and lower case count as the
        same. Nothing: all match, in order of their names.
    kind
        Only these: ``task``, ``group`` or ``tag``.
    output_type
        Only tasks of it.
    dataset
        Only tasks whose dataset's path or name has this in it.
    """
    asked = words.lower().split()
    wanted = (dataset or "").lower()
    found = [
        name
        for name, task in catalog.tasks.items()
        if (kind is None or kind_of(task.type) == kind)
        and (output_type is None or task.output_type == output_type)
        and wanted in f"{task.dataset_path or ''} {task.dataset_name or ''}".lower()
        and all(word in catalog.searchable[name] for word in asked)
    ]
    return best_first(found, words)


def find_models(catalog: Catalog, words: str = "") -> list[str]:
    """Return the names of the models that match, best first.

    Parameters
    ----------
    catalog
        What there is.
    words
        Each must occur in the name, an alias, a class's name or its description.
    """
    if not words.strip():
        return catalog.models
    asked = words.lower().split()
    aliases = model_aliases(catalog)
    return best_first((n for n in catalog.models if _holds(catalog, n, aliases.get(n, []), asked)), words)


def _holds(catalog: Catalog, name: str, aliases: list[str], asked: list[str]) -> bool:
    classes = catalog.model_details.get(name, {}).values()
    parts = [name, *aliases, *(text for each in classes for text in (each.name, each.description))]
    text = " ".join(parts).lower()
    return all(word in text for word in asked)


def model_aliases(catalog: Catalog) -> dict[str, list[str]]:
    """Return the other names of each model that has some."""
    found: dict[str, list[str]] = {}
    for alias, name in sorted(catalog.model_aliases.items()):
        found.setdefault(name, []).append(alias)
    return found


def best_first(names: Iterable[str], words: str) -> list[str]:
    """Sort what was found: the very name, names that begin so, with a part that begins so, that hold it, the rest.

    Parameters
    ----------
    names
        What was found.
    words
        What was searched for.
    """
    asked = words.lower().split()
    whole = "_".join(asked)

    def rank(name: str) -> tuple[int, str]:
        folded = name.lower()
        if not asked or folded == whole:
            return (0, name)
        if folded.startswith(asked[0]):
            return (1, name)
        parts = _PARTS.split(folded)
        if all(any(part.startswith(word) for part in parts) for word in asked):
            return (2, name)
        return (3 if all(word in folded for word in asked) else 4, name)

    return sorted(names, key=rank)


def kind_of(type_: str) -> str:
    """Return what a person calls a type of the catalog: a task written in Python is a task."""
    return "task" if type_ == "python_task" else type_
