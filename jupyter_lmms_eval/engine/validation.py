"""Whether an evaluation can work, told before it is accepted: a pure decision over the catalog and the devices."""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..protocol.jobs import LARGEST, EvaluateRequest
from ..protocol.redaction import redact
from ..protocol.secrets import FIELDS, sealed_fields
from ..protocol.server import FieldError
from .arguments import problem_with_arguments, problem_with_reasoning_tags, problem_with_seed, split_arguments
from .catalog import Catalog
from .placement import eligible_devices

# Of many names that are amiss so many are told, and the others counted: to find what is like one takes 10 ms.
MOST_TOLD = 10
# Nobody mistypes a longer name.
_LONGEST_MISTYPED = 200
# More than lmms-eval has. Of paths and patterns, which are looked for one by one, fewer.
MOST_TASKS = 10_000
MOST_LOOKED_FOR = 100
# What a disk takes; a longer path is resolved for minutes.
_LONGEST_NAME = 4096


@dataclass
class Findings:
    """What a look at a request found.

    Attributes
    ----------
    errors
        Why it cannot work; empty if it can.
    warnings
        What will not be as the sender may think.
    tasks
        The tasks to run: as named, paths replaced by the names of the tasks they define.
    """

    errors: list[FieldError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)

    def refuse(self, name: str, message: str, nearest: Sequence[str] = ()) -> None:
        """Note a reason against the request."""
        # It may quote what was sent, and is shown and kept in other places than that was.
        self.errors.append(FieldError(field=name, message=redact(message), nearest=list(nearest)))


def examine(
    request: EvaluateRequest,
    catalog: Catalog,
    devices: Sequence[str],
    include_paths: Sequence[str],
    *,
    allow_remote_code: bool = False,
    suggest: bool = True,
) -> Findings:
    """Look a request over.

    Parameters
    ----------
    request
        What was asked for; its single fields are already well-formed.
    catalog
        The tasks and models there are.
    devices
        Identities of the machine's devices.
    include_paths
        Task folders the operator allows.
    allow_remote_code
        Whether the operator allows code that comes with a checkpoint.
    suggest
        Whether to name what is like an unknown model or task; it takes a tenth of a second.
    """
    findings = Findings()
    _examine_fields(request, findings)
    _examine_numbers(request, findings)
    _examine_model(request, catalog, suggest, findings)
    _examine_tasks(request, catalog, include_paths, suggest, findings)
    _examine_devices(request, devices, findings)
    _examine_arguments(request, findings)
    _examine_trust(request, allow_remote_code, findings)
    _examine_folders(request, include_paths, findings)
    return findings


def nearest(name: str, known: Collection[str], count: int = 3) -> list[str]:
    """Return the known names most like ``name``, best first; upper and lower case count as the same."""
    if len(name) > _LONGEST_MISTYPED:
        return []
    by_folded = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), list(by_folded), n=count, cutoff=0.6)
    return [by_folded[match] for match in matches]


