"""The evaluation servers that are recorded on this machine: which there are, how they are, and which may be asked."""

from __future__ import annotations

import asyncio
import json
import socket
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from .._version import __version__
from ..discovery.liveness import process_lives
from ..discovery.records import read_record, record_path, runtime_dir
from ..protocol.server import ServerRecord
from .refusal import Refusal
from .upstream import Upstream

# Of records; a later one may mean something else by the same words.
KNOWN_SCHEMA: int = ServerRecord.model_fields["schema_version"].default
_RECORD_FILES = record_path("ID").name.replace("ID", "*")
_LARGEST_RECORD = 1 << 20


class ServerState(str, Enum):
    """How a recorded server is."""

    ALIVE = "alive"
    BUSY = "busy"
    """Its process lives, but it did not answer in time."""
    GONE = "gone"
    """Its process ended without a word."""
    UNSUPPORTED = "unsupported"
    """It is of a later version than this extension."""


class ServerInfo(BaseModel):
    """A recorded server, without its secret."""

    id: str
    state: ServerState
    message: str = Field(default="", description="One sentence where the state needs one")
    path: str = Field(default="", description="Path on this Jupyter server under which its REST API is found")
    url: str = Field(default="", description="Its address on its own machine; no browser elsewhere reaches it")
    pid: int = 0
    kernel_id: str | None = Field(
        default=None, description="The kernel that it is a part of; null: a process of its own"
    )
    notebook: str | None = None
    state_dir: str = ""
    started_at: str = ""
    version: str = ""
    running_jobs: int | None = Field(default=None, description="Null if it did not say")
    queue_size: int | None = Field(default=None, description="Jobs that wait; null if it did not say")
    notices: list[str] = Field(default_factory=list, description="What a person should know, such as a full disk")


class ServerList(BaseModel):
    """All recorded servers, newest first."""

    servers: list[ServerInfo]


def recorded(server_id: str) -> ServerRecord:
    """Find a server by its id, whether or not it lives.

    Parameters
    ----------
    server_id
        As the client gave it.

    Raises
    ------
    Refusal
        404 if there is no record of this machine with that id, 501 if a later version wrote it.
    """
    try:
        path = record_path(server_id)
    except ValueError:
        raise _unknown(server_id) from None
    record = read_record(path)
    if record is None:
        if (newer := _newer(path)) is not None:
            raise Refusal(501, newer.message)
        raise _unknown(server_id)
    if not _of_this_machine(record.hostname):
        raise _unknown(server_id)
    if record.schema_version > KNOWN_SCHEMA:
        raise Refusal(501, _too_new(record.version))
    return record


def records() -> tuple[list[ServerRecord], list[ServerInfo]]:
    """Read all records of this machine.

    Returns
    -------
    tuple of list of ServerRecord and list of ServerInfo
        Those that are understood, newest first, and what can be said of later ones.
    """
    understood, later = [], []
    for path in runtime_dir().glob(_RECORD_FILES):
        record = read_record(path)
        if record is None or record.schema_version > KNOWN_SCHEMA:
            if (newer := _newer(path)) is not None:
                later.append(newer)
        elif _of_this_machine(record.hostname):
            understood.append(record)
    return sorted(understood, key=lambda record: record.create_time, reverse=True), later


def living() -> list[ServerRecord]:
    """Return the records of servers whose processes live."""
    return [record for record in records()[0] if process_lives(record)]


async def look(upstream: Upstream, base_path: str, seconds: float) -> ServerList:
    """Find out how all recorded servers are.

    Parameters
    ----------
    upstream
        The way to them; all are asked at once.
    base_path
        Path on this Jupyter server under which servers are found by id.
    seconds
        How long each may take to answer.
    """
    understood, later = records()
    infos = await asyncio.gather(*(describe(upstream, record, base_path, seconds) for record in understood))
    return ServerList(servers=[*infos, *later])


async def describe(upstream: Upstream, record: ServerRecord, base_path: str, seconds: float) -> ServerInfo:
    """Find out how one server is.

    Parameters
    ----------
    upstream, base_path, seconds
        As for `look`.
    record
        The server.
    """
    info = ServerInfo(
        id=record.id,
        state=ServerState.GONE,
        message="It ended without a word, as if it was killed; start one on the same folder and its jobs go on",
        path=f"{base_path}/{record.id}/",
        url=record.url,
        pid=record.pid,
        kernel_id=record.kernel_id,
        notebook=record.notebook,
        state_dir=record.state_dir,
        started_at=record.started_at,
        version=record.version,
    )
    if not process_lives(record):
        return info
    try:
        health = await upstream.get_json(record, "/health", seconds)
    except Refusal as refusal:
        busy = {"state": ServerState.BUSY, "message": str(refusal)}
        return info.model_copy(update=busy) if process_lives(record) else info
    if health.get("server_id") != record.id:
        return info
    said = {name: health[name] for name in ("running_jobs", "queue_size", "notices") if name in health}
    return ServerInfo.model_validate({**info.model_dump(), "state": ServerState.ALIVE, "message": "", **said})


def _newer(path: Path) -> ServerInfo | None:
    """Say what can be said of a record that a later version wrote."""
    try:
        if path.stat().st_size > _LARGEST_RECORD:
            return None
        found: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(version := found.get("schema_version"), int):
        return None
    server_id = found.get("id")
    if version <= KNOWN_SCHEMA or not isinstance(server_id, str) or _file_of(server_id) != path.name:
        return None
    if not _of_this_machine(found.get("hostname") or ""):
        return None
    package = str(found.get("version") or "")
    return ServerInfo(id=server_id, state=ServerState.UNSUPPORTED, message=_too_new(package), version=package)


def _file_of(server_id: str) -> str:
    try:
        return record_path(server_id).name
    except ValueError:
        return ""


def _too_new(version: str) -> str:
    named = f"jupyter_lmms_eval {version}" if version else "a later jupyter_lmms_eval"
    return (
        f"This server is of {named}, which Jupyter's own environment ({__version__}) does not understand; "
        "update jupyter_lmms_eval there and start Jupyter again"
    )


def _of_this_machine(hostname: object) -> bool:
    return hostname in ("", socket.gethostname())


def _unknown(server_id: str) -> Refusal:
    return Refusal(
        404, f"No evaluation server is recorded with the id {server_id[:128]!r}; list them for those there are"
    )
