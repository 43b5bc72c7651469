"""`jupyter lmms-eval logs`."""

from __future__ import annotations

import argparse
import sys

from ..client import EvalClient
from .connecting import add_connection_options, connect, print_json

_BYTES_PER_LINE = 200  # a first guess of how far back N lines reach


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser("logs", help="Print the log of a job, or follow it", description="Print a log.")
    parser.add_argument("job", metavar="JOB", help="Job id or its beginning")
    parser.add_argument("--follow", "-f", action="store_true", help="Go on until the job ends")
    parser.add_argument("--lines", "-n", type=int, metavar="N", help="Only the last N lines")
    add_connection_options(parser)
    parser.set_defaults(parser=parser)


def run(args: argparse.Namespace) -> int:
    """Print a log."""
    if args.follow and args.json:
        args.parser.error("--follow prints text as it comes and --json one object; give one of them")
    with connect(args) as client:
        job_id = client.resolve_job_id(args.job)
        text, start, end = _all(client, job_id) if args.lines is None else _tail(client, job_id, max(0, args.lines))
        if args.json:
            print_json({"text": text, "offset": start, "next_offset": end})
            return 0
        _write(text)
        if args.follow:
            try:
                for more in client.follow_logs(job_id, end):
                    _write(more)
            except KeyboardInterrupt:
                return 0
    return 0


def _all(client: EvalClient, job_id: str) -> tuple[str, int, int]:
    parts, offset = [], 0
    while (chunk := client.logs(job_id, offset))["text"]:
        parts.append(chunk["text"])
        offset = chunk["next_offset"]
    return "".join(parts), 0, offset


def _tail(client: EvalClient, job_id: str, lines: int) -> tuple[str, int, int]:
    reach = (lines + 1) * _BYTES_PER_LINE
    while True:
        first = chunk = client.logs(job_id, -reach)
        text = first["text"]
        while chunk["text"] and not chunk["complete"]:
            chunk = client.logs(job_id, chunk["next_offset"])
            text += chunk["text"]
        found = text.splitlines(keepends=True)
        # One line more than wanted, because the first may have lost its beginning.
        if len(found) > lines or first["offset"] == 0:
            kept = "".join(found[len(found) - lines :] if lines < len(found) else found)
            return kept, chunk["next_offset"] - len(kept.encode()), chunk["next_offset"]
        reach *= 4


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
