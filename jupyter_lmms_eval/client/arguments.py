"""lmms-eval's own command line, read as a request to a server."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..paths import absolute
from ..protocol.jobs import EvaluateRequest
from .sendable import WrongOption

# Flags that configure lmms-eval's own process; a service has its own answer to each.
# Number of values ("0", "1"), and what happens instead.
_IGNORED: dict[str, tuple[int, str]] = {
    "--use_cache": (1, "the server keeps every answer of a job until it is completed"),
    "--cache_requests": (1, "the server prepares requests anew"),
    "--write_out": (0, "look at the samples of the job instead"),
    "--show_config": (0, "the results file holds it"),
    "--log_samples_suffix": (1, "the server names its files itself"),
    "--timezone": (1, "the server's times carry their zone"),
    "--wandb_args": (1, "the server sends nothing to Weights & Biases"),
    "--wandb_log_samples": (0, "the server sends nothing to Weights & Biases"),
    "--swanlab_args": (1, "the server sends nothing to SwanLab"),
    "--swanlab_log_samples": (0, "the server sends nothing to SwanLab"),
    "--hf_hub_log_args": (1, "the server uploads nothing"),
    "--trust_remote_code": (0, "set HF_DATASETS_TRUST_REMOTE_CODE where the server is started"),
}

# Flags that ask for something other than an evaluation, or for options from elsewhere: ignoring them would run
# something else than what was meant.
_REFUSED: dict[str, tuple[int, str]] = {
    "--config": (1, "give the options of the file as flags"),
    "--check_integrity": (0, "it tests tasks; run it with lmms-eval itself"),
    "--tui": (0, "it starts lmms-eval's own interface"),
    "--power_analysis": (0, "it computes no evaluation; run `lmms-eval power`"),
    "--effect_size": (1, "it belongs to `lmms-eval power`"),
    "--alpha": (1, "it belongs to `lmms-eval power`"),
    "--power": (1, "it belongs to `lmms-eval power`"),
    "--correlation": (1, "it belongs to `lmms-eval power`"),
    "--std_a": (1, "it belongs to `lmms-eval power`"),
    "--std_b": (1, "it belongs to `lmms-eval power`"),
}

_DEST = "ignored_flags"
_PATHS = ("output_dir", "include_path")


class _Ignore(argparse.Action):
    """Remembers that a flag was given, for a note."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: object,  # noqa: ARG002
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        flag = self.option_strings[0]
        setattr(namespace, _DEST, [*(getattr(namespace, _DEST, None) or []), flag])


class _Refuse(argparse.Action):
    """Stops with the reason why a flag is of no use here."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002
        values: object,  # noqa: ARG002
        option_string: str | None = None,  # noqa: ARG002
    ) -> NoReturn:
        flag = self.option_strings[0]
        parser.error(f"{flag} means nothing to a server: {_REFUSED[flag][1]}")


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser lmms-eval's flags, each with its own name and meaning, and those that only a service has.

    Parameters
    ----------
    parser
        The parser; an option's destination is the name of a field of `EvaluateRequest`. Options that are not
        given are None, which leaves the choice to the server.
    """
    add = _Adder(parser.add_argument_group("evaluation", "Names and meanings are those of lmms-eval."))
    add("--model", required=True, metavar="NAME")
    add("--tasks", required=True, metavar="A,B", type=_tasks)
    add("--model_args", metavar="K=V,K=V")
    add("--limit", metavar="N", type=float)
    add("--offset", metavar="N", type=int)
    add("--batch_size", "-b", metavar="N")
    add("--max_batch_size", metavar="N", type=int)
    add("--num_fewshot", metavar="N", type=int)
    add("--gen_kwargs", metavar="K=V,K=V")
    add("--device", metavar="D")
    add("--seed", metavar="N[,N,N,N]")
    add("--repeats", "-n", "--num_samples", metavar="N", type=int, dest="repeats")
    add("--max_tokens", metavar="N", type=int)
    add("--system_instruction", metavar="TEXT")
    add("--apply_chat_template", action="store_true")
    add("--fewshot_as_multiturn", action="store_true")
    add("--reasoning_tags", metavar="JSON")
    add("--include_path", metavar="DIR")
    add("--force_simple", action="store_true")
    add("--predict_only", "-x", action="store_true")
    add("--log_samples", action="store_true")
    add("--no_log_samples", action="store_false", dest="log_samples", help="Do not keep the samples")
    add("--process_with_media", action="store_true")
    add("--process_docs_parallel", metavar="N", type=int)
    add("--agentic_trace_mode", choices=("basic", "full"))
    add("--baseline", metavar="NAME")
    add("--launcher_args", metavar="K=V,K=V")
    add("--verbosity", metavar="LEVEL", type=str.upper)
    add("--output_path", metavar="DIR", dest="output_dir")
    service = _Adder(parser.add_argument_group("service", "What only a service has."))
    service("--num_gpus", metavar="N", type=int)
    service("--one_process", action="store_true")
    service("--gpu_memory", metavar="GIB", type=float)
    service("--name", metavar="TEXT")
    service("--priority", metavar="N", type=int)
    service("--timeout", metavar="SECONDS", type=float)
    hidden = _Adder(parser)
    for action, flags in ((_Ignore, _IGNORED), (_Refuse, _REFUSED)):
        for flag, (values, _) in flags.items():
            short = ("-c",) if flag == "--use_cache" else ("-w",) if flag == "--write_out" else ()
            hidden(flag, *short, action=action, nargs=values or 0, help=argparse.SUPPRESS, dest=_DEST)


