"""The wheel, and an environment that holds it and nothing of the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.conftest import browser, page, pictures  # noqa: F401  (fixtures)

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "jupyter_lmms_eval" / "labextension" / "static" / "style.js"


@dataclass(frozen=True)
class Environment:
    """An environment of its own."""

    folder: Path

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    @property
    def variables(self) -> dict[str, str]:
        """As if it were activated."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(self.folder), "PYTHONSAFEPATH": "1"}


@pytest.fixture(scope="package")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, with the extension as it lies in the tree."""
    if not BUILT.exists():
        pytest.skip("the extension of JupyterLab is not built; `make lab` builds it")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="package")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the wheel beside JupyterLab: no lmms-eval, no torch."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("no uv in the environment of the tests; `make test` installs it")
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
    constraint = ["--constraint", str(ROOT / "requirements.lock")]
    done = subprocess.run([*install, *constraint, str(wheel), "jupyterlab"], capture_output=True, text=True)
    if done.returncode and "error sending request" in done.stderr:
        pytest.skip("no package index can be reached for a clean environment")
    assert done.returncode == 0, done.stderr
    return Environment(folder)
