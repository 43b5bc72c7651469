"""The attempts at a job, in sentences."""

from __future__ import annotations

from ..protocol.jobs import Attempt, AttemptEnd, JobInfo
from . import wording
from .progress import clock

_ENDINGS = {
    AttemptEnd.COMPLETED: "completed",
    AttemptEnd.FAILED: "failed",
    AttemptEnd.CANCELLED: "was cancelled",
    AttemptEnd.INTERRUPTED: "was interrupted",
}


def attempts(job: JobInfo) -> list[str]:
    """Say of each attempt at a job how it ended and why.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    list of str
        For example ``Attempt 1 on cuda:0 failed after 0:12, 120 samples answered (out of memory): Tried to
        allocate 9.31 GiB``; nothing of a single attempt, which the job itself tells.
    """
    if len(job.attempts) < 2:
        return []
    *before, last = job.attempts
    return [*(_sentence(attempt) for attempt in before), _sentence(last, partial=job.partial)]


def _sentence(attempt: Attempt, *, partial: bool = False) -> str:
    with_batches = "" if attempt.batch_size is None else f" with batch size {attempt.batch_size}"
    where = f" on {wording.devices(attempt.devices)}" if attempt.devices else ""
    what = f"Attempt {attempt.number}{where}{with_batches}"
    if attempt.ended is None:
        return f"{what} runs"
    count = attempt.samples_done
    answered = f"{count:,} sample{'' if count == 1 else 's'} answered" if count else "no sample answered"
    cause = f" ({attempt.cause.value.replace('_', ' ')})" if attempt.cause else ""
    why = attempt.message or ("its server ended" if attempt.ended is AttemptEnd.INTERRUPTED else "")
    ended = "was told to finish early" if partial else _ENDINGS[attempt.ended]
    ending = f"{what} {ended} after {clock(attempt.seconds)}, {answered}{cause}"
    return f"{ending}: {why}" if why else ending
