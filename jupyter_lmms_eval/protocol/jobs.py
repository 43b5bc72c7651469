"""What a client says and hears about evaluation jobs.

Field names, statuses and shapes of lmms-eval's own server (``lmms_eval.entrypoints.protocol`` 0.7.3) are
kept exactly, so a client written for it works unchanged; everything of ours is an additional field.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator


class JobStatus(str, Enum):
    """Where a job is in its life. The values are lmms-eval's; there are no others on the wire."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing will happen to the job any more."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # pydantic reports ValueError only
    return value


# Nobody nests arguments deeper; what reads them may stop with an error of its own.
_DEEPEST = 20
# Nobody means a larger number; not every reader of JSON knows it exactly, and with much larger ones floats overflow.
LARGEST = 2**53


def _check_plain(value: object, depth: int = 0) -> None:
    """Refuse what no file, path or command line takes, or what is no JSON."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("holds a null character, which no text needs")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("holds one half of a character; send text as UTF-8") from None
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{'holds' if depth else 'is'} {value}, which JSON does not have")
    elif isinstance(value, (dict, list)):
        if depth > _DEEPEST:
            raise ValueError(f"is nested deeper than {_DEEPEST} levels")
        for each in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_plain(each, depth + 1)


Integer = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[int | float, BeforeValidator(_no_bool)]


class EvaluateRequest(BaseModel):
    """One evaluation: a model, tasks, and how to run them.

    Options carry the names and the meaning of lmms-eval's command line. Fields that are not listed here are
    accepted, as lmms-eval's server accepts them, and named in the answer's ``warnings``.
    """

    model_config = ConfigDict(
        extra="allow",
        protected_namespaces=(),
        json_schema_extra={
            "examples": [
                {
                    "model": "qwen2_5_vl",
                    "model_args": {"pretrained": "Qwen/Qwen2.5-VL-3B-Instruct"},
                    "tasks": ["mme", "mmmu_val"],
                    "limit": 8,
                }
            ]
        },
    )

    model: str = Field(min_length=1, description="Model type as listed by /models, for example `qwen2_5_vl`")
    tasks: list[str] = Field(description="Names of tasks, groups or tags as listed by /tasks; `*` matches")
    model_args: dict[str, Any] | str | None = Field(
        default=None,
        description="Arguments of the model: an object whose values arrive as they are, "
        "or lmms-eval's `key=value,key=value` string",
    )
    num_fewshot: Integer | None = Field(default=None, ge=0, description="Examples put before each question")
    batch_size: Integer | str | None = Field(default=None, description="Samples per batch, or `auto`")
    max_batch_size: Integer | None = Field(default=None, ge=1, description="Upper bound for `auto`")
    device: str | None = Field(
        default=None, description="`cpu`, `cuda` (any GPU) or `cuda:N` (that GPU); default: what the server has"
    )
    limit: Number | None = Field(
        default=None,
        description="First N samples of each task, or a fraction of it between 0 and 1; nothing: all",
    )
    offset: Integer = Field(default=0, ge=0, description="Index of the first sample of each task")
    gen_kwargs: str | dict[str, Any] | None = Field(
        default=None, description="Generation arguments that override the tasks' own"
    )
    log_samples: bool = Field(default=True, description="Keep every sample's answer and score")
    predict_only: bool = Field(default=False, description="Only generate; compute no metric")
    num_gpus: Integer = Field(default=1, ge=1, description="Devices to use at once, one data-parallel rank each")
    one_process: bool = Field(
        default=False,
        description="Give all `num_gpus` devices to one process, for a model that is larger than one of them "
        "(with device_map=auto in model_args)",
    )
    gpu_memory: Number | None = Field(
        default=None,
        gt=0,
        description="GiB of a GPU's memory that it needs: jobs that say so share a GPU as long as they fit, and may "
        "not take more; nothing: a GPU of its own",
    )
    output_dir: str | None = Field(default=None, description="Folder on the server that receives a copy of the results")
    system_instruction: str | None = Field(default=None, description="System message put before the prompt")
    apply_chat_template: bool = Field(default=False, description="Apply the tokenizer's chat template")
    fewshot_as_multiturn: bool = Field(default=False, description="Give few-shot examples as a conversation")
    seed: Integer | str | list[Integer | None] | None = Field(
        default=None, description="One seed, or four: python, numpy, torch, few-shot (default 0,1234,1234,1234)"
    )
    repeats: Integer = Field(default=1, ge=1, description="Generations per question, for stability metrics")
    reasoning_tags: str | list[list[str]] | None = Field(
        default=None, description="Pairs of tags around reasoning that is removed before scoring"
    )
    include_path: str | list[str] | None = Field(
        default=None, description="Folders with task definitions; must lie within those the server was started with"
    )
    max_tokens: Integer | None = Field(default=None, ge=1, description="Token budget; the evaluation stops beyond")
    force_simple: bool = Field(default=False, description="Use the model's simple adapter instead of its chat one")
    baseline: str | None = Field(default=None, description="Baseline for a paired comparison")
    process_with_media: bool = Field(default=False, description="Scoring needs the images, videos or sounds")
    process_docs_parallel: Integer = Field(default=4, ge=1, description="Threads that score samples")
    agentic_trace_mode: str = Field(default="basic", pattern="^(basic|full)$", description="`basic` or `full`")
    launcher_args: str | None = Field(default=None, description="Launcher of a local judge model")
    verbosity: str = Field(
        default="INFO", pattern="^(TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL)$", description="Level of the job's log"
    )
    name: str | None = Field(default=None, max_length=200, description="A name for people")
    priority: Integer = Field(
        default=0, ge=-(10**9), le=10**9, description="Higher starts first; equal ones in order of arrival"
    )
    timeout: Number | None = Field(
        default=None,
        gt=0,
        description="Seconds it may run, all attempts together; beyond them it fails and its answers are kept",
    )

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        _check_plain(value)
        return value

    @field_validator("tasks")
    @classmethod
    def _tasks_named(cls, tasks: list[str]) -> list[str]:
        if not tasks:
            raise ValueError("name at least one task; GET /tasks lists them")
        if blank := [task for task in tasks if not task.strip()]:
            raise ValueError(f"contains an empty name ({blank[0]!r}); GET /tasks lists the names")
        return [task.strip() for task in tasks]

    @field_validator("limit")
    @classmethod
    def _limit_usable(cls, limit: float | None) -> float | None:
        if limit is None:
            return None
        if limit <= 0:
            raise ValueError(
                f"must be a positive number of samples or a fraction below 1, not {limit}; omit it for all"
            )
        if limit > 1 and limit != int(limit):
            raise ValueError(f"must be whole when it is above 1, not {limit}")
        return int(limit) if limit >= 1 else limit

    @field_validator("batch_size")
    @classmethod
    def _batch_size_usable(cls, batch_size: int | str | None) -> int | str | None:
        if batch_size is None:
            return None
        text = str(batch_size).strip()
        if text == "auto" or (text.startswith("auto:") and text[5:].isdigit()):
            return text
        if text.isdecimal() and int(text) > 0:
            return int(text)
        raise ValueError(f"must be a positive whole number, 'auto' or 'auto:N', not {batch_size!r}")

    @property
    def unknown_fields(self) -> list[str]:
        """Names of the fields in the request that mean nothing to the server."""
        return sorted(self.model_extra or {})


class TaskProgress(BaseModel):
    """Samples answered of one task."""

    done: int = 0
    total: int | None = None


class Progress(BaseModel):
    """How far a running job is, exact to the sample."""

    phase: str = Field(description="starting, loading data, loading model, answering, scoring, saving, done")
    samples_done: int = Field(default=0, description="Samples whose every request is answered")
    samples_total: int | None = Field(default=None, description="Known once the tasks are loaded")
    rate: float | None = Field(default=None, description="Samples per second while answering")
    eta_seconds: float | None = Field(default=None, description="Expected seconds until all samples are answered")
    tasks: dict[str, TaskProgress] = Field(default_factory=dict)
    errors_logged: int = Field(default=0, description="Errors the model or a task only wrote to the log")


class FailureCause(str, Enum):
    """Why a job failed, as far as it can be told."""

    BAD_INPUT = "bad_input"
    MISSING_PACKAGE = "missing_package"
    OUT_OF_MEMORY = "out_of_memory"
    MISSING_DATA = "missing_data"
    CRASH = "crash"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    DISK_FULL = "disk_full"
    DEVICE = "device"
    """The device failed, not the job."""
    ERROR = "error"


class Failure(BaseModel):
    """What went wrong in an evaluation, and what to do about it."""

    cause: FailureCause
    type: str = Field(description="Class of the real exception, for example `ImportError`")
    message: str
    advice: str = Field(default="", description="What to do, one sentence")
    traceback: str = ""
    log_path: str | None = None


class Metric(BaseModel):
    """One score of one task or group."""

    task: str
    metric: str
    filter: str = "none"
    value: float | None = Field(description="Null where lmms-eval computed no number")
    stderr: float | None = None
    higher_is_better: bool | None = None
    samples: int | None = Field(default=None, description="Samples the score rests on")
    group: bool = Field(default=False, description="Whether the score is of a group of tasks")


class AttemptEnd(str, Enum):
    """How an attempt at a job ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The server ended, or its machine."""


StartKind = Literal["fresh", "forked", "warm"]


class Attempt(BaseModel):
    """One start of a job, and how it ended."""

    number: int
    started_at: str
    seconds: float = Field(default=0, description="How long it ran")
    devices: list[str] = Field(default_factory=list)
    start: StartKind | None = Field(
        default=None,
        description="How it was begun: in a fresh process, in one forked from a process that has imported everything, "
        "or warm, in one that has the model in memory",
    )
    batch_size: int | str | None = Field(default=None, description="If another one than requested was used")
    samples_done: int = Field(default=0, description="Samples answered when it ended, earlier attempts' too")
    ended: AttemptEnd | None = Field(default=None, description="Null while it runs")
    cause: FailureCause | None = None
    message: str = Field(default="", description="Why it ended, one sentence")


class JobInfo(BaseModel):
    """A job as the server knows it."""

    job_id: str
    status: JobStatus
    created_at: str
    started_at: str | None = None
    completed_at: str | None = None
    request: EvaluateRequest
    result: dict[str, Any] | None = Field(
        default=None, description="Paths on the server: `{model: {results: path, samples: [paths]}}`"
    )
    error: str | None = None
    position_in_queue: int | None = Field(default=None, description="Jobs that start before this one")
    wait_reason: str | None = Field(default=None, description="Why a queued job does not run yet")
    progress: Progress | None = None
    metrics: list[Metric] | None = None
    failure: Failure | None = None
    warnings: list[str] = Field(default_factory=list)
    devices: list[str] = Field(default_factory=list, description="Devices the job holds or held")
    attempt: int = Field(default=0, description="How often the job was started")
    attempts: list[Attempt] = Field(
        default_factory=list, description="The starts since it was submitted, or since a person tried it again"
    )
    finishing: bool = Field(default=False, description="Asked to score what is answered and end")
    partial: bool = Field(
        default=False, description="Whether the scores are of the samples answered until it was told to end"
    )
    revision: int = Field(default=0, description="Grows with every change of any job")
    job_dir: str | None = None


class JobSubmitResponse(BaseModel):
    """The answer to an accepted evaluation."""

    job_id: str
    status: JobStatus
    position_in_queue: int
    message: str
    warnings: list[str] = Field(default_factory=list)
    created: bool = Field(default=True, description="False if the idempotency key found a job submitted before")


class JobList(BaseModel):
    """A page of jobs, newest first, or all that changed."""

    jobs: list[JobInfo]
    next_cursor: str | None = Field(default=None, description="Give it back as `cursor` for the next page")
    revision: int = Field(default=0, description="Give it back as `since` to hear of what changed afterwards")


class QueueStatusResponse(BaseModel):
    """What waits and what runs."""

    queue_size: int
    running_job: str | None = Field(default=None, description="The longest running job")
    queued_jobs: list[str]
    completed_jobs: int
    failed_jobs: int
    running_jobs: list[str] = Field(default_factory=list, description="All running jobs, longest first")


class CancelMode(str, Enum):
    """What becomes of the answers of a job that is cancelled."""

    ABORT = "abort"
    FINISH = "finish"


class CancelResponse(BaseModel):
    """The answer to a cancellation."""

    message: str


class RetryRequest(BaseModel):
    """What is said when a job is tried again: the fields of its request that held secrets, with the secrets."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_args: dict[str, Any] | str | None = Field(default=None, description="As submitted; the secrets may be others")
    gen_kwargs: dict[str, Any] | str | None = Field(default=None, description="As submitted; the secrets may be others")
    launcher_args: str | None = Field(default=None, description="As submitted; the secrets may be others")


