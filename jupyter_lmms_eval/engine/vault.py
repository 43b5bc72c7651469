"""The secrets of jobs: one private file for each that has any, gone when the job is over."""

from __future__ import annotations

import logging
import os
import secrets as random
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..protocol.jobs import EvaluateRequest
from ..protocol.secrets import Secrets, holds_secrets, seal
from .disk import needing_room

logger = logging.getLogger(__name__)

_KEY_FILE = "key"
_KEY_BYTES = 32


class Vault:
    """The secrets of the jobs of a state directory.

    Its methods may be called from any thread, but for one job from one at a time.

    Parameters
    ----------
    folder
        Where they are; created, private to the user, when there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: bytes | None = None

    def seal(self, request: EvaluateRequest) -> tuple[EvaluateRequest, dict[str, Any]]:
        """Take the secrets out of a request; see `seal`. Blocking, if there are any.

        Raises
        ------
        DiskFull
            If there are secrets, and no room for the key of their digests.
        """
        if not holds_secrets(request):
            return request, {}
        if self._key is None:
            with needing_room(self._folder.parent):
                self._key = self._read_key()
        return seal(request, self._key)

    def keep(self, job_id: str, secrets: dict[str, Any]) -> None:
        """Write the secrets of a job down, durably; blocking.

        Raises
        ------
        DiskFull
            If there is no room for them; nothing is kept.
        """
        path = self._path(job_id)
        with needing_room(self._folder.parent):
            self._make_folder()
            try:
                _write(path, Secrets(secrets).model_dump_json().encode())
                _sync_folder(self._folder)
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def forget(self, job_id: str) -> None:
        """Delete the secrets of a job; nothing happens if it has none; blocking for a moment."""
        try:
            self._path(job_id).unlink(missing_ok=True)
        except OSError as error:
            logger.warning("The secrets of job %s could not be deleted: %s", job_id, error)

    def keep_only(self, job_ids: Collection[str]) -> None:
        """Delete the secrets of all other jobs: of such that ended just when their server was killed; blocking."""
        if not self._folder.is_dir():
            return
        for path in self._folder.glob("*.json"):
            if path.stem not in job_ids:
                self.forget(path.stem)

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)

    def _read_key(self) -> bytes:
        path = self._folder / _KEY_FILE
        self._make_folder()
        if not path.exists() or path.stat().st_size != _KEY_BYTES:
            new = path.with_suffix(".new")
            _write(new, random.token_bytes(_KEY_BYTES))
            new.replace(path)
        return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    # Another's link at its place must not lead the secrets elsewhere.
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_TRUNC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