def _examine_fields(request: EvaluateRequest, findings: Findings) -> None:
    unknown = request.unknown_fields
    for name in unknown[:MOST_TOLD]:
        close = nearest(name, EvaluateRequest.model_fields, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        findings.warnings.append(f"Unknown field {name!r} is ignored{hint}")
    if further := len(unknown[MOST_TOLD:]):
        findings.warnings.append(f"{further:,} further unknown fields are ignored")


def _examine_numbers(request: EvaluateRequest, findings: Findings) -> None:
    """Refuse what nobody means; here, as the request itself must also hold what was stored when more was taken."""
    for name in EvaluateRequest.model_fields:
        value = getattr(request, name)
        if isinstance(value, (int, float)) and abs(value) > LARGEST:
            findings.refuse(name, f"{name} is beyond {LARGEST:,}, which nobody can mean")


def _examine_model(request: EvaluateRequest, catalog: Catalog, suggest: bool, findings: Findings) -> None:
    if request.model in catalog.models or request.model in catalog.model_aliases:
        return
    close = nearest(request.model, {*catalog.models, *catalog.model_aliases}) if suggest else []
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "GET /models lists the names"
    if "/" in request.model:
        hint = "give its type here, for example 'qwen2_5_vl', and the checkpoint as model_args pretrained=..."
    findings.refuse("model", f"Unknown model {request.model!r}; {hint}", close)


def _examine_tasks(
    request: EvaluateRequest, catalog: Catalog, include_paths: Sequence[str], suggest: bool, findings: Findings
) -> None:
    if len(request.tasks) > MOST_TASKS:
        findings.refuse("tasks", f"{len(request.tasks):,} names are more than there are tasks; 'mmmu*' names many")
        return
    looked_for = [task for task in request.tasks if task not in catalog.tasks and (_is_path(task) or _is_pattern(task))]
    if problem := _too_much_to_look_for(looked_for):
        findings.refuse("tasks", f"tasks: {problem}")
        return
    unknown: list[str] = []
    for task in request.tasks:
        if task in catalog.tasks:
            findings.tasks.append(task)
        elif _is_path(task):
            _examine_task_path(task, catalog, include_paths, findings)
        elif _is_pattern(task) and fnmatch.filter(catalog.tasks, task):
            findings.tasks.append(task)
        else:
            unknown.append(task)
    _refuse_unknown(unknown, catalog, suggest, findings)
    _warn_of_repeated(request.tasks, findings)
    findings.tasks = list(dict.fromkeys(findings.tasks))


def _refuse_unknown(unknown: Sequence[str], catalog: Catalog, suggest: bool, findings: Findings) -> None:
    for task in unknown[:MOST_TOLD]:
        close = nearest(task, catalog.tasks) if suggest and not _is_pattern(task) else []
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "GET /tasks lists the names"
        what = "No task matches" if _is_pattern(task) else "Unknown task"
        findings.refuse("tasks", f"{what} {task!r}; {hint}", close)
    if further := len(unknown[MOST_TOLD:]):
        findings.refuse("tasks", f"{further:,} further names stand for no task; GET /tasks lists the names")


def _warn_of_repeated(tasks: Sequence[str], findings: Findings) -> None:
    repeated = sorted(task for task, count in Counter(tasks).items() if count > 1)
    for task in repeated[:MOST_TOLD]:
        findings.warnings.append(f"Task {task!r} is named more than once and runs once")
    if further := len(repeated[MOST_TOLD:]):
        findings.warnings.append(f"{further:,} further tasks are named more than once and run once")


def _is_path(task: str) -> bool:
    return os.sep in task or task.endswith((".yaml", ".yml"))


def _is_pattern(task: str) -> bool:
    return any(char in task for char in "*?[")


def _too_much_to_look_for(names: Sequence[str]) -> str | None:
    """Say that there are more paths or patterns than anybody gives, or longer ones, or None."""
    if len(names) > MOST_LOOKED_FOR:
        return f"{len(names):,} paths or patterns are more than the {MOST_LOOKED_FOR} that are looked for at once"
    if any(len(name) > _LONGEST_NAME for name in names):
        return f"no path or pattern has more than {_LONGEST_NAME:,} characters"
    return None


def _examine_task_path(task: str, catalog: Catalog, include_paths: Sequence[str], findings: Findings) -> None:
    path = os.path.realpath(task)
    if not within(path, include_paths):
        findings.refuse(
            "tasks",
            f"Task file {task!r} is outside the task folders of this server "
            f"({', '.join(include_paths) or 'none'}); start it with --include-path {os.path.dirname(path)}",  # noqa: PTH120
        )
        return
    # Paths are resolved only where the names allow that they are the same: resolving two thousand takes a while.
    names = {os.path.basename(task.rstrip("/")), os.path.basename(path)}  # noqa: PTH119
    defined = [
        name
        for name, known in catalog.tasks.items()
        if known.yaml_path and any(part in known.yaml_path for part in names) and _same_place(known.yaml_path, path)
    ]
    if defined:
        findings.tasks += sorted(defined)
    else:
        findings.refuse("tasks", f"{task!r} defines no task; name a task file or folder within {include_paths}")


def _same_place(yaml_path: str, path: str) -> bool:
    found = os.path.realpath(yaml_path)
    return found == path or found.startswith(path + os.sep)


def _examine_devices(request: EvaluateRequest, devices: Sequence[str], findings: Findings) -> None:
    eligible = eligible_devices(request.device, devices)
    if not eligible:
        findings.refuse(
            "device", f"This machine has no device {request.device!r}; it has {', '.join(devices)}", list(devices)
        )
    elif request.num_gpus > len(eligible):
        findings.refuse(
            "num_gpus",
            f"num_gpus is {request.num_gpus}, this machine has {len(eligible)} such "
            f"device{'s' if len(eligible) > 1 else ''} ({', '.join(eligible)})",
        )
    if request.gpu_memory is not None and request.num_gpus > 1:
        findings.refuse("gpu_memory", "gpu_memory is a part of one GPU; leave it out, or set num_gpus to 1")
    inside = _device_argument(request)
    if inside.startswith("cuda:") and inside != "cuda:0":
        findings.warnings.append(
            f"An evaluation sees only the devices it is given, numbered from 0: device={inside} in model_args will "
            f"not be found; set the request's own device to {inside!r} and leave it out of model_args"
        )
    if request.device in ("cuda", "gpu") and not any(name.startswith("cuda:") for name in devices):
        findings.warnings.append("This machine has no GPU; the evaluation runs on the CPU")


def _device_argument(request: EvaluateRequest) -> str:
    """Return the device that the model's own arguments name, if any."""
    if isinstance(request.model_args, dict):
        return str(request.model_args.get("device", ""))
    parts = [part.partition("=") for part in split_arguments(request.model_args or "")]
    return next((value for key, _, value in parts if key == "device"), "")


def _examine_arguments(request: EvaluateRequest, findings: Findings) -> None:
    checks = {
        "model_args": problem_with_arguments(request.model_args) if isinstance(request.model_args, str) else None,
        "gen_kwargs": problem_with_arguments(request.gen_kwargs) if isinstance(request.gen_kwargs, str) else None,
        "seed": problem_with_seed(request.seed),
        "reasoning_tags": problem_with_reasoning_tags(request.reasoning_tags),
    }
    for name, problem in checks.items():
        if problem:
            findings.refuse(name, f"{name}: {problem}")
    if request.fewshot_as_multiturn and not request.apply_chat_template:
        findings.refuse("fewshot_as_multiturn", "fewshot_as_multiturn needs apply_chat_template")
    if request.fewshot_as_multiturn and not request.num_fewshot:
        findings.refuse("fewshot_as_multiturn", "fewshot_as_multiturn needs num_fewshot above 0")
    if request.predict_only and not request.log_samples:
        findings.warnings.append("predict_only keeps the samples, so log_samples is on")


_NOT_TRUE = frozenset({"", "0", "false", "no", "off", "none", "null"})
_TRUSTS = re.compile(
    r"trust[_-]remote[_-]code[\"']?(?:\s*[=:]\s*[\"']?(?P<value>[^\s,\"'}\])]*)|(?P<flag>(?![\w-])))", re.IGNORECASE
)


def _examine_trust(request: EvaluateRequest, allow_remote_code: bool, findings: Findings) -> None:
    for name in FIELDS:
        if not allow_remote_code and trusts_remote_code(getattr(request, name)):
            findings.refuse(
                name,
                f"{name}: trust_remote_code runs code that comes with the checkpoint, and is off; leave it out, or "
                "start the server with --allow-remote-code to permit it",
            )
    for name in sealed_fields(request):
        findings.refuse(
            name,
            f"{name}: '[redacted]' stands for a secret, which this server gives to nobody; put the secret in its place",
        )


def trusts_remote_code(arguments: object) -> bool:
    """Tell whether arguments ask to run code that comes with a checkpoint.

    Parameters
    ----------
    arguments
        An object, nested or not, or a text as lmms-eval or a launcher takes it.
    """
    if isinstance(arguments, str):
        found = _TRUSTS.finditer(arguments)
        return any(match["value"] is None or match["value"].lower() not in _NOT_TRUE for match in found)
    if isinstance(arguments, Mapping):
        return any(
            str(value).strip().lower() not in _NOT_TRUE
            if str(name).replace("-", "_").lower().endswith("trust_remote_code")
            else trusts_remote_code(value)
            for name, value in arguments.items()
        )
    return isinstance(arguments, (list, tuple)) and any(trusts_remote_code(value) for value in arguments)


def _examine_folders(request: EvaluateRequest, include_paths: Sequence[str], findings: Findings) -> None:
    asked = [request.include_path] if isinstance(request.include_path, str) else request.include_path or []
    if problem := _too_much_to_look_for(asked):
        findings.refuse("include_path", f"include_path: {problem}")
        return
    for folder in asked:
        if not within(os.path.realpath(folder), include_paths):
            findings.refuse(
                "include_path",
                f"Task folder {folder!r} is outside those of this server ({', '.join(include_paths) or 'none'}); "
                f"start it with --include-path {os.path.realpath(folder)}",
            )
        elif not os.path.isdir(folder):  # noqa: PTH112  (of a name that no disk takes, pathlib raises)
            findings.refuse("include_path", f"Task folder {folder!r} does not exist")
    if request.output_dir is not None and (problem := _problem_with_output_dir(request.output_dir)):
        findings.refuse("output_dir", f"output_dir {request.output_dir!r} {problem}; name a folder")


def _problem_with_output_dir(folder: str) -> str | None:
    try:
        mode = os.stat(os.path.expanduser(folder)).st_mode  # noqa: PTH111, PTH116  (as it is read later)
    except (FileNotFoundError, PermissionError):
        return None
    except NotADirectoryError:
        return "lies below a file"
    except OSError as error:
        return f"cannot be used ({error.strerror})"
    return None if stat.S_ISDIR(mode) else "is a file"


def within(path: str, folders: Sequence[str]) -> bool:
    """Tell whether a resolved path is one of the folders or lies in one."""
    return any(path == (root := os.path.realpath(folder)) or path.startswith(root + os.sep) for folder in folders)
