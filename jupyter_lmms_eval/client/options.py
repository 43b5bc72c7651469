"""The options of an evaluation as Python keywords, and the request made of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..protocol.jobs import EvaluateRequest
from .sendable import sendable, task_names


class ExtraOptions(TypedDict, total=False):
    """Options beyond those of lmms-eval's own client; `EvaluateRequest` says what they mean."""

    max_batch_size: int | None
    offset: int | None
    system_instruction: str | None
    apply_chat_template: bool | None
    fewshot_as_multiturn: bool | None
    seed: int | str | Sequence[int | None] | None
    repeats: int | None
    reasoning_tags: str | Sequence[Sequence[str]] | None
    include_path: str | Sequence[str] | None
    max_tokens: int | None
    force_simple: bool | None
    baseline: str | None
    process_with_media: bool | None
    process_docs_parallel: int | None
    agentic_trace_mode: str | None
    launcher_args: str | None
    verbosity: str | None
    one_process: bool | None
    name: str | None
    priority: int | None
    timeout: float | None


class EvaluateOptions(ExtraOptions, total=False):
    """Every option of an evaluation except model and tasks."""

    model_args: dict[str, Any] | str | None
    num_fewshot: int | None
    batch_size: int | str | None
    device: str | None
    limit: int | float | None
    gen_kwargs: str | dict[str, Any] | None
    log_samples: bool | None
    predict_only: bool | None
    num_gpus: int | None
    gpu_memory: float | None
    output_dir: str | None


def evaluate_payload(model: str, tasks: Sequence[str] | str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Make the body of an evaluation request.

    Parameters
    ----------
    model
        Model type.
    tasks
        Names of tasks; one text may hold several, separated by commas.
    options
        Other fields of `EvaluateRequest`; None leaves the choice to the server.

    Returns
    -------
    dict
        The JSON object.

    Raises
    ------
    TypeError
        If an option does not exist: a misspelt ``limit`` would otherwise run the whole evaluation.
    WrongOption
        If a value is none that a request can carry.
    """
    for name in options:
        if name not in EvaluateRequest.model_fields:
            near = difflib.get_close_matches(name, EvaluateRequest.model_fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"evaluate() got an unexpected option {name!r}{hint}")
    payload = {"model": model, "tasks": task_names(tasks), **options}
    return {name: sendable(value, name) for name, value in payload.items() if value is not None}
