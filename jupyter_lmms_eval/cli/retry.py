"""`jupyter lmms-eval retry`."""

from __future__ import annotations

import argparse

from .connecting import add_connection_options, connect, print_json


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        "retry",
        help="Run finished jobs again",
        description="Put finished jobs back into the queue. Samples that were answered before are not asked again.",
    )
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="Job id or its beginning")
    parser.add_argument("--drop-answers", action="store_true", help="Ask the model again for every sample")
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Retry; with ``--json``, print a list with one job each."""
    with connect(args) as client:
        # All ids are completed before the first job runs again: a typing error starts nothing.
        ids = [client.resolve_job_id(job) for job in args.jobs]
        jobs = [client.retry_job(job_id, keep_answers=not args.drop_answers) for job_id in ids]
    if args.json:
        print_json(jobs)
        return 0
    for job in jobs:
        print(f"Job {job['job_id']} is queued again, attempt {job['attempt'] + 1}")
    return 0
