"""`jupyter lmms-eval results`."""

from __future__ import annotations

import argparse

from .connecting import add_connection_options, connect, print_json
from .printing import console
from .tables import results_table


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        "results", help="Print the scores of completed jobs", description="Print scores with their standard errors."
    )
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="Job id or its beginning")
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print scores; with ``--json``, a list with one object per job."""
    with connect(args) as client:
        job_ids = [client.resolve_job_id(job) for job in args.jobs]
        results = [client.results(job_id) for job_id in job_ids]
        if args.json:
            print_json(results)
            return 0
        # The results know the scores, the job knows what a person called it.
        jobs = [
            client.get_job(job_id) | {"metrics": result["metrics"]}
            for job_id, result in zip(job_ids, results, strict=True)
        ]
    screen = console()
    screen.print(results_table(jobs))
    for result in results:
        screen.print(result["results_path"], style="dim", soft_wrap=True, highlight=False)
    return 0
