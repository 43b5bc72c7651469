"""lmms-eval's YAML configurations, read as requests."""

from __future__ import annotations

import argparse
from typing import Any

import yaml
from IPython.core.error import UsageError

from ..client.arguments import add_evaluation_arguments, evaluation_request
from ..client.options import evaluate_payload
from ..protocol.jobs import EvaluateRequest
from .parsing import MagicParser, nearest

_MAGIC = "%%lmms_eval_job"
# lmms-eval's name, and ours.
_RENAMED = {"output_path": "output_dir", "num_samples": "repeats"}
_ENVIRONMENT = (
    "`env:` cannot be set per job: an evaluation inherits the environment of its server, so set variables "
    "(os.environ[...]) before `%lmms_eval_server start`"
)


def read_configs(text: str) -> list[tuple[dict[str, Any], list[str]]]:
    """Read a configuration, or a list of them.

    Parameters
    ----------
    text
        YAML with the keys of lmms-eval's configuration files.

    Returns
    -------
    list of tuple of dict and list of str
        For each: fields of `EvaluateRequest`, and a line for each key that has no effect.

    Raises
    ------
    UsageError
        If it is no YAML, or has keys that mean nothing.
    WrongOption
        If it has values that no request can carry.
    """
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{_MAGIC}: this is not YAML{where}: {getattr(error, 'problem', None) or error}") from None
    configs = read if isinstance(read, list) else [read]
    if not configs or not all(isinstance(config, dict) for config in configs):
        raise UsageError(f"{_MAGIC} wants YAML in the cell's body: keys such as model and tasks, or a list of such")
    return [_request(config) for config in configs]


def _request(config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    if "env" in config:
        raise UsageError(f"{_MAGIC}: {_ENVIRONMENT}")
    values = {_RENAMED.get(str(key), str(key)): value for key, value in config.items() if value is not None}
    for name in ("model", "tasks"):
        if not values.get(name):
            raise UsageError(f"{_MAGIC}: `{name}:` is missing")
    fields = {name: value for name, value in values.items() if name in EvaluateRequest.model_fields}
    notes = [note for name in values.keys() - fields.keys() for note in _effect(name, values[name])]
    if isinstance(fields["tasks"], str):
        fields["tasks"] = [task.strip() for task in fields["tasks"].split(",") if task.strip()]
    # Structures arrive as they are; what the command line writes as text is read as the command line is.
    structured = {name: value for name, value in fields.items() if not isinstance(value, str) or name == "tasks"}
    request, _ = evaluation_request(argparse.Namespace(**{n: v for n, v in fields.items() if n not in structured}))
    made = {**structured, **request}
    # Examined here, before the first of several is submitted.
    return evaluate_payload(made.pop("model"), made.pop("tasks"), made), sorted(notes)


def _effect(key: str, value: object) -> list[str]:
    """Tell what a key does that is no field of a request: nothing, or it is refused, or it is unknown."""
    parser = MagicParser(prog=_MAGIC, add_help=False)
    add_evaluation_arguments(parser)
    flags = {flag for action in parser._actions for flag in action.option_strings}  # noqa: SLF001  (not told otherwise)
    if f"--{key}" not in flags:
        known = sorted({flag[2:].replace("-", "_") for flag in flags if flag.startswith("--")})
        raise UsageError(f"{_MAGIC} does not know the key {key!r}{nearest(key, known)}")
    takes_none = next(action.nargs == 0 for action in parser._actions if f"--{key}" in action.option_strings)  # noqa: SLF001
    if takes_none and not value:
        return []
    words = [f"--{key}"] if takes_none else [f"--{key}", str(value)]
    parsed, _ = parser.parse_known_args(["--model", "-", "--tasks", "-", *words])
    return evaluation_request(parsed)[1]