class UpdateRequest(BaseModel):
    """What is to be changed of a job; what is not named stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=200, description="A name for people; null takes it away")
    priority: Integer = Field(
        default=0, ge=-(10**9), le=10**9, description="Higher starts first; only while the job is queued"
    )

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        _check_plain(value)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> UpdateRequest:
        if not self.model_fields_set:
            raise ValueError("give priority, name or both; nothing else of a job can be changed")
        return self


class LogChunk(BaseModel):
    """A part of a job's log."""

    text: str
    offset: int = Field(description="Byte at which the text starts")
    next_offset: int = Field(description="Give it back as `offset` to read on")
    complete: bool = Field(description="Whether the job is over and the log ends here")


class SampleCount(BaseModel):
    """Samples of a task."""

    original: int | None = Field(default=None, description="Samples the task has")
    effective: int | None = Field(default=None, description="Samples that were evaluated")


class JobResults(BaseModel):
    """The outcome of a completed job, parsed."""

    job_id: str
    status: JobStatus
    model: str
    partial: bool = Field(default=False, description="Whether the job was told to end before all samples were answered")
    metrics: list[Metric]
    n_samples: dict[str, SampleCount]
    timings: dict[str, float] = Field(description="Seconds per phase")
    results_path: str
    samples_paths: list[str]
    versions: dict[str, Any] = Field(default_factory=dict, description="Versions of the tasks and of lmms-eval")
