"""Translates a request into the options of lmms-eval's command line."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..protocol.jobs import EvaluateRequest
from ..protocol.redaction import redact_arguments
from ..protocol.run import RunSpec


def namespace_for(spec: RunSpec, output_path: str) -> argparse.Namespace:
    """What lmms-eval's command line would have parsed for a request.

    The defaults are the command line's own, because the evaluator reads options that no request has.

    Parameters
    ----------
    spec
        What is to be run.
    output_path
        Where lmms-eval saves.
    """
    import lmms_eval.__main__ as command_line

    namespace: argparse.Namespace
    argv = sys.argv
    sys.argv = ["lmms-eval"]
    try:
        parser, namespace = command_line.parse_eval_args()
    finally:
        sys.argv = argv
    request = spec.request
    namespace.model = request.model
    namespace.tasks = ",".join(request.tasks)
    namespace.model_args = model_args_text(request.model_args)
    namespace.output_path = output_path
    namespace.include_path = spec.include_paths or None
    namespace.timezone = "UTC"
    namespace.log_samples = request.log_samples or request.predict_only
    for name in _SAME_NAME:
        if (value := getattr(request, name)) is not None:
            setattr(namespace, name, value)
    if request.seed is not None:
        seed_type = next(action.type for action in parser._actions if action.dest == "seed")  # noqa: SLF001
        namespace.seed = seed_type(seed_text(request.seed))
    if isinstance(request.reasoning_tags, list):
        namespace.reasoning_tags = json.dumps(request.reasoning_tags)
    check(request)
    return namespace


_SAME_NAME = (
    "num_fewshot", "batch_size", "max_batch_size", "device", "limit", "offset", "gen_kwargs", "predict_only",
    "system_instruction", "apply_chat_template", "fewshot_as_multiturn", "repeats", "reasoning_tags", "max_tokens",
    "force_simple", "baseline", "process_with_media", "process_docs_parallel", "agentic_trace_mode",
    "launcher_args", "verbosity",
)  # fmt: skip


def check(request: EvaluateRequest) -> None:
    """Refuse what lmms-eval's command line refuses.

    Raises
    ------
    ValueError
        If options contradict each other.
    """
    if request.fewshot_as_multiturn and not request.apply_chat_template:
        raise ValueError("fewshot_as_multiturn needs apply_chat_template")
    if request.fewshot_as_multiturn and not request.num_fewshot:
        raise ValueError("fewshot_as_multiturn needs num_fewshot above 0")


def seed_text(seed: int | str | list[int | None]) -> str:
    """A seed as lmms-eval's command line reads it."""
    if isinstance(seed, list):
        return ",".join(str(part) for part in seed)
    return str(seed)


def model_args_text(arguments: dict[str, Any] | str | None) -> str:
    """Arguments of a model as one line for logs and result files, without secrets.

    The model itself never sees this text if the arguments came as an object.
    """
    if arguments is None:
        return ""
    if isinstance(arguments, str):
        return str(redact_arguments(arguments))
    return ",".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for name, value in redact_arguments(arguments).items()
    )


def match_tasks(wanted: list[str], known: list[str]) -> list[str]:
    """Resolve names and patterns of tasks as lmms-eval's command line does, but never drop one silently.

    Parameters
    ----------
    wanted
        Names of tasks, groups and tags, or patterns with ``*``.
    known
        Every name there is.

    Raises
    ------
    ValueError
        If a name is unknown or a pattern matches nothing.
    """
    import fnmatch

    matched: set[str] = set()
    missing: list[str] = []
    names = set(known)
    for entry in wanted:
        found = {entry} if entry in names else set(fnmatch.filter(known, entry))
        matched |= found
        if not found:
            missing.append(entry)
    if missing:
        raise ValueError(f"Tasks not found: {', '.join(missing)}")
    return sorted(matched)
