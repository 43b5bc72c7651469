"""`jupyter lmms-eval serve`: run a server in this terminal."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from .. import importing
from ..hosting.arguments import add_server_arguments

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "serve", help="Run an evaluation server", description="Run an evaluation server until Ctrl-C."
    )
    add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a server's arguments to a parser."""
    add_server_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the server; returns when it was told to stop."""
    with importing.for_good():
        from ..api.server_args import ServerArgs
        from ..engine.errors import EngineError
        from ..hosting.arguments import environment_token, given
        from ..hosting.binding import bind
        from ..hosting.blocking import launch_server

    asked = {**environment_token(), **given(arguments)}
    try:
        # The port is taken first: any free one must be known before the arguments are complete.
        sockets = bind(asked.get("host", ServerArgs.host), asked.get("port", ServerArgs.port))
        asked["port"] = sockets[0].getsockname()[1]
        launch_server(ServerArgs(**asked), sockets)
    except (EngineError, OSError, OverflowError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
