"""Make the paths in a request absolute: an evaluation runs in a directory of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..protocol.jobs import EvaluateRequest
from .arguments import split_arguments

# Arguments whose value is a checkpoint or a file. Others may equal a file's name by chance.
_PATH_KEYS = frozenset({"pretrained", "peft", "delta", "model", "tokenizer", "processor", "data", "config", "path"})
_PATH_SUFFIXES = ("_path", "_dir", "_file")


def with_absolute_paths(request: EvaluateRequest, base: Path) -> EvaluateRequest:
    """Return the request with every relative path that exists under ``base`` made absolute.

    lmms-eval resolves ``pretrained=checkpoints/a`` against the directory it is started in, which for its users is
    the server's.
    """
    changes: dict[str, Any] = {}
    if isinstance(request.model_args, dict):
        changes["model_args"] = {key: _absolute(key, value, base) for key, value in request.model_args.items()}
    elif request.model_args:
        parts = [part.partition("=") for part in split_arguments(request.model_args)]
        changes["model_args"] = ",".join(f"{key}={_absolute(key, value, base)}" for key, _, value in parts)
    if request.output_dir is not None:
        changes["output_dir"] = str(base / os.path.expanduser(request.output_dir))  # noqa: PTH111  (see _absolute)
    if request.include_path is not None:
        folders = [request.include_path] if isinstance(request.include_path, str) else request.include_path
        changes["include_path"] = [os.path.realpath(base / folder) for folder in folders]
    return request.model_copy(update=changes)


def _absolute(key: str, value: Any, base: Path) -> Any:
    if not isinstance(value, str) or not (key in _PATH_KEYS or key.endswith(_PATH_SUFFIXES)):
        return value
    if key == "model" and os.sep not in value:  # the name of a model, by any likelihood
        return value
    # Those of pathlib raise for users that there are not and names that no disk takes; this is only a question.
    path = base / os.path.expanduser(value)  # noqa: PTH111
    return str(path) if value and os.path.exists(path) else value  # noqa: PTH110
