"""Keeps every answered request on disk, so that no answer is computed twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..protocol.run import JournalEntry
from .records import AppendedFile

_FINGERPRINTED_BYTES = 1 << 20
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")


def digest(*parts: object) -> str:
    """Digest of plain values; functions and other objects count by their name only, never by their address."""
    # Task configurations hold functions already as text, with the address of this process.
    text = _ADDRESS.sub("", json.dumps(parts, sort_keys=True, default=_name_of, ensure_ascii=False))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name_of(value: object) -> str:
    named = getattr(value, "func", value)  # a partial is known by its function
    return str(getattr(named, "__qualname__", type(named).__qualname__))


def request_key(request_type: str, request: Any, repeat: int, task_digest: str, model_digest: str) -> str:
    """Digest of everything an answer depends on.

    Parameters
    ----------
    request_type
        The model's method that answers.
    request
        An lmms-eval ``Instance``.
    repeat
        Which of the generations for the same question.
    task_digest
        Digest of the task's configuration.
    model_digest
        Digest of the model, its arguments and its weights.
    """
    plain = [argument for argument in request.args if not callable(argument)]
    return digest(
        request_type, request.task_name, request.doc_id, request.idx, repeat, plain, task_digest, model_digest
    )


def weights_fingerprint(path: str | None) -> str:
    """Digest of a local checkpoint: names, sizes and times of its files, and the start of its weights.

    Parameters
    ----------
    path
        ``pretrained`` of the model arguments; a name on the Hub has no fingerprint.
    """
    folder = Path(path).expanduser() if path else None
    if folder is None or not folder.is_dir():
        return ""
    found: list[object] = []
    for file in sorted(folder.iterdir()):
        if not file.is_file():
            continue
        status = file.stat()
        start = ""
        if file.suffix in _WEIGHTS:
            with file.open("rb") as stream:
                start = hashlib.sha256(stream.read(_FINGERPRINTED_BYTES)).hexdigest()
        found.append([file.name, status.st_size, status.st_mtime_ns, start])
    return digest(found)


class Journal:
    """The journal of a job.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        _end_torn_line(path)
        self.answered = {entry.key: entry for entry in read(path)}
        self._file = AppendedFile(path)

    def append(self, entries: Iterable[JournalEntry]) -> None:
        """Add the answers of a chunk in one write; an answer that JSON cannot hold stays out."""
        lines: list[str] = []
        for entry in entries:
            try:
                # pydantic would turn infinite log-likelihoods into null
                lines.append(json.dumps(entry.model_dump(exclude_none=True), ensure_ascii=False) + "\n")
            except (TypeError, ValueError):
                continue
        if lines:
            self._file.append("".join(lines))


def _end_torn_line(path: Path) -> None:
    """Give a line that a killed process left half written an end, so that the next one starts afresh."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as stream:
        stream.seek(-1, 2)
        if stream.read(1) != b"\n":
            stream.write(b"\n")


def read(path: Path) -> list[JournalEntry]:
    """Read a journal; lines that are no entry (torn by a kill) are skipped.

    Parameters
    ----------
    path
        The file; none means an empty journal.
    """
    entries: list[JournalEntry] = []
    if not path.exists():
        return entries
    with path.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            try:
                entries.append(JournalEntry.model_validate(json.loads(line)))
            except ValueError:
                continue
    return entries
