"""Servers with an enemy at the door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server, run_server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with three jobs that wait for ever."""
    state_dir = tmp_path_factory.mktemp("guarded")
    waiting_jobs(state_dir, 3)
    with run_server(state_dir, IMPORTS_NOTHING, "--cpu-slots", "1") as server:
        yield server


def everything_in(folder: Path, but: str = "") -> bytes:
    """All that is written in a folder, names and contents; without folders of one name."""
    found = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # just being deleted
            if path.is_file() and not path.is_symlink() and but not in path.parts:
                found.append(str(path).encode() + b"\n" + path.read_bytes())
    return b"\n".join(found)
