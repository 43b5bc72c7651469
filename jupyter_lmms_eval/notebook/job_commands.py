"""Subcommands that are about jobs: submit, jobs, logs, results, cancel, retry."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError

from ..client import EvalClient, UnknownJob
from ..client.arguments import add_evaluation_arguments, evaluation_request
from ..protocol.jobs import JobInfo, JobList, JobResults, JobStatus
from .identity import Keys, current_cell
from .job import JobHandle, jobs_table
from .markup import Table
from .parsing import nearest
from .scores import Scores
from .session import session

_keys: Keys = globals().get("_keys") or Keys()


def add_submit(parser: argparse.ArgumentParser) -> None:
    """Add the options of `submit`: lmms-eval's own, and two of ours."""
    add_evaluation_arguments(parser)
    add_submission(parser)


def add_submission(parser: argparse.ArgumentParser) -> None:
    """Add the options that every way of submitting has."""
    parser.add_argument("--wait", action="store_true", help="Wait until the job is over, with a progress bar")
    parser.add_argument(
        "--new", action="store_true", help="Submit another job even if this cell submitted the same one before"
    )


def submit(shell: Any, args: argparse.Namespace) -> JobHandle:
    """Submit an evaluation."""
    request, notes = evaluation_request(args)
    handle = send(shell, request, notes, new=args.new)
    return handle.wait() if args.wait else handle


def send(shell: Any, request: Mapping[str, Any], notes: Sequence[str], *, new: bool) -> JobHandle:
    """Submit a request, once per cell unless it shall be another job.

    Parameters
    ----------
    shell
        The IPython shell.
    request
        Fields of `EvaluateRequest`.
    notes
        Sentences to show with the job.
    new
        Whether it is another job in any case.
    """
    client = session.client()
    key = None if new else _keys.key(request, current_cell(shell))
    answer = client.evaluate(**request, idempotency_key=key)
    session.last_job = answer["job_id"]
    notes = list(notes)
    if not answer.get("created", True):
        notes.append("This cell submitted it before, so it is the same job; --new submits another")
        if answer.get("status") in (JobStatus.FAILED, JobStatus.CANCELLED):
            notes.append("`job.retry()` runs it again")
    return JobHandle(client, answer["job_id"], notes)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the options of `jobs`."""
    choices = [status.value for status in JobStatus]
    parser.add_argument("--status", action="append", choices=choices, help="Only these; repeatable")
    parser.add_argument("--model", help="Only jobs of this model")
    parser.add_argument("--task", help="Only jobs with this task")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="At most N jobs (default: 20)")
    parser.add_argument("--static", action="store_true", help="A table of this moment instead of a live one")


def jobs(_: Any, args: argparse.Namespace) -> object:
    """Show jobs, live where that is possible."""
    client = session.client()
    filtered = args.status or args.model or args.task
    if not (args.static or filtered) and (live := _live_table(client)) is not None:
        return live
    page = JobList.model_validate(client.list_jobs(args.status, args.model, args.task, args.limit))
    return jobs_table(page.jobs)


def _live_table(client: EvalClient) -> object | None:
    try:
        from ..widget import JobTable
    except ImportError:  # the packages of widgets are not installed
        return None
    # A table goes on asking with the token that a person gave; one that it finds itself it finds again.
    place = client.base_url, client.credentials.handed_on
    table = session.tables.get(place)
    if table is None or table.comm is None:  # none yet, or closed
        table = session.tables[place] = JobTable(client)
    return table


def add_logs(parser: argparse.ArgumentParser) -> None:
    """Add the options of `logs`."""
    _add_job(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="Go on until the job ends")
    parser.add_argument("--lines", "-n", type=int, metavar="N", help="Only the last N lines")


def logs(_: Any, args: argparse.Namespace) -> None:
    """Print a log."""
    client = session.client()
    handle = JobHandle(client, _job_id(client, args.job))
    if not args.follow:
        sys.stdout.write(handle.logs(args.lines))
        return
    for text in handle.follow():
        sys.stdout.write(text)


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the options of `results`."""
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="Job id or its beginning (default: the last one here)")


def results(_: Any, args: argparse.Namespace) -> Scores:
    """Show scores."""
    client = session.client()
    found = [_job_id(client, job) for job in args.jobs or [None]]
    return Scores(
        [
            (JobInfo.model_validate(client.get_job(job_id)), JobResults.model_validate(client.results(job_id)))
            for job_id in found
        ]
    )


def add_job_ids(parser: argparse.ArgumentParser) -> None:
    """Add the options of `retry`."""
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="Job id or its beginning")


def add_cancel(parser: argparse.ArgumentParser) -> None:
    """Add the options of `cancel`."""
    add_job_ids(parser)
    parser.add_argument(
        "--finish", action="store_true", help="Score the samples that are answered first; the scores are marked partial"
    )


def cancel(_: Any, args: argparse.Namespace) -> Table:
    """Cancel jobs, and say what the server said of each."""
    client = session.client()
    # All ids are completed before the first job is cancelled: a typing error cancels nothing.
    found = [_job_id(client, job) for job in args.jobs]
    said = [str(client.cancel_job(job_id, finish=args.finish)["message"]) for job_id in found]
    shown = [JobInfo.model_validate(client.get_job(job_id)) for job_id in found]
    return jobs_table(shown, note=" ".join(f"{text.rstrip('.')}." for text in said))


def retry(_: Any, args: argparse.Namespace) -> object:
    """Run finished jobs again."""
    client = session.client()
    handles = [JobHandle(client, _job_id(client, job)) for job in args.jobs]
    for handle in handles:
        handle.retry()
    session.last_job = handles[-1].job_id
    return handles[0] if len(handles) == 1 else jobs_table([handle.info for handle in handles])


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", metavar="JOB", help="Job id or its beginning (default: the last one here)")


def _job_id(client: EvalClient, given: str | None) -> str:
    if given is None:
        if session.last_job is None:
            raise UsageError("Say which job: its id or its beginning; `%lmms_eval_server jobs` lists them")
        return session.last_job
    try:
        return client.resolve_job_id(given)
    except UnknownJob as error:
        known = [job["job_id"][: max(8, len(given))] for job in client.list_jobs(limit=100)["jobs"]]
        raise UsageError(
            str(error).replace("`jupyter lmms-eval", "`%lmms_eval_server") + nearest(given, known)
        ) from None
