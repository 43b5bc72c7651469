"""Every place where an evaluation differs, on purpose, from lmms-eval 0.7.3 as released; one function each."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from .replacing import replaced

# Long enough for ranks whose samples take much longer, short enough that a lost rank is noticed the same day.
PEER_TIMEOUT = timedelta(hours=2)


@cache
def apply() -> None:
    """Apply those that are the same for every evaluation, once in a process."""
    no_surrounding_repository()
    typed_generation_arguments()
    real_exceptions()
    bounded_peer_timeout()
    groups_without_scores()
    tasks_inside_groups()


def plain_log(verbosity: str) -> Callable[[], int]:
    """Log to standard output without colours, at the verbosity that was asked for.

    Importing lmms_eval removes all handlers, and its command line writes colours into files.

    Returns
    -------
    callable
        Gives the number of errors logged so far: some models swallow an exception, log it and answer nothing.
    """
    from loguru import logger

    counted = 0

    def count(_message: object) -> None:
        nonlocal counted
        counted += 1

    logger.remove()
    logger.add(
        sys.stdout,
        level=verbosity,
        colorize=False,
        format="{time:YYYY-MM-DD HH:mm:ss} | {level: <8} | {name}:{function}:{line} - {message}",
    )
    logger.add(count, level="ERROR", format="{message}")
    os.environ["VERBOSITY"] = verbosity
    return lambda: counted


def no_surrounding_repository() -> None:
    """Do not take the repository around the virtual environment for lmms-eval's own.

    lmms-eval runs git twelve times in the folder above its package; installed inside a project's checkout it
    reports that project's commit as its version.
    """
    import lmms_eval
    from lmms_eval import utils

    if (Path(lmms_eval.__path__[0]).parent / ".git").exists():
        return

    def no_git(*_: str) -> str:
        raise FileNotFoundError("lmms-eval is not a git checkout")

    utils._git_output = no_git  # noqa: SLF001


def typed_generation_arguments() -> None:
    """Take ``gen_kwargs`` that came as an object as they are; lmms-eval only knows text."""
    from lmms_eval import evaluator

    parse = evaluator.simple_parse_args_string

    def parse_text(arguments: Any) -> Any:
        return dict(arguments) if isinstance(arguments, dict) else parse(arguments)

    evaluator.simple_parse_args_string = parse_text


def real_exceptions() -> None:
    """Let scoring and downloading raise what really happened, and not retry what cannot get better.

    lmms-eval tries five times, two seconds apart, and then raises a ``RetryError`` that hides the cause. Other
    errors keep their retries: a judge or a network may do better the second time.
    """
    import tenacity
    from lmms_eval.api.task import ConfigurableTask

    hopeless = (
        NameError, ImportError, SyntaxError, NotImplementedError, MemoryError, FileNotFoundError, PermissionError,
    )  # fmt: skip
    for method in (ConfigurableTask.process_results, ConfigurableTask.download):
        method.retry.reraise = True
        method.retry.retry = tenacity.retry_if_exception(
            lambda error: (
                isinstance(error, Exception)
                and not isinstance(error, hopeless)
                and type(error).__name__ not in ("DatasetNotFoundError", "OfflineModeIsEnabled")
            )
        )


def bounded_peer_timeout() -> None:
    """Wait hours, not a day, for another rank; lmms-eval's own bound is 24 hours."""
    import torch.distributed.distributed_c10d as c10d

    c10d.default_pg_timeout = PEER_TIMEOUT


def device_for_ranks(model: Any, accelerator: Any) -> None:
    """Give a model without a device one: the evaluator counts the samples of all ranks there.

    Models that compute nothing here themselves (services, the dummy) have none and would fail with several ranks.
    """
    if accelerator is not None and not hasattr(model, "device"):
        model.device = accelerator.device


def groups_without_scores() -> None:
    """Let a group whose tasks all have no score have none either; lmms-eval fails over its average."""
    from lmms_eval import evaluator
    from lmms_eval.api.group import ConfigurableGroup

    consolidate = evaluator.consolidate_group_results

    def without_average(task_dict: dict[Any, Any], results: dict[str, dict[str, Any]]) -> bool:
        scored = False
        for name, member in task_dict.items():
            if not isinstance(member, dict):
                # A score is named "metric,filter".
                scored |= any("," in entry for entry in results.get(getattr(member, "task_name", ""), {}))
                continue
            group_scored = without_average(member, results)
            if isinstance(name, ConfigurableGroup) and not group_scored:
                name._config.aggregate_metric_list = None  # noqa: SLF001  (its `config` is a copy)
            scored |= group_scored
        return scored

    def consolidate_scored(results: Any, versions: Any, task_dict: Any) -> Any:
        without_average(task_dict, results)
        return consolidate(results, versions, task_dict)

    evaluator.consolidate_group_results = consolidate_scored


def tasks_inside_groups() -> None:
    """Let a task that is written out inside its group know its name; lmms-eval takes it away and then fails."""
    from lmms_eval.tasks import TaskManager

    load = TaskManager._load_individual_task_or_group  # noqa: SLF001

    def load_named(self: Any, *args: Any, **kwargs: Any) -> Any:
        loaded = load(self, *args, **kwargs)
        for name, task in loaded.items():
            if isinstance(name, str) and getattr(getattr(task, "config", None), "task", name) is None:
                task.config.task = name
        return loaded

    TaskManager._load_individual_task_or_group = load_named  # noqa: SLF001


def samples_of(limit: float | None, total: int) -> int | None:
    """How many samples a limit means for a task; none means all."""
    if limit is None or limit == -1:
        return None
    return math.ceil(total * limit) if 0 < limit < 1 else int(limit)


class LimitPerTask:
    """Applies a limit to each task by its own size.

    lmms-eval turns a fraction into a number for the first task and then uses that number for all.

    Parameters
    ----------
    limit
        The limit of the request.
    offset
        The offset of the request.
    built
        Called with each task whose requests are built.
    """

    def __init__(self, limit: float | None, offset: int, built: Callable[[Any], None]) -> None:
        self._limit = limit
        self._offset = offset
        self._built = built
        self._largest = 0
        self.effective: dict[str, int] = {}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Take the evaluator's place in resolving the limit."""
        from lmms_eval import evaluator

        with replaced(evaluator, "get_sample_size", self.resolve):
            yield

    def resolve(self, task: Any, _previous: float | None) -> int | None:
        """The number the evaluator goes on with.

        It uses the last one for scoring all tasks. The largest is right there: samples without requests are
        skipped. What is asked of the model is set for each task by itself.
        """
        total = len(task.eval_docs)
        limit = samples_of(self._limit, total)
        available = max(0, total - self._offset)
        self.effective[str(task.config.task)] = available if limit is None else min(limit, available)
        build = task.build_all_requests

        def build_own(**arguments: Any) -> None:
            build(**{**arguments, "limit": limit})
            self._built(task)

        task.build_all_requests = build_own
        if limit is None:
            return None
        self._largest = max(self._largest, limit)
        return self._largest

    def correct(self, results: dict[str, Any], scored: Mapping[str, int]) -> None:
        """Put the true numbers of samples into the results.

        Parameters
        ----------
        results
            What the evaluator returned.
        scored
            Samples per task that were scored, if the answering was stopped before its end.
        """
        for task, counts in results.get("n-samples", {}).items():
            if task in self.effective:
                counts["effective"] = scored.get(task, self.effective[task])
