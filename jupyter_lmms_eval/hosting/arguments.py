"""The arguments of a server as flags: of the terminal, of the magic, and back again for a process of its own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..api.server_args import ServerArgs
from ..paths import absolute

TOKEN_VARIABLE = "LMMS_EVAL_TOKEN"  # noqa: S105  (its name, not its value)


@dataclass(frozen=True)
class Flag:
    """How an argument of a server is written.

    Attributes
    ----------
    field
        Its name in `ServerArgs`; its default there says of which kind it is.
    help
        What it does.
    word
        The flag, if it is not the field's name; that of a list is given once for each item.
    metavar
        What stands for its value in the help.
    default
        What happens without it, where the default in `ServerArgs` does not say it.
    path
        Whether its value names a folder or a file: that of the person who types it, wherever the server works.
    """

    field: str
    help: str
    word: str = ""
    metavar: str | None = None
    default: str = ""
    path: bool = False

    @property
    def flag(self) -> str:
        """The flag with its hyphens."""
        return self.word or f"--{self.field.replace('_', '-')}"


# A new argument of `ServerArgs` is one entry here.
FLAGS = (
    Flag("host", "Address to listen on", metavar="ADDRESS"),
    Flag("port", "Port to listen on; 0 for any free one", metavar="N"),
    Flag(
        "token",
        f"Token that clients must send; '' asks for none. Rather set {TOKEN_VARIABLE}: other users see what is typed "
        "in a terminal, and a notebook is saved with what is typed there",
        default=f"{TOKEN_VARIABLE} of the environment, else a random one",
    ),
    Flag("state_dir", "Folder of the jobs", metavar="DIR", default="in Jupyter's data directory", path=True),
    Flag("max_completed_jobs", "Finished jobs kept in memory; all stay on disk", metavar="N"),
    Flag("temp_dir_prefix", "Start of the names of jobs' folders", metavar="TEXT"),
    Flag(
        "include_paths",
        "Folder of tasks that join the catalog and that jobs may use",
        "--include-path",
        "DIR",
        path=True,
    ),
    Flag("cpu_slots", "Evaluations that may run on the CPU at once", metavar="N"),
    Flag("allowed_hosts", "Further name by which clients may address the server", "--allowed-host", "NAME"),
    Flag("allow_merge", "Permit /merge, which runs code of the checkpoint that it merges"),
    Flag("allow_remote_code", "Permit trust_remote_code, which runs code that comes with a checkpoint"),
    Flag(
        "tls_certificate", "Speak HTTPS, with this certificate (PEM)", metavar="FILE", default="plain HTTP", path=True
    ),
    Flag("tls_key", "The certificate's key (PEM)", metavar="FILE", default="in the certificate's file", path=True),
    Flag("max_queued_jobs", "Jobs that may wait; no more are taken", metavar="N"),
    Flag(
        "max_stored_gb",
        "Gigabytes that jobs may take; then no more are taken, and none is removed; 0 for as much as the disk has",
        metavar="GB",
    ),
    Flag("crash_retries", "Further attempts after an evaluation crashed or hung where it did before", metavar="N"),
    Flag("stall_factor", "An evaluation hangs if it answers nothing for N times the usual time ...", metavar="N"),
    Flag("stall_seconds", "... and for at least S seconds", metavar="S"),
    Flag(
        "min_free_gpu_memory",
        "Share of a GPU's memory, 0 to 1, that must be free before an evaluation starts there",
        metavar="SHARE",
    ),
    Flag(
        "fresh_processes",
        "Start every evaluation as a fresh process, seconds slower, instead of keeping one (1 GB) to fork them from",
    ),
    Flag("keep_models", "Seconds for which a model stays in memory for the next job; 0 keeps none", metavar="S"),
    Flag("cancelled_as_failed", "Say `failed` of cancelled jobs, for lmms-eval's own client, which would wait forever"),
)


def add_server_arguments(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Give a parser the arguments of a server.

    What is not given is None, so that it is known what a person asked for; `given` reads it.

    Parameters
    ----------
    parser
        The parser; an option's destination is the name of a field of `ServerArgs`.
    **defaults
        Defaults that the help shall name instead of those of `ServerArgs`, by field.
    """
    for flag in FLAGS:
        default = _default(flag.field)
        options: dict[str, Any] = {"dest": flag.field, "default": None}
        if isinstance(default, bool):
            parser.add_argument(flag.flag, action="store_true", help=flag.help, **options)
        elif isinstance(default, list):
            text = f"{flag.help}; may be repeated"
            parser.add_argument(
                flag.flag, action="append", type=_kind(flag), metavar=flag.metavar, help=text, **options
            )
        else:
            usual = defaults.get(flag.field, default)
            shown = flag.default or (f"{usual:g}" if isinstance(usual, float) else usual)
            text = f"{flag.help} (default: {shown})"
            parser.add_argument(flag.flag, type=_kind(flag), metavar=flag.metavar, help=text, **options)


def given(namespace: argparse.Namespace) -> dict[str, Any]:
    """Read what was asked for.

    Parameters
    ----------
    namespace
        What a parser with `add_server_arguments` read; other attributes are ignored.

    Returns
    -------
    dict
        Fields of `ServerArgs`. The port may be 0, which `ServerArgs` does not take: it is to be chosen first.
    """
    values = {flag.field: getattr(namespace, flag.field) for flag in FLAGS}
    return {name: value for name, value in values.items() if value is not None}


def environment_token() -> dict[str, str]:
    """Read the token of a server from the environment.

    Returns
    -------
    dict
        The field ``token``; nothing if the variable is not set or empty: nobody opens a door by leaving it empty.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    return {"token": token} if token else {}


def words(values: Mapping[str, Any]) -> list[str]:
    """Write arguments as flags, except those that have their defaults.

    Parameters
    ----------
    values
        Values by field of `ServerArgs`.
    """
    written: list[str] = []
    for flag in FLAGS:
        value = values.get(flag.field, _default(flag.field))
        if value == _default(flag.field):
            continue
        if isinstance(value, bool):
            written.append(flag.flag)
        else:
            # One word with its flag, as a value may begin with a hyphen.
            written += [f"{flag.flag}={item}" for item in (value if isinstance(value, list) else [value])]
    return written


def _kind(flag: Flag) -> Callable[[str], object]:
    """Return what reads a value of a flag."""
    default = _default(flag.field)
    if flag.path:
        return _folder
    return type(default) if isinstance(default, (int, float)) else str


def _folder(text: str) -> str:
    try:
        return absolute(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _default(field: str) -> object:
    return getattr(_DEFAULTS, field)


_DEFAULTS = ServerArgs()
