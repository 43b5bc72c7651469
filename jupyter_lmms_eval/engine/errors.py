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


class KeyReused(EngineError):
    """An idempotency key came again with another request."""


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
