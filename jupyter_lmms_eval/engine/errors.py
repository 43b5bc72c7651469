"""What the engine refuses, each with a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..protocol.server import FieldError


class EngineError(Exception):
    """A refusal; its text is one sentence for a person."""


class EvaluationPackagesMissing(EngineError):
    """lmms-eval or torch is not installed where the server runs."""


class StateDirTaken(EngineError):
    """Another server works on the same state directory."""


class StoreTooNew(EngineError):
    """The database of jobs was made by a newer version of this package."""


class DiskFull(EngineError):
    """There is no room on the disk of the jobs; what could not be stored was not stored at all.

    Parameters
    ----------
    folder
        Where room is needed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(f"The disk of the jobs is full: make room on the disk of {folder}, then try again")


class JobNotFound(EngineError):
    """No job has this id.

    Parameters
    ----------
    job_id
        The id as given.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} not found")


class JobAlreadyFinished(EngineError):
    """The job can no longer be changed."""


class JobNotFinished(EngineError):
    """The job still waits or runs."""


class JobNotQueued(EngineError):
    """The job does not wait (any more)."""


class KeyReused(EngineError):
    """An idempotency key came again with another request."""


class QueueFull(EngineError):
    """So many jobs wait that no more are taken.

    Parameters
    ----------
    most
        How many may wait.
    """

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most:,} jobs wait, and no more are taken: submit again when some are done, cancel some, or start the "
            "server with a higher --max-queued-jobs"
        )


class StorageFull(EngineError):
    """The jobs take as much of the disk as the operator gave them; the text says how much."""


class SecretsNeeded(EngineError):
    """The secrets of a job were deleted when it ended, and are needed once more.

    Parameters
    ----------
    job_id
        The job.
    fields
        The fields of its request that held them.
    """

    def __init__(self, job_id: str, fields: Sequence[str]) -> None:
        names = " and ".join(fields)
        super().__init__(
            f"The secrets in {names} of job {job_id} were deleted when it ended: give {names} again in the body of the "
            "retry, or submit a new job"
        )


class ResultsNotReady(EngineError):
    """The job has no results (yet)."""


class ResultsGone(EngineError):
    """The files of a job's results are gone or damaged.

    Parameters
    ----------
    job_id
        The job.
    why
        What is wrong with them.
    """

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(
            f"The results of job {job_id} cannot be read ({why}); try it again: its answers are kept, so that only "
            "the scoring is done anew"
        )


class SamplesNotReady(EngineError):
    """The job has no samples (yet)."""


class SamplesGone(EngineError):
    """The files of a job's samples are gone or damaged.

    Parameters
    ----------
    job_id
        The job.
    why
        What is wrong with them.
    """

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(
            f"The samples of job {job_id} cannot be read ({why}); try it again: its answers are kept, so that only "
            "the scoring is done anew"
        )


class SampleNotFound(EngineError):
    """The job has no such task, or the task no such sample."""


class MediaNotFound(EngineError):
    """A sample has no such picture, video or sound."""


class MediaUnavailable(EngineError):
    """The media of a sample could not be had from its dataset."""


class LogUnreadable(EngineError):
    """A job's log is not a file of its own.

    Parameters
    ----------
    path
        The log.
    what
        What it is.
    """

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"The log {path} is {what}, and is not read; look at it yourself, or remove it")


class CatalogUnavailable(EngineError):
    """The list of tasks and models could not be built."""


class InvalidRequest(EngineError):
    """An evaluation that cannot work, found before it was accepted.

    Parameters
    ----------
    errors
        What is wrong, one entry for each field or name.
    """

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(error.message for error in errors))
