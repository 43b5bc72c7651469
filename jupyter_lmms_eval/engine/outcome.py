"""Turn what an attempt left into the end of its job."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..protocol.jobs import Failure, FailureCause, JobInfo, JobResults, JobStatus
from ..protocol.run import RunFiles, RunOutcome
from ..results.reading import read_results
from .clock import now
from .run import Run


def finished_job(run: Run) -> dict[str, Any]:
    """Return the changes to a job whose attempt is over.

    Only the outcome file that this very attempt wrote last says that it succeeded: lmms-eval's exit code is 0
    also for failures, and a folder may hold another run's results.
    """
    changes: dict[str, Any] = {"completed_at": now(), "progress": run.progress}
    if run.cancelled:
        return {**changes, "status": JobStatus.CANCELLED}
    files = RunFiles(run.job_dir)
    outcome = _read(files.outcome(run.attempt))
    if outcome is None:
        failure = _died(run.exit_code)
    elif outcome.status != "ok" or outcome.results_path is None:
        failure = outcome.failure or _died(run.exit_code)
    else:
        results = read_results(outcome.results_path)
        paths = {"results": outcome.results_path, "samples": outcome.samples_paths}
        return {
            **changes,
            "status": JobStatus.COMPLETED,
            "result": {Path(outcome.results_path).parent.name: paths},
            "metrics": results.metrics,
            "progress": run.progress.model_copy(update={"phase": "done", "eta_seconds": 0.0}),
        }
    failure = failure.model_copy(update={"log_path": str(files.log)})
    text = f"{failure.type}: {failure.message}" if failure.type else failure.message
    sentences = [text, failure.advice, f"Log: {files.log}"]
    error = " ".join(
        part if part.endswith((".", "!", "?")) or part is sentences[-1] else f"{part}." for part in sentences if part
    )
    return {**changes, "status": JobStatus.FAILED, "error": error, "failure": failure}


def job_results(info: JobInfo) -> JobResults:
    """Read the results of a completed job from its files."""
    outcome = _read(RunFiles(str(info.job_dir)).outcome(info.attempt))
    if outcome is None or outcome.results_path is None:
        raise FileNotFoundError(f"The results of job {info.job_id} are gone from {info.job_dir}")
    results = read_results(outcome.results_path)
    return JobResults(
        job_id=info.job_id,
        status=info.status,
        model=info.request.model,
        metrics=results.metrics,
        n_samples=outcome.n_samples or results.n_samples,
        timings=outcome.timings,
        results_path=outcome.results_path,
        samples_paths=outcome.samples_paths,
        versions=outcome.versions,
    )


def _read(path: Path) -> RunOutcome | None:
    try:
        return RunOutcome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _died(exit_code: int | None) -> Failure:
    """Describe an evaluation whose very supervisor ended without a word."""
    how = f"exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        how = signal.Signals(-exit_code).name
    return Failure(
        cause=FailureCause.CRASH,
        type="",
        message=f"The evaluation process ended without an outcome ({how}).",
        advice="Look at the end of the log; if the machine ran out of memory, ask for less.",
    )
