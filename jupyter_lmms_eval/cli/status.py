"""`jupyter lmms-eval status`."""

from __future__ import annotations

import argparse

from .connecting import add_connection_options, connect, print_json
from .details import job_details, server_details
from .printing import console


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser("status", help="Show one job, or the server", description="Show one job.")
    parser.add_argument("job", nargs="?", metavar="JOB", help="Job id or its beginning; without it, the server")
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Show a job or the server."""
    with connect(args) as client:
        if args.job is None:
            health, queue = client.health(), client.get_queue_status()
            if args.json:
                print_json({"url": client.base_url, "health": health, "queue": queue})
            else:
                console().print(server_details(client.base_url, health, queue))
            return 0
        job = client.get_job(client.resolve_job_id(args.job))
    if args.json:
        print_json(job)
    else:
        console().print(job_details(job))
    return 0
