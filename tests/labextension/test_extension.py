"""The extension of JupyterLab by its own tests, and that its words on the wire are those of the servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "labextension"
NPM = shutil.which("npm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

pytestmark = [
    pytest.mark.skipif(NPM is None, reason="no npm on this machine; `make lab` installs it"),
    pytest.mark.skipif(not (FOLDER / "node_modules").exists(), reason="`make lab` installs what it is made of"),
]


def _npm(*arguments: str, given: str | None = None) -> str:
    assert NPM is not None
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [NPM, "--silent", *arguments]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=FOLDER, env=environment, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_units_do_what_they_should() -> None:
    _npm("test")


def test_its_types_are_what_the_servers_say_of_themselves() -> None:
    described = subprocess.run(
        [sys.executable, str(FOLDER / "scripts" / "wire.py")], capture_output=True, text=True, check=True
    ).stdout
    made = _npm("run", "wire", given=described)
    assert made == (FOLDER / "src" / "api" / "wire.ts").read_text(), "run `make wire`"
