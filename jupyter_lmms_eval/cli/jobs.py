"""`jupyter lmms-eval jobs`."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import httpx

from ..client import EvalClient
from ..protocol.jobs import JobStatus
from .connecting import add_connection_options, connect, print_json
from .printing import console
from .tables import live_table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_REFRESH = 1.0  # seconds
_LINES_AROUND = 10  # of a live table: heading, devices, and the prompt


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser("jobs", help="List jobs, or watch them", description="List jobs, newest first.")
    parser.add_argument("--watch", "-w", action="store_true", help="Keep the table up to date until Ctrl-C")
    parser.add_argument(
        "--status", action="append", choices=[status.value for status in JobStatus], help="Only these; may be repeated"
    )
    parser.add_argument("--model", help="Only jobs of this model")
    parser.add_argument("--task", help="Only jobs with this task")
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="At most N jobs (default 20)")
    add_connection_options(parser)
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """List once, or watch."""
    if args.watch and args.json:
        args.parser.error("--watch is for people and --json for programs; give one of them")
    screen = console()
    with connect(args) as client:
        if args.json:
            print_json(_list(client, args, args.limit))
        elif args.watch and screen.is_terminal:
            _watch(client, args, screen)
        else:
            screen.print(live_table(_list(client, args, args.limit)["jobs"]))
    return 0


def _list(client: EvalClient, args: argparse.Namespace, limit: int) -> dict[str, Any]:
    return client.list_jobs(args.status, args.model, args.task, limit)


def _watch(client: EvalClient, args: argparse.Namespace, screen: Console) -> None:
    from rich.live import Live

    def current() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        fitting = max(1, min(args.limit, screen.height - _LINES_AROUND))
        return _list(client, args, fitting)["jobs"], client.devices()

    jobs, devices = current()
    silent_since: float | None = None

    def table() -> RenderableType:
        silence = None if silent_since is None else time.monotonic() - silent_since
        return live_table(jobs, devices, silence=silence)

    with Live(table(), console=screen, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(_REFRESH)
                try:
                    jobs, devices = current()
                    silent_since = None
                except httpx.TransportError:  # a server that is restarted comes back; the table stays meanwhile
                    silent_since = silent_since or time.monotonic()
                live.update(table(), refresh=True)
        except KeyboardInterrupt:
            return


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a positive whole number, not {text!r}")
    return int(text)
