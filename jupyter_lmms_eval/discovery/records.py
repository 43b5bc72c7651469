"""Records of running servers: one private file each in Jupyter's runtime directory."""

from __future__ import annotations

import os
import re
import socket
import stat
import tempfile
from pathlib import Path

from jupyter_core import paths
from pydantic import ValidationError

from ..protocol.server import ServerRecord

_PREFIX = "lmms-eval-server-"
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def runtime_dir() -> Path:
    """Jupyter's runtime directory, read anew each time so that ``JUPYTER_RUNTIME_DIR`` counts.

    Returns
    -------
    Path
        The directory; it may not exist yet.
    """
    return Path(paths.jupyter_runtime_dir())


def record_path(server_id: str) -> Path:
    """Where the record of a server lies.

    Parameters
    ----------
    server_id
        The server's random identity.

    Returns
    -------
    Path
        Path of the file, whether or not it exists.

    Raises
    ------
    ValueError
        If the identity could name a file elsewhere.
    """
    if not _SAFE_ID.fullmatch(server_id):
        raise ValueError(f"a server id consists of letters, digits, '-' and '_', not {server_id!r}")
    return runtime_dir() / f"{_PREFIX}{server_id}.json"


def write_record(record: ServerRecord) -> Path:
    """Write a record so that a reader sees all of it or nothing, and no other user sees any of it.

    Parameters
    ----------
    record
        What to write.

    Returns
    -------
    Path
        The file, of mode 0600.

    Raises
    ------
    ValueError
        If the record's id is unusable as a part of a file name.
    OSError
        If the directory cannot be written.
    """
    path = record_path(record.id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp creates with mode 0600, so the token is at no time readable by others.
    handle, temporary = tempfile.mkstemp(prefix=".lmms-eval-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(record.model_dump_json(indent=1))
        os.replace(temporary, path)  # noqa: PTH105  (a string from mkstemp)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def read_record(path: Path) -> ServerRecord | None:
    """Read one record.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ServerRecord or None
        None for a file that is gone, half written, not a record, or that another user could have written:
        following such a record would hand this user's requests to a stranger.
    """
    try:
        with path.open("rb") as stream:
            if not _trustworthy(os.fstat(stream.fileno())):
                return None
            record = ServerRecord.model_validate_json(stream.read())
    except (OSError, ValidationError):
        return None
    # A copied or renamed file must not shadow the real one.
    return record if path.name == f"{_PREFIX}{record.id}.json" else None


def _trustworthy(status: os.stat_result) -> bool:
    if os.name != "posix" or paths.allow_insecure_writes:
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_records() -> list[ServerRecord]:
    """Read the records of this user, alive or not.

    Returns
    -------
    list of ServerRecord
        Newest process first. Unreadable files are left out and left alone, and so are those of other machines that
        share the home directory: their process numbers mean nothing here. A directory that may not be read has none.
    """
    try:
        files = list(runtime_dir().glob(f"{_PREFIX}*.json"))
    except PermissionError:
        return []
    found = [record for path in files if (record := read_record(path))]
    records = [record for record in found if record.hostname in ("", socket.gethostname())]
    return sorted(records, key=lambda record: record.create_time, reverse=True)


def remove_record(server_id: str) -> None:
    """Remove the record of a server; nothing happens if it is already gone.

    Parameters
    ----------
    server_id
        The server's random identity.
    """
    record_path(server_id).unlink(missing_ok=True)
