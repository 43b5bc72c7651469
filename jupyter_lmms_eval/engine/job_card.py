"""A job's card: what the database says of it, written once more into the job's own directory.

The database is the truth. The cards are for the day on which it is damaged or deleted (`recovery`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..protocol.jobs import EvaluateRequest, JobInfo
from ..protocol.run import RunFiles
from .disk import is_full

logger = logging.getLogger(__name__)

# What only the running server can say is never stored.
VOLATILE = {"position_in_queue", "wait_reason"}

# Fields of a request that came after digests were first stored: one that says nothing must not change the digest, or
# a cell that runs again after an update is told that its request is another.
_LATER_FIELDS = ("timeout", "gpu_memory", "one_process")

# Beyond it the database would soon have no number left for the next job: only damage writes such a one.
LARGEST_NUMBER = 2**53


@dataclass(frozen=True)
class Submission:
    """What makes two submissions the same one.

    Parameters
    ----------
    key
        The client's name for it.
    digest
        Digest of the request.
    """

    key: str
    digest: str

    @classmethod
    def of(cls, key: str, request: EvaluateRequest) -> Submission:
        """Digest a request, whatever the order of its fields; its secrets must be taken out before.

        A digest of a secret could be found by trial. A placeholder stands for it by a keyed digest.
        """
        fields = request.model_dump(mode="json")
        for name in _LATER_FIELDS:
            if fields[name] == EvaluateRequest.model_fields[name].default:
                del fields[name]
        text = json.dumps(fields, sort_keys=True)
        return cls(key, hashlib.sha256(text.encode()).hexdigest())


class JobCard(BaseModel):
    """All that is stored of a job."""

    model_config = ConfigDict(extra="ignore")

    seq: int = Field(ge=1, le=LARGEST_NUMBER, description="Place in the order of arrival")
    submission: Submission | None = Field(default=None, description="Its idempotency key, if it has one")
    info: JobInfo

    @field_validator("info")
    @classmethod
    def _revision_can_go_on(cls, info: JobInfo) -> JobInfo:
        if info.revision > LARGEST_NUMBER:
            raise ValueError(f"revision {info.revision} was never reached")
        return info


def write_card(card: JobCard) -> None:
    """Write the card of a job, so that a reader sees the old one or the new one; private to the user.

    Nothing is written for a job without a directory, nor on a full disk: the database has it all.

    Parameters
    ----------
    card
        The card.

    Raises
    ------
    OSError
        If the card cannot be written for another reason.
    """
    if card.info.job_dir is None:
        return
    path = RunFiles(card.info.job_dir).card
    new = path.with_name(path.name + ".new")
    text = card.model_dump_json(exclude={"info": VOLATILE})
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text.encode())
        # No fsync: that would double the cost of every change, for a copy that is needed once in years.
        new.replace(path)
    except FileNotFoundError:  # a person removed the directory
        return
    except OSError as error:
        new.unlink(missing_ok=True)
        if not is_full(error):
            raise


def keep_card(card: JobCard, *, new: bool = False) -> None:
    """Write the card of a stored job; that the spare copy cannot be written is logged, and must not fail the job.

    Parameters
    ----------
    card
        The card.
    new
        Whether the job's directory is made first if it is missing.
    """
    try:
        if new and card.info.job_dir is not None:
            Path(card.info.job_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_card(card)
    except OSError as error:
        logger.warning("The card of job %s could not be written: %s", card.info.job_id, error)


def read_card(path: Path) -> JobCard | None:
    """Read the card of a job.

    Parameters
    ----------
    path
        The file (`RunFiles.card`).

    Returns
    -------
    JobCard or None
        None for a file that is missing, unreadable, or no card.
    """
    try:
        return JobCard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
