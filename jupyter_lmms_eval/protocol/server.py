"""What a server says about itself, its machine and its catalog."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class HealthResponse(BaseModel):
    """Whether the server works, and which one it is."""

    status: str = Field(description="`healthy`")
    timestamp: str
    queue_size: int
    running_jobs: int = 0
    server_id: str = Field(default="", description="Random identity of this server process")
    version: str = ""
    pid: int = 0
    notices: list[str] = Field(default_factory=list, description="What a person should know, such as a full disk")


class Device(BaseModel):
    """A GPU, or one slot of a machine without GPUs."""

    id: str = Field(description="`cuda:0`, `cuda:1`, ... or `cpu:0`, ...")
    kind: Literal["cuda", "cpu"]
    name: str
    memory_total: int | None = Field(default=None, description="Bytes")
    memory_used: int | None = Field(default=None, description="Bytes, by anyone")
    utilization: float | None = Field(default=None, description="Busy share of the last second, 0 to 1")
    job_id: str | None = Field(default=None, description="The job that holds it, or the first of those that share it")
    job_ids: list[str] = Field(default_factory=list, description="All jobs on it")
    held_by: str | None = Field(default=None, description="Who else keeps jobs from it, in words")
    model: str | None = Field(
        default=None, description="The type of the model that stays in its memory; it goes when another job wants it"
    )


class DeviceList(BaseModel):
    """The devices of the server's machine."""

    devices: list[Device]


class FreedDevices(BaseModel):
    """Devices whose models were taken out of memory."""

    freed: list[str]


TaskKind = Literal["task", "group", "tag"]


class TaskDetails(BaseModel):
    """What is known of a task, a group of tasks, or a tag without loading it."""

    name: str
    kind: TaskKind
    output_type: str | None = Field(default=None, description="For example `generate_until` or `multiple_choice`")
    dataset_path: str | None = None
    dataset_name: str | None = None
    split: str | None = Field(default=None, description="The split that is evaluated")
    tasks: list[str] = Field(default_factory=list, description="Members of a group or a tag")
    tags: list[str] = Field(default_factory=list, description="Tags and groups that it is a member of")
    description: str | None = Field(
        default=None, description="As the definition has it; lmms-eval may put it before each question"
    )
    alias: str | None = Field(default=None, description="How tables of results call it")
    metrics: list[str] = Field(default_factory=list)
    samples: int | None = Field(
        default=None, description="As the last evaluation here counted them, or the data on this machine; else null"
    )
    num_fewshot: int | None = Field(default=None, description="Examples before each question unless a request says")
    modality: str | None = Field(default=None, description="`video` where the definition says so; null: not known")
    file: str | None = Field(default=None, description="The file that defines it")


class TaskList(BaseModel):
    """Names that a request may give as tasks."""

    tasks: list[str]
    groups: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    total: int | None = Field(default=None, description="How many match, if something was searched for")
    details: list[TaskDetails] | None = Field(default=None, description="Of each of `tasks`, if asked for")


class ModelList(BaseModel):
    """Names that a request may give as model."""

    models: list[str]


class ModelArgument(BaseModel):
    """An argument of a model's constructor, as its source has it."""

    name: str
    default: str | None = Field(default=None, description="As written in Python; null if it has none")
    annotation: str | None = Field(default=None, description="As written in Python")
    required: bool = False


class ModelClass(BaseModel):
    """One of the classes behind a model's name."""

    module: str
    name: str
    description: str | None = Field(default=None, description="First line of what its author wrote of it")
    arguments: list[ModelArgument] | None = Field(
        default=None, description="What `model_args` may give; null if the source cannot be read"
    )
    more_arguments: bool = Field(default=False, description="Whether it takes others too")
    missing_packages: list[str] = Field(
        default_factory=list, description="Packages its module imports that are not installed beside the server"
    )


class ModelDetails(BaseModel):
    """What is known of a model type without importing it."""

    name: str
    aliases: list[str] = Field(default_factory=list)
    chat: ModelClass | None = Field(default=None, description="Used unless a request says `force_simple`")
    simple: ModelClass | None = None


class MergeRequest(BaseModel):
    """A sharded FSDP2 checkpoint to be merged into one."""

    checkpoint_path: str = Field(description="Folder of the sharded checkpoint")
    output_path: str | None = Field(default=None, description="Folder for the merged one; default: beside it")
    checkpoint_type: Literal["regular", "ema"] = "regular"


class MergeResponse(BaseModel):
    """The answer to a merge."""

    success: bool
    message: str
    merged_path: str | None = None


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    message: str
    nearest: list[str] = Field(default_factory=list, description="Known names close to the one given")


class ErrorResponse(BaseModel):
    """Any refusal: one sentence that says what happened and what to do."""

    detail: str
    errors: list[FieldError] = Field(default_factory=list)


class ServerRecord(BaseModel):
    """How a running server is found: one private file in Jupyter's runtime directory.

    Unknown keys are ignored, so that an older reader understands a newer record.
    """

    model_config = ConfigDict(extra="ignore")

    schema_version: int = 1
    id: str
    pid: int
    create_time: float = Field(description="When the process started, seconds since the epoch (psutil)")
    process_start: str = Field(
        default="", description="When the process started, as `discovery.identity` tells it whatever the clock does"
    )
    hostname: str = Field(default="", description="The machine; a home directory may be shared among several")
    host: str
    port: int
    url: str
    token: str
    state_dir: str
    started_at: str
    version: str
    kernel_id: str | None = None
    notebook: str | None = None
    certificate: str = Field(
        default="", description="What it shows where it speaks HTTPS (PEM); who reads this record trusts just that one"
    )
    arguments: dict[str, Any] | None = Field(
        default=None, description="What it was started with, by field of its arguments, without its token"
    )

    @property
    def summary(self) -> dict[str, Any]:
        """The record without its secret."""
        return self.model_dump(exclude={"token"})
