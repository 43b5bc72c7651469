"""`jupyter lmms-eval serve`: run a server in this terminal."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

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
    parser.add_argument("--host", default="localhost", help="Address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="Port; 0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--token",
        default=os.environ.get("LMMS_EVAL_TOKEN"),
        help="Token that clients must send; default: $LMMS_EVAL_TOKEN, which other users cannot read as they can "
        "arguments, else a random one; '' asks for none",
    )
    parser.add_argument("--state-dir", default=None, help="Folder of the jobs; default: in Jupyter's data directory")
    parser.add_argument(
        "--max-completed-jobs",
        type=int,
        default=100,
        help="Finished jobs kept in memory; all stay on disk (default: %(default)s)",
    )
    parser.add_argument(
        "--temp-dir-prefix", default="lmms_eval_", help="Start of job directories' names (default: %(default)s)"
    )
    parser.add_argument(
        "--include-path",
        action="append",
        default=[],
        metavar="DIR",
        help="Task folder that joins the catalog and that jobs may use; may be repeated",
    )
    parser.add_argument(
        "--cpu-slots", type=int, default=1, help="Evaluations that may run on the CPU at once (default: %(default)s)"
    )
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME", help="Further name clients use for this server"
    )
    parser.add_argument(
        "--allow-merge", action="store_true", help="Permit /merge, which runs code from the checkpoint it merges"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the server; returns when it was told to stop."""
    from ..api.server_args import ServerArgs
    from ..engine.errors import EngineError
    from ..hosting.binding import bind
    from ..hosting.blocking import launch_server

    try:
        # The port is taken first: any free one must be known before the arguments are complete.
        sockets = bind(arguments.host, arguments.port)
        args = ServerArgs(
            host=arguments.host,
            port=sockets[0].getsockname()[1],
            token=arguments.token,
            state_dir=arguments.state_dir,
            max_completed_jobs=arguments.max_completed_jobs,
            temp_dir_prefix=arguments.temp_dir_prefix,
            include_paths=arguments.include_path,
            cpu_slots=arguments.cpu_slots,
            allowed_hosts=arguments.allowed_host,
            allow_merge=arguments.allow_merge,
        )
        launch_server(args, sockets)
    except (EngineError, OSError, OverflowError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
