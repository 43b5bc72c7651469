"""The subcommands of the magic: what each is for, what it reads, what it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from ..client.arguments import without_launcher
from . import job_commands, server_commands
from .parsing import HelpAsked, MagicParser, nearest

MAGIC = "%lmms_eval_server"


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes
    ----------
    purpose
        What it is for, in a line.
    add
        Adds its options to a parser.
    run
        Does it; what it returns is shown.
    """

    purpose: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Any, argparse.Namespace], object]


COMMANDS = {
    "start": Command(
        "Start a server in this kernel, or use the one there is", server_commands.add_start, server_commands.start
    ),
    "stop": Command("Stop the server; its jobs stay on disk", server_commands.add_stop, server_commands.stop),
    "status": Command("Show the server, or one job", server_commands.add_status, server_commands.status),
    "submit": Command(
        "Submit an evaluation with lmms-eval's own flags; a whole command line can be pasted",
        job_commands.add_submit,
        job_commands.submit,
    ),
    "jobs": Command("Show the jobs, live", job_commands.add_jobs, job_commands.jobs),
    "logs": Command("Print the log of a job, or follow it", job_commands.add_logs, job_commands.logs),
    "results": Command("Show the scores of completed jobs", job_commands.add_results, job_commands.results),
    "cancel": Command("Cancel jobs that wait or run", job_commands.add_cancel, job_commands.cancel),
    "retry": Command(
        "Run finished jobs again; samples that were answered count", job_commands.add_job_ids, job_commands.retry
    ),
    "devices": Command("List the devices and who holds them", server_commands.no_options, server_commands.devices),
    "free": Command(
        "Say what holds the devices, and how to free them", server_commands.no_options, server_commands.free
    ),
    "list": Command("List your servers on this machine", server_commands.no_options, server_commands.servers),
    "connect": Command(
        "Choose the server that this notebook talks to", server_commands.add_connect, server_commands.connect
    ),
}


def parser_of(name: str) -> MagicParser:
    """Make the parser of a subcommand."""
    parser = MagicParser(prog=f"{MAGIC} {name}", description=COMMANDS[name].purpose + ".")
    COMMANDS[name].add(parser)
    return parser


def overview() -> str:
    """Write the help of the magic."""
    lines = [f"    {MAGIC} {name:<8} {command.purpose}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Evaluations of multimodal models with lmms-eval, as a service of this machine.",
            "",
            *lines,
            "",
            f"Help of a subcommand: {MAGIC} start? (or {MAGIC} start --help).",
            "Jobs can also be written as lmms-eval's YAML, in a cell that begins with %%lmms_eval_job.",
        ]
    )


def run(shell: Any, words: Sequence[str]) -> object:
    """Run a subcommand.

    Parameters
    ----------
    shell
        The IPython shell.
    words
        Its name and what follows.

    Returns
    -------
    object
        What is to be shown.

    Raises
    ------
    HelpAsked
        If help was asked for.
    UsageError
        If the words make no sense.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        raise HelpAsked(overview())
    name, *rest = words
    if name not in COMMANDS:
        raise UsageError(f"{MAGIC} has no subcommand {name!r}{nearest(name, list(COMMANDS))}. See {MAGIC}?")
    if name == "submit":
        rest = without_launcher(rest)
    return COMMANDS[name].run(shell, parser_of(name).parse_all(rest))