class _Adder:
    """Adds options that may be written with hyphens as well, are None unless given, and are described once."""

    def __init__(self, group: argparse._ActionsContainer) -> None:
        self._group = group

    def __call__(self, flag: str, *others: str, **keywords: Any) -> None:
        name = keywords.get("dest") or flag.lstrip("-")
        if "help" not in keywords and name in EvaluateRequest.model_fields:
            described = EvaluateRequest.model_fields[name].description or ""
            keywords["help"] = described.replace("%", "%%")
        hyphenated = flag[:2] + flag[2:].replace("_", "-")
        keywords.setdefault("default", None)
        self._group.add_argument(*dict.fromkeys([flag, *others, hyphenated]), **keywords)


def evaluation_request(namespace: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Make a request of parsed flags.

    Parameters
    ----------
    namespace
        What a parser with `add_evaluation_arguments` read; other attributes are ignored.

    Returns
    -------
    tuple of dict and list of str
        Fields of `EvaluateRequest`, and a line for each flag that has no effect.

    Raises
    ------
    WrongOption
        If a path begins with the home directory of nobody.
    """
    given = {name: getattr(namespace, name, None) for name in EvaluateRequest.model_fields}
    # An empty text is lmms-eval's default for most options: nothing.
    request = {name: value for name, value in given.items() if value is not None and value != ""}
    if request.get("limit") == -1:  # lmms-eval's word for all
        del request["limit"]
    for name in ("limit", "timeout"):
        if isinstance(request.get(name), float) and request[name].is_integer():
            request[name] = int(request[name])
    for name in _PATHS:
        if name in request:
            # The server has a working directory of its own.
            try:
                request[name] = absolute(request[name])
            except ValueError as error:
                raise WrongOption(str(error)) from None
    if "reasoning_tags" in request:
        request["reasoning_tags"] = _reasoning_tags(request["reasoning_tags"])
    notes = [f"{flag} has no effect: {_IGNORED[flag][1]}." for flag in getattr(namespace, _DEST, None) or []]
    return request, notes


_LAUNCHED = re.compile(r"lmms[-_]eval(\.__main__)?")
_PROCESSES = ("--num_processes", "--num-processes", "--nproc_per_node", "--nproc-per-node")


def without_launcher(argv: Sequence[str]) -> list[str]:
    """Drop how lmms-eval was started from a pasted command line.

    Parameters
    ----------
    argv
        For example ``accelerate launch --num_processes=8 -m lmms_eval --model ...``; without a launcher it is
        returned as it is.

    Returns
    -------
    list of str
        The flags of lmms-eval; the number of processes becomes ``--num_gpus``.
    """
    words = list(argv)
    if not words or words[0].startswith("-"):
        return words
    for at, word in enumerate(words):
        if _LAUNCHED.fullmatch(Path(word).name):
            flags = words[at + 2 :] if words[at + 1 : at + 2] == ["eval"] else words[at + 1 :]
            processes = _launched_processes(words[:at])
            return [*flags, "--num_gpus", processes] if processes else flags
    return words


def _launched_processes(words: list[str]) -> str | None:
    for at, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in _PROCESSES:
            found = value if equals else next(iter(words[at + 1 :]), "")
            return found if found.isdigit() else None  # `gpu` and `auto` are the server's to decide
    return None


def _tasks(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("name at least one task")
    if names == ["list"]:
        raise argparse.ArgumentTypeError("to see the tasks, use `EvalClient().list_tasks()`")
    return names


def _reasoning_tags(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # the server says what is wrong with it
