"""The words between the engine and an evaluation process: files in the directory of a job.

Everything is a file, so a restarted server reads what a running or finished evaluation left, and an
evaluation never waits for a reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .jobs import EvaluateRequest, Failure, SampleCount

# How an evaluation's supervisor ends that left no outcome: it was told to end, or the disk was full.
EXIT_INTERRUPTED = 143
EXIT_DISK_FULL = 74


class RunFiles:
    """Names of the files in a job's directory.

    Parameters
    ----------
    job_dir
        The job's own directory; also the working directory of its processes.
    """

    def __init__(self, job_dir: str | Path) -> None:
        self.job_dir = Path(job_dir)

    @property
    def spec(self) -> Path:
        """What to run (`RunSpec`); may hold secrets, so it is private and short-lived."""
        return self.job_dir / "spec.json"

    @property
    def events(self) -> Path:
        """What happened (`RunEvent`), one JSON object a line, appended by every rank."""
        return self.job_dir / "events.jsonl"

    @property
    def journal(self) -> Path:
        """Every answered request (`JournalEntry`), one JSON object a line."""
        return self.job_dir / "journal.jsonl"

    @property
    def log(self) -> Path:
        """Output of the evaluation, without colours and secrets."""
        return self.job_dir / "log.txt"

    @property
    def finish(self) -> Path:
        """Its presence asks the evaluation to answer no more, to score what is complete, and to end."""
        return self.job_dir / "finish"

    @property
    def card(self) -> Path:
        """What the database says of the job, for the day on which the database is damaged."""
        return self.job_dir / "job.json"

    def outcome(self, attempt: int, rank: int = 0) -> Path:
        """How an attempt ended (`RunOutcome`): the sentinel, written last and at once."""
        return self.job_dir / f"outcome-{attempt}-{rank}.json"

    def output(self, attempt: int) -> Path:
        """The attempt's own folder for lmms-eval's result and sample files."""
        return self.job_dir / "output" / f"attempt-{attempt}"


class RunSpec(BaseModel):
    """What an evaluation process is told."""

    model_config = ConfigDict(protected_namespaces=())

    job_id: str
    attempt: int
    job_dir: str
    request: EvaluateRequest
    include_paths: list[str] = Field(default_factory=list, description="Task folders, absolute")
    device_kind: str = Field(default="cpu", description="`cpu` or `cuda`; which GPUs is CUDA_VISIBLE_DEVICES' word")
    ranks: int = Field(default=1, ge=1, description="Processes that share the samples")
    threads: int = Field(default=1, ge=1, description="Compute threads per rank")
    chunk_seconds: float = Field(default=2.0, gt=0, description="Aimed duration of a chunk of requests")
    keep: bool = Field(default=False, description="Whether to stay, with the model in memory, for another attempt")


# Asks an evaluation that stayed to look, while there is time, whether it is still what a new one would be.
LOOK = b'{"look": true}'


class NextAttempt(BaseModel):
    """What an evaluation that stayed is asked to run, by packets between the server and its supervisor.

    It answers ``{"taken": ATTEMPT}``, or ``{"stale": WHY}`` and ends; ``{"ended": EXIT_CODE}`` once an attempt is over
    and it stays again. The packet `LOOK` before it is answered only if it is stale.
    """

    job_dir: str
    attempt: int
    environment: dict[str, str] = Field(description="The evaluation's whole environment")
    looked: bool = Field(default=False, description="Whether it was told to `LOOK` since the job was submitted")


class Learned(BaseModel):
    """What a template process is to import when it has nothing else to do."""

    modules: list[str]


class ForkRequest(NextAttempt):
    """What a template process is asked to fork."""

    number: int = Field(description="Which request it is; the answer repeats it")


class RunEvent(BaseModel):
    """A line of the events file. Which fields are set depends on ``event``.

    - ``phase``: a new phase began (``phase``).
    - ``plan``: a task is loaded; this rank will answer ``total`` samples of ``task``.
    - ``progress``: ``done`` maps tasks to samples answered by this rank so far; ``errors`` counts log errors.
    - ``notice``: something the user should know (``message``); shown among the job's warnings.
    """

    model_config = ConfigDict(extra="ignore")

    event: str
    time: float = Field(description="Seconds since the epoch")
    rank: int = 0
    attempt: int = 0
    phase: str | None = None
    task: str | None = None
    total: int | None = None
    done: dict[str, int] | None = None
    errors: int | None = None
    message: str | None = None


class JournalEntry(BaseModel):
    """One answered request."""

    key: str = Field(description="Digest of everything the answer depends on")
    task: str
    doc_id: int | str
    idx: int = Field(description="Which request of the sample, for tasks that ask several")
    repeat: int = 0
    attempt: int
    answer: Any = Field(description="Text, or [log-likelihood, is_greedy], or a list of rounds")
    tokens: dict[str, int] | None = None


class RunOutcome(BaseModel):
    """How an attempt ended."""

    status: str = Field(description="`ok` or `failed`")
    results_path: str | None = None
    samples_paths: list[str] = Field(default_factory=list)
    n_samples: dict[str, SampleCount] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict, description="Seconds per phase")
    versions: dict[str, Any] = Field(default_factory=dict)
    errors_logged: int = 0
    partial: bool = Field(default=False, description="Whether it was told to end before all samples were answered")
    failure: Failure | None = None
    imported: list[str] = Field(
        default_factory=list, description="Installed modules that a forked evaluation had to import itself"
    )
