"""What people install: one wheel, complete, without Node, beside any JupyterLab."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from jupyter_lmms_eval import __version__

from .conftest import Environment

pytestmark = pytest.mark.timeout(240)

EXTENSION = f"jupyter_lmms_eval-{__version__}.data/data/share/jupyter/labextensions/jupyter-lmms-eval/"


def test_the_wheel_holds_the_built_extension_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"package.json", "install.json", "static/style.js"} <= {
        name.removeprefix(EXTENSION) for name in names if name.startswith(EXTENSION)
    }
    assert [name for name in names if name.endswith("remoteEntry.js") or "/remoteEntry." in name] != []
    assert not [name for name in names if "labextension/" in name or "node_modules" in name or name.endswith(".ts")]


def test_the_wheel_names_nothing_of_the_machine_it_was_built_on(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    here = str(Path(__file__).parents[2]).encode()
    assert not [name for name in archive.namelist() if here in archive.read(name)]


def test_extension_and_package_are_of_one_version() -> None:
    package = json.loads((Path(__file__).parents[2] / "labextension" / "package.json").read_text())
    assert package["version"] == __version__


def test_installing_it_enables_both_extensions(environment: Environment, tmp_path: Path) -> None:
    def told(*command: str) -> str:
        done = subprocess.run(
            [environment.program("jupyter"), *command],
            cwd=tmp_path,
            env=environment.variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    assert _line(told("labextension", "list"), "jupyter-lmms-eval").endswith("OK (python, jupyter_lmms_eval)")
    listed = told("server", "extension", "list")
    assert "jupyter_lmms_eval enabled" in _plain(listed)
    assert f"jupyter_lmms_eval {__version__} OK" in _plain(listed)


def test_an_install_without_evaluations_is_light(environment: Environment, tmp_path: Path) -> None:
    def has(package: str) -> bool:
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
        return subprocess.run([environment.program("python"), "-c", probe], cwd=tmp_path).returncode == 0

    assert has("jupyter_lmms_eval")
    assert not has("torch")
    assert not has("lmms_eval")


def _line(text: str, word: str) -> str:
    [line] = [line for line in _plain(text).splitlines() if word in line]
    return line.strip()


def _plain(text: str) -> str:
    """Drop colours."""

    return re.sub(r"\x1b\[[0-9;]*m", "", text)
