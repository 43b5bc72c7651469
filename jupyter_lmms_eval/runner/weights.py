"""Fingerprints the weights that a model is built from, so that other weights are another model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from .digests import digest

_FINGERPRINTED_BYTES = 1 << 20
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".npz")
_HUB_NAME = re.compile(r"[\w.\-]+(?:/[\w.\-]+)?")
_DEFAULT_REVISION = "main"


def fingerprint_of_arguments(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Fingerprint every checkpoint that a model's arguments name, under the argument's name.

    Parameters
    ----------
    arguments
        ``model_args`` as an object. ``revision`` says which revision of a name on the Hub is meant.
    """
    revision = str(arguments.get("revision") or _DEFAULT_REVISION)
    found = {
        name: weights_fingerprint(str(value), revision)
        for name, value in arguments.items()
        if isinstance(value, (str, Path)) and name != "revision"
    }
    return {name: fingerprint for name, fingerprint in found.items() if fingerprint}


def weights_fingerprint(name: str | None, revision: str = _DEFAULT_REVISION) -> str:
    """Fingerprint a checkpoint.

    Parameters
    ----------
    name
        A folder, a file of weights, or a name on the Hub.
    revision
        Which revision of a name on the Hub.

    Returns
    -------
    str
        Of a folder, a digest of names, sizes and times of its files, and the start of its weights; of a file the
        same; of a name on the Hub the commit in the local cache; "" if it is none of these.
    """
    if not name:
        return ""
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            files = [file for file in sorted(path.iterdir()) if file.is_file()]
            # A folder without any of these (a cache, a folder for outputs) is not what the model is made of.
            is_checkpoint = any(file.suffix in (*_WEIGHTS, ".json") for file in files)
            return digest([_file_state(file) for file in files]) if is_checkpoint else ""
        if path.suffix in _WEIGHTS and path.is_file():
            return digest([_file_state(path)])
    except (OSError, RuntimeError, ValueError):  # not a path at all: too long, a NUL in it, `~nobody`
        return ""
    return _hub_commit(name, revision)


def _file_state(file: Path) -> list[object]:
    status = file.stat()
    # The time of change betrays a copy that kept the time of modification (rsync -a, cp -p).
    state = status.st_size, status.st_mtime_ns, status.st_ctime_ns
    start = _start(file, status.st_ino, *state) if file.suffix in _WEIGHTS else ""
    return [file.name, *state, start]


@lru_cache(maxsize=1024)
def _start(file: Path, *_state: int) -> str:
    """Digest the start of a file; read once as long as the file is in the same state."""
    with file.open("rb") as stream:
        return hashlib.sha256(stream.read(_FINGERPRINTED_BYTES)).hexdigest()


def _hub_commit(name: str, revision: str) -> str:
    """The commit that the local cache of the Hub has for a model; it is what an evaluation loads."""
    if not _HUB_NAME.fullmatch(name):
        return ""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "refs"
    try:
        return (folder / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
