"""The results file of lmms-eval, parsed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..protocol.jobs import Metric, SampleCount

_STDERR_ENDINGS = ("_stderr", "_stderr_clt", "_stderr_clustered")

# lmms-eval adds these to every metric when a question is asked several times; the file names no direction.
_STABILITY_ENDINGS: dict[str, bool | None] = {
    "_expected_accuracy": None,  # that of the metric itself
    "_consensus_accuracy": None,
    "_internal_variance": False,
    "_consistency_rate": True,
}

_BYPASS = "bypass"  # stands for "no metric" when only answers were asked for; its value is 999

# What a person means by "the score", best first; then anything that ends so.
_HEADLINES = ("acc", "accuracy", "exact_match", "overall", "average", "acc_norm", "score", "f1", "anls", "cider")
_HEADLINE_ENDINGS = ("acc", "accuracy", "exact_match", "overall", "average", "score")


class ResultsUnreadable(ValueError):
    """A results file is missing, broken, or not one of lmms-eval."""


@dataclass(frozen=True)
class ResultsFile:
    """What a results file says.

    Attributes
    ----------
    metrics
        Every score, in the file's order: tasks and groups as lmms-eval prints them.
    n_samples
        Samples of each task.
    versions
        Versions of the tasks.
    subtasks
        Names of the tasks of each group.
    model
        Name that lmms-eval gave the evaluated model.
    config
        How the evaluation was run.
    seconds
        Duration of the whole evaluation, if recorded.
    """

    metrics: list[Metric]
    n_samples: dict[str, SampleCount] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    subtasks: dict[str, list[str]] = field(default_factory=dict)
    model: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None


def read_results(path: str | Path) -> ResultsFile:
    """Read a ``*_results.json``.

    Parameters
    ----------
    path
        The file; it may hold NaN and Infinity, which JSON proper does not know.

    Returns
    -------
    ResultsFile
        Its content.

    Raises
    ------
    ResultsUnreadable
        If the file is missing or is not a results file of lmms-eval.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsUnreadable(f"Cannot read the results file {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # of JSON or of UTF-8; and only damage nests so deeply
        raise ResultsUnreadable(f"The results file {path} is not complete JSON: {error}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("results"), dict):
        raise ResultsUnreadable(f"{path} is not a results file of lmms-eval: it has no `results`.")
    return parse_results(content)


def parse_results(content: Mapping[str, Any]) -> ResultsFile:
    """Parse the content of a results file.

    Parameters
    ----------
    content
        The JSON object, read with Python's tolerance for NaN and Infinity.

    Returns
    -------
    ResultsFile
        Its content; whatever is missing or of an unexpected shape is left empty.
    """
    n_samples = {
        task: SampleCount(original=_count(entry.get("original")), effective=_count(entry.get("effective")))
        for task, entry in _table(content.get("n-samples")).items()
        if isinstance(entry, Mapping)
    }
    # A task that stands for itself is listed as a group of nothing.
    subtasks = {
        group: [str(task) for task in tasks]
        for group, tasks in _table(content.get("group_subtasks")).items()
        if isinstance(tasks, list) and tasks
    }
    groups = set(subtasks) | set(_table(content.get("groups")))
    directions = _table(content.get("higher_is_better"))
    metrics: list[Metric] = []
    for task, scores in _table(content.get("results")).items():
        if isinstance(scores, Mapping):
            metrics += _task_metrics(
                task, scores, _table(directions.get(task)), _samples(task, n_samples, subtasks), task in groups
            )
    return ResultsFile(
        metrics=metrics,
        n_samples=n_samples,
        versions=dict(_table(content.get("versions"))),
        subtasks=subtasks,
        model=str(content.get("model_name") or ""),
        config=dict(_table(content.get("config"))),
        seconds=finite(content.get("total_evaluation_time_seconds")),
    )


def _task_metrics(
    task: str, scores: Mapping[str, Any], directions: Mapping[str, Any], samples: int | None, group: bool
) -> Iterable[Metric]:
    for key, value in scores.items():
        # Only scores are named "metric,filter"; a group without scores of its own holds {" ": " "}.
        name, comma, filter_name = key.partition(",")
        if not comma or name.endswith(_STDERR_ENDINGS) or name == _BYPASS:
            continue
        yield Metric(
            task=task,
            metric=name,
            filter=filter_name,
            value=finite(value),
            # The other standard errors are of the mean of the samples, which the score need not be.
            stderr=finite(scores.get(f"{name}_stderr,{filter_name}")),
            higher_is_better=_direction(name, directions),
            samples=samples,
            group=group,
        )


def _direction(name: str, directions: Mapping[str, Any]) -> bool | None:
    if isinstance(own := directions.get(name), bool):
        return own
    for ending, direction in _STABILITY_ENDINGS.items():
        if name.endswith(ending):
            base = directions.get(name.removesuffix(ending))
            return direction if direction is not None else base if isinstance(base, bool) else None
    return None


def _samples(task: str, n_samples: Mapping[str, SampleCount], subtasks: Mapping[str, list[str]]) -> int | None:
    if task in n_samples:
        return n_samples[task].effective
    leaves: set[str] = set()
    seen: set[str] = set()
    open_groups = [task]
    while open_groups:
        group = open_groups.pop()
        if group in seen:
            continue
        seen.add(group)
        for name in subtasks.get(group, []):
            if name in n_samples:
                leaves.add(name)
            else:
                open_groups.append(name)
    counts = [n_samples[name].effective for name in leaves]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def headline(metrics: Iterable[Metric]) -> Metric | None:
    """Pick the score to show for a whole job.

    It is a score of the first task (or group) that has any; there, the one that is most like an accuracy, or
    else the first.

    Parameters
    ----------
    metrics
        The scores in the file's order.

    Returns
    -------
    Metric or None
        None if there is no number.
    """
    numbers = [metric for metric in metrics if metric.value is not None]
    if not numbers:
        return None
    candidates = [metric for metric in numbers if metric.task == numbers[0].task]
    return min(candidates, key=lambda metric: headline_rank(metric.metric))  # min() keeps the first of equals


def headline_rank(name: str) -> int:
    """Say how much a metric's name is like an accuracy; the lower, the more."""
    lowered = name.lower()
    if lowered in _HEADLINES:
        return _HEADLINES.index(lowered)
    if lowered.endswith(tuple(_STABILITY_ENDINGS)):
        return len(_HEADLINES) + 2
    return len(_HEADLINES) + (not lowered.endswith(_HEADLINE_ENDINGS))


def finite(value: object) -> float | None:
    """Read a number as lmms-eval writes it.

    Parameters
    ----------
    value
        A number, or a number of numpy that was written as text.

    Returns
    -------
    float or None
        None for everything that is not a finite number: NaN, Infinity, ``"N/A"``, true, null, nested objects.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _count(value: object) -> int | None:
    number = finite(value)
    return None if number is None or number < 0 else int(number)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
