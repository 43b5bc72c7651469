"""Options that every subcommand has, and the client they lead to."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..client import EvalClient

# The first submission may wait until the tasks are listed.
TIMEOUT_SECONDS = 120.0


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options that say which server is meant and how to answer.

    Parameters
    ----------
    parser
        A subcommand's parser.
    """
    group = parser.add_argument_group("server")
    group.add_argument("--url", help="The server, http://host:port; default: the one that runs on this machine")
    group.add_argument("--token", help="Its token; default: LMMS_EVAL_TOKEN, or what a server of yours recorded")
    group.add_argument("--json", action="store_true", help="Print JSON and nothing else")


def connect(args: argparse.Namespace) -> EvalClient:
    """Connect to the server that the options name.

    Parameters
    ----------
    args
        What a parser with `add_connection_options` read.

    Returns
    -------
    EvalClient
        To be closed, as a context manager.

    Raises
    ------
    NoServerRunning
        If none is named and none runs.
    SystemExit
        If the URL is none (exit code 2).
    """
    try:
        return EvalClient(args.url, timeout=TIMEOUT_SECONDS, token=args.token)
    except ValueError as error:
        print(f"--url: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def print_json(value: Any) -> None:
    """Print a value for another program.

    Parameters
    ----------
    value
        Anything that JSON can hold.
    """
    print(json.dumps(value, indent=2, ensure_ascii=False))
