"""What is told of the samples of a job: questions, answers, targets, scores, and the media of the questions."""

from __future__ import annotations

import hashlib
import os
from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MediaKind = Literal["image", "video", "audio", "unknown"]


# Answers name every field, also those that have a default.
_TOLD = ConfigDict(json_schema_serialization_defaults_required=True)


class SampleFilter(str, Enum):
    """Which samples are wanted."""

    ALL = "all"
    WRONG = "wrong"
    RIGHT = "right"


class SampleMedia(BaseModel):
    """One picture, video or sound of a question."""

    n: int = Field(description="Its number, from 0; `GET .../media/{n}` has it")
    kind: MediaKind


class Sample(BaseModel):
    """One sample: a document of a task, what the model made of it, and how that was scored."""

    model_config = _TOLD

    doc_id: int = Field(description="Index of the document in the task's whole split, whatever the offset was")
    question: str = Field(description="What the model was asked, without the media; empty while the job runs")
    answers: list[str] = Field(
        description="What the model said; for choices by likelihood one entry for each choice: log-likelihood, "
        "whether it was the likeliest text"
    )
    filtered: list[str] = Field(description="What was scored: the answers after the task's filters")
    target: str = Field(description="The right answer; empty while the job runs")
    scores: dict[str, float] = Field(
        default_factory=dict, description="Numbers by metric; of a further filter as `metric,filter`"
    )
    correct: bool | None = Field(default=None, description="Whether it got full marks; null where that cannot be told")
    media: list[SampleMedia] = Field(
        default_factory=list, description="As far as it is known without loading the dataset; ask `GET .../media`"
    )
    details: dict[str, Any] = Field(default_factory=dict, description="What else lmms-eval noted, shortened")


class SampleTask(BaseModel):
    """A task of a job that has samples."""

    task: str
    total: int = Field(description="Samples that there are")


class SamplePage(BaseModel):
    """A page of the samples of one task of a job, in the order of the dataset."""

    model_config = _TOLD

    job_id: str
    task: str
    tasks: list[SampleTask] = Field(description="Every task of the job that has samples")
    offset: int
    limit: int
    total: int = Field(description="Samples of the task")
    matching: int = Field(description="Samples that the filter and the search leave")
    live: bool = Field(description="Whether the job still runs: these are answers that are not scored yet")
    complete: bool = Field(description="Whether these are all samples of the task that were asked for, with scores")
    scored: bool = Field(
        description="Whether right and wrong can be told: the sample's metric that is most like an accuracy lies "
        "between 0 and 1 everywhere, higher is better, and 1 is right. If it cannot, every sample is neither"
    )
    damaged: int = Field(default=0, description="Lines of the file that could not be read and are left out")
    samples: list[Sample]


class SampleMediaList(BaseModel):
    """The media of one sample."""

    job_id: str
    task: str
    doc_id: int
    media: list[SampleMedia]


class MediaRequest(BaseModel):
    """What the process that reads datasets is asked, in one packet."""

    model_config = ConfigDict(protected_namespaces=())

    number: int = Field(description="Which request it is; the answer repeats it")
    tasks: list[str] = Field(description="The tasks that the job was submitted with")
    task: str
    doc_id: int
    include_paths: list[str] = Field(default_factory=list)
    model: str = Field(description="Tasks may ask differently of different models")
    working_dir: str = Field(description="Where the evaluation worked: tasks may name files as seen from there")
    folder: str = Field(description="Receives a file for each of the media, and `index.json` (`StoredMedia`) at last")


class MediaAnswer(BaseModel):
    """What it answers."""

    number: int
    error: str | None = Field(default=None, description="Why there are none, one sentence")
    of_task: bool = Field(default=False, description="Whether other samples of the task would fail alike")


class StoredMedium(BaseModel):
    """One picture, video or sound on disk."""

    kind: MediaKind
    type: str = Field(default="", description="Its Content-Type; empty if browsers know none")
    path: str = Field(default="", description="Beside the index, or absolute: the dataset's own file")
    size: int = 0
    tag: str = Field(default="", description="Changes with its content")
    problem: str = Field(default="", description="Why it cannot be shown")


class StoredMedia(BaseModel):
    """The media of one sample on disk."""

    media: list[StoredMedium]


def file_tag(path: str, status: os.stat_result) -> str:
    """Name the present state of a file of a dataset: another one if the file is replaced or changed."""
    state = f"{path}|{status.st_ino}|{status.st_size}|{status.st_mtime_ns}"
    return hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest()[:32]
