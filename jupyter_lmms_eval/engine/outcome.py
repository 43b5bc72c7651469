"""Turn what an attempt left into how it ended."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..protocol.jobs import AttemptEnd, Failure, FailureCause, JobInfo, JobResults, SampleCount
from ..protocol.run import EXIT_DISK_FULL, EXIT_INTERRUPTED, RunFiles, RunOutcome
from ..results.reading import read_results
from .errors import ResultsGone
from .run import Run, Stop


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    Attributes
    ----------
    ended
        In one word.
    failure
        Why, if it failed.
    scores
        What the job gets if there are results: ``result``, ``metrics``, ``partial``.
    timings
        Seconds by phase, as far as it told.
    imported
        Modules that it had to import although it was forked from a template.
    """

    ended: AttemptEnd
    failure: Failure | None = None
    scores: dict[str, Any] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    imported: list[str] = field(default_factory=list)


def ending_of(run: Run, *, disk_full: bool) -> Ending:
    """Tell how an attempt ended that is over.

    Only the outcome file that this very attempt wrote last says that it succeeded: lmms-eval's exit code is 0
    also for failures, and a folder may hold another run's results.

    Parameters
    ----------
    run
        The attempt.
    disk_full
        Whether the disk of the jobs is full, where an evaluation could not even say why it failed.
    """
    if run.stopped is Stop.CANCEL:
        return Ending(AttemptEnd.CANCELLED)
    outcome = _read(run.files.outcome(run.plan.attempt))
    if outcome is not None and outcome.status == "ok" and outcome.results_path is not None:
        try:
            scores = _scores(outcome, outcome.results_path)
            return Ending(AttemptEnd.COMPLETED, scores=scores, timings=outcome.timings, imported=outcome.imported)
        except (OSError, ValueError) as error:
            return _failed(run, _unreadable(outcome.results_path, error))
    if outcome is not None and outcome.failure is not None:
        return _failed(run, outcome.failure)
    if run.stopped is Stop.INTERRUPT:
        return Ending(AttemptEnd.INTERRUPTED)
    if run.stopped is Stop.TIMEOUT:
        return _failed(run, _out_of_time(run))
    if run.stopped is Stop.STALL:
        return _failed(run, _hung(run))
    if run.exit_code == EXIT_DISK_FULL or disk_full:
        return _failed(run, disk_full_failure())
    return _failed(run, _died(run.exit_code))


def error_text(failure: Failure) -> str:
    """Write a failure for people in one paragraph: what happened, what to do, where the log is."""
    text = f"{failure.type}: {failure.message}" if failure.type else failure.message
    sentences = [text, failure.advice]
    closed = [part if part.endswith((".", "!", "?")) else f"{part}." for part in sentences if part]
    return " ".join([*closed, *([f"Log: {failure.log_path}"] if failure.log_path else [])])


def job_results(info: JobInfo) -> JobResults:
    """Read the results of a job from its files.

    Raises
    ------
    ResultsGone
        If they are gone or damaged.
    """
    outcome = _read(RunFiles(str(info.job_dir)).outcome(info.attempt))
    if outcome is None or outcome.results_path is None:
        raise ResultsGone(info.job_id, f"no outcome of attempt {info.attempt} in {info.job_dir}")
    try:
        results = read_results(outcome.results_path)
    except (OSError, ValueError) as error:
        raise ResultsGone(info.job_id, f"{outcome.results_path}: {error}") from error
    return JobResults(
        job_id=info.job_id,
        status=info.status,
        model=info.request.model,
        partial=info.partial,
        metrics=results.metrics,
        n_samples=outcome.n_samples or results.n_samples,
        timings=outcome.timings,
        results_path=outcome.results_path,
        samples_paths=outcome.samples_paths,
        versions=outcome.versions,
    )


def sample_counts(info: JobInfo) -> dict[str, SampleCount]:
    """Return how many samples the tasks of a job have; nothing if its files are gone; blocking."""
    outcome = _read(RunFiles(str(info.job_dir)).outcome(info.attempt))
    return {} if outcome is None else outcome.n_samples


def disk_full_failure() -> Failure:
    """Describe an evaluation that ended because the disk was full."""
    return Failure(
        cause=FailureCause.DISK_FULL,
        type="",
        message="The disk is full, the evaluation could not write down its answers",
        advice="Free space, then try it again; what was answered before is kept",
    )


def _scores(outcome: RunOutcome, path: str) -> dict[str, Any]:
    results = read_results(path)
    return {
        "result": {Path(path).parent.name: {"results": path, "samples": outcome.samples_paths}},
        "metrics": results.metrics,
        "partial": outcome.partial,
    }


def _failed(run: Run, failure: Failure) -> Ending:
    return Ending(AttemptEnd.FAILED, failure.model_copy(update={"log_path": str(run.files.log)}))


def _read(path: Path) -> RunOutcome | None:
    try:
        return RunOutcome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _unreadable(path: str, error: Exception) -> Failure:
    damaged = isinstance(error, json.JSONDecodeError)
    return Failure(
        cause=FailureCause.ERROR,
        type=type(error).__name__,
        message=f"The results at {path} {'are damaged' if damaged else 'cannot be read'}: {error}",
        advice="Try the job again; its answers are kept, so that only the scoring is done anew",
    )


def _out_of_time(run: Run) -> Failure:
    return Failure(
        cause=FailureCause.TIMEOUT,
        type="",
        message=f"The job's time was over; this attempt ran {run.seconds:.0f} s",
        advice="Try it again to continue with the answers it has, or submit it with a longer timeout",
    )


def _hung(run: Run) -> Failure:
    return Failure(
        cause=FailureCause.STALLED,
        type="",
        message=run.trouble,
        advice="The log shows what each of its threads was doing",
    )


def _died(exit_code: int | None) -> Failure:
    """Describe an evaluation whose very supervisor ended without a word."""
    how = f"exit code {exit_code}"
    if exit_code == EXIT_INTERRUPTED:
        how = "somebody asked it to end"
    elif exit_code is not None and exit_code < 0:
        how = signal.Signals(-exit_code).name
    return Failure(
        cause=FailureCause.CRASH,
        type="",
        message=f"The evaluation process ended without an outcome ({how})",
        advice="Look at the end of the log; if the machine ran out of memory, ask for less",
    )
