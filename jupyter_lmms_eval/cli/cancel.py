"""`jupyter lmms-eval cancel`."""

from __future__ import annotations

import argparse

from .connecting import add_connection_options, connect, print_json


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        "cancel", help="Cancel jobs that wait or run", description="Cancel jobs that wait or run."
    )
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="Job id or its beginning")
    parser.add_argument(
        "--finish", action="store_true", help="Score the samples that are answered first; the scores are marked partial"
    )
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Cancel; with ``--json``, print a list with one object per job."""
    with connect(args) as client:
        # All ids are completed before the first job is cancelled: a typing error cancels nothing.
        answers = [{"job_id": job_id} for job_id in [client.resolve_job_id(job) for job in args.jobs]]
        for answer in answers:
            answer["message"] = client.cancel_job(answer["job_id"], finish=args.finish)["message"]
            if not args.json:
                print(answer["message"], flush=True)
    if args.json:
        print_json(answers)
    return 0
