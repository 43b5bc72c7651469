"""Says what is known of a task or a model of the catalog; nothing is downloaded or imported for it."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path

from ..protocol.server import ModelClass, ModelDetails, TaskDetails
from .catalog import Catalog, CatalogClass, CatalogTask
from .searching import kind_of, model_aliases


def describe_task(catalog: Catalog, name: str, sizes: Mapping[str, int]) -> TaskDetails:
    """Say what is known of a task, a group or a tag.

    Parameters
    ----------
    catalog
        What there is; it has this name.
    sizes
        Numbers of samples of the tasks of which they are known.
    """
    task = catalog.tasks[name]
    return TaskDetails(
        name=name,
        kind=kind_of(task.type),  # type: ignore[arg-type]
        output_type=task.output_type,
        dataset_path=task.dataset_path,
        dataset_name=task.dataset_name,
        split=task.test_split or task.validation_split,
        tasks=task.tasks,
        tags=catalog.members_of.get(name, []),
        description=task.description,
        alias=task.alias,
        metrics=task.metrics,
        samples=sizes.get(name),
        num_fewshot=task.num_fewshot,
        modality=task.modality,
        file=task.yaml_path,
    )


def describe_model(catalog: Catalog, name: str) -> ModelDetails:
    """Say what is known of a model; blocking, as it looks for packages.

    Parameters
    ----------
    catalog
        What there is; it has this model.
    name
        Its name, not an alias.
    """
    classes = catalog.model_details.get(name, {})
    return ModelDetails(
        name=name,
        aliases=model_aliases(catalog).get(name, []),
        chat=_class(classes["chat"]) if "chat" in classes else None,
        simple=_class(classes["simple"]) if "simple" in classes else None,
    )


def _class(found: CatalogClass) -> ModelClass:
    return ModelClass(
        module=found.module,
        name=found.name,
        description=found.description or None,
        arguments=found.arguments,
        more_arguments=found.others,
        missing_packages=[name for name in found.imports if not _installed(name)],
    )


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a module that is loaded in an odd way
        return True


def size_of_local_data(task: CatalogTask, environment: Mapping[str, str] = os.environ) -> int | None:
    """Return how many samples the data of a task have, if Hugging Face's cache on this machine tells; blocking.

    Parameters
    ----------
    task
        The task.
    environment
        Where the cache is named.
    """
    split = task.test_split or task.validation_split
    if task.dataset_path is None or split is None or "/" not in task.dataset_path:
        return None
    home = Path(environment.get("HF_HOME", "~/.cache/huggingface"))
    cache = Path(environment.get("HF_DATASETS_CACHE", str(home / "datasets"))).expanduser()
    folder = cache / task.dataset_path.replace("/", "___").lower() / (task.dataset_name or "default")
    try:
        infos = sorted(folder.glob("*/*/dataset_info.json"), key=lambda path: path.stat().st_mtime)
        splits = json.loads(infos[-1].read_bytes())["splits"]
        return int(splits[split]["num_examples"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):  # not there, or not as it is today
        return None
