"""Entry point of `jupyter lmms-eval`."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

# What each subcommand is for. A module of its name holds `add_parser(subparsers)` and `run(args) -> int`, and is
# imported only when it is called: `jobs` need not pay for what `serve` needs.
SUBCOMMANDS = {
    "serve": "Start an evaluation server in this terminal",
    "submit": "Submit an evaluation, with lmms-eval's own flags",
    "jobs": "List jobs, or watch them",
    "status": "Show one job, or the server",
    "logs": "Print the log of a job, or follow it",
    "results": "Print the scores of completed jobs",
    "cancel": "Cancel jobs that wait or run",
    "retry": "Run finished jobs again",
    "devices": "List the devices of the server's machine",
    "demo": "Evaluate tiny models on handwritten digits, without any download",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Parameters
    ----------
    argv
        Words after `jupyter lmms-eval`; None takes those of the process.

    Returns
    -------
    int
        0: done; 1: failed, with one sentence on stderr; 2: the command line makes no sense.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = next((word for word in words if not word.startswith("-")), None)
    module = import_module(f".{name}", __package__) if name in SUBCOMMANDS else None
    if module is not None and hasattr(module, "prepare"):
        at = words.index(name or "") + 1
        words[at:] = module.prepare(words[at:])
    try:
        args = _parse(words, name, module)
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else 2
    return 2 if module is None else _run(module, args)


def _parse(words: Sequence[str], name: str | None, module: ModuleType | None) -> argparse.Namespace:
    from .._version import __version__

    parser = argparse.ArgumentParser(
        prog="jupyter lmms-eval", description="Evaluations of multimodal models as a service on this machine."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for known, purpose in SUBCOMMANDS.items():
        if module is not None and known == name:
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(known, help=purpose)  # for the list of commands only
    args, rest = parser.parse_known_args(words)
    if rest:
        used = subparsers.choices[args.subcommand]
        used.error(f"unrecognized arguments: {' '.join(rest)}{_hint(rest[0], used)}")
    return args


def _hint(word: str, parser: argparse.ArgumentParser) -> str:
    flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001  (not told otherwise)
    near = difflib.get_close_matches(word.partition("=")[0], flags, n=1) if word.startswith("--") else []
    return f"; did you mean {near[0]}?" if near else ""


def _run(module: ModuleType, args: argparse.Namespace) -> int:
    from ..client.failing import sentence

    try:
        return int(module.run(args))
    except KeyboardInterrupt:
        return 1
    except SystemExit as stop:  # a usage error found late, or a sentence
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        # The reader of a pipe has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        print(message, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
