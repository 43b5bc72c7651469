"""`jupyter lmms-eval submit`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from ..client import EvalClient
from ..client.arguments import add_evaluation_arguments, evaluation_request, without_launcher
from .connecting import add_connection_options, connect, print_json


def prepare(words: Sequence[str]) -> list[str]:
    """Accept a whole pasted command line, `accelerate launch -m lmms_eval --model ...`."""
    return without_launcher(words)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        "submit",
        help="Submit an evaluation, with lmms-eval's own flags",
        description="Submit an evaluation. A command line of lmms-eval can be pasted as it is.",
    )
    add_evaluation_arguments(parser)
    parser.add_argument("--wait", action="store_true", help="Wait until the job is over, and print its scores")
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Submit, and wait if asked to."""
    request, notes = evaluation_request(args)
    for note in notes:
        print(note, file=sys.stderr)
    with connect(args) as client:
        answer = client.evaluate(**request)
        for warning in answer.get("warnings", []):
            print(warning, file=sys.stderr)
        if not args.wait:
            _print_answer(answer, args.json)
            return 0
        if not args.json:
            _print_answer(answer, False)
        job = _wait(client, answer["job_id"], quiet=args.json)
    if args.json:
        print_json(job)
    else:
        from .printing import console
        from .tables import results_table

        console().print(results_table([job]))
    return 0


def _print_answer(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    before = answer.get("position_in_queue") or 0
    place = "" if before == 0 else f", after {before} other{'s' if before > 1 else ''}"
    print(f"Job {answer['job_id']} {answer['status']}{place}.", flush=True)


def _wait(client: EvalClient, job_id: str, quiet: bool) -> dict[str, Any]:
    try:
        return client.wait_for_job(job_id, poll_interval=1.0, verbose=not quiet)
    except KeyboardInterrupt:
        print(f"No longer waiting; job {job_id} goes on.", file=sys.stderr)
        raise
