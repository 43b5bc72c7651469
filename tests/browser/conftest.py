"""A real JupyterLab in a real browser."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.browser.notebook import Notebook
from tests.conftest import Server, run_server
from tests.ports import free_port

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Lab:
    """A JupyterLab in a process of its own."""

    folder: Path
    settings: Path
    url: str
    token: str

    def address(self, path: str) -> str:
        return f"{self.url}/{path}{'&' if '?' in path else '?'}token={self.token}"

    def theme(self, name: str) -> None:
        self.setting("@jupyterlab/apputils-extension", "themes", theme=name)

    def setting(self, package: str, plugin: str, **values: object) -> None:
        """Set what a person has set before the page is loaded."""
        _write(self.settings / package / f"{plugin}.jupyterlab-settings", values)


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab of the person whose servers the tests start."""
    with run_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="package")
def own_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab of somebody who has no server yet."""
    root = tmp_path_factory.mktemp("own_lab")
    with run_lab(root, runtime=root / "runtime") as running:
        yield running


@contextmanager
def run_lab(
    root: Path, runtime: Path | None = None, python: str = sys.executable, options: Sequence[str] = ()
) -> Iterator[Lab]:
    """Run JupyterLab in a process of its own.

    Parameters
    ----------
    root
        Receives its folders.
    runtime
        Where records of servers are; None: where those of the tests are.
    python
        Of the environment that JupyterLab is in.
    options
        More of its command line.
    """
    if find_spec("jupyterlab") is None:
        pytest.skip("JupyterLab is not installed")
    folders = {name: root / name for name in ("config", "data", "settings", "workspaces", "notebooks")}
    for folder in folders.values():
        folder.mkdir()
    # A question about news would cover the page.
    news = {"fetchNews": "false", "checkForUpdates": False}
    _write(folders["settings"] / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings", news)
    port, token = free_port(), secrets.token_hex(8)
    environment = {
        **os.environ,  # with the runtime directory of the tests, in which kernels find the tests' servers
        "JUPYTER_CONFIG_DIR": str(folders["config"]),
        "JUPYTER_DATA_DIR": str(folders["data"]),
        "JUPYTERLAB_SETTINGS_DIR": str(folders["settings"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(folders["workspaces"]),
        "JUPYTER_PREFER_ENV_PATH": "1",
        **({} if runtime is None else {"JUPYTER_RUNTIME_DIR": str(runtime)}),
    }
    _old_kernel(folders["data"])
    command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    given = [
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folders['notebooks']}",
        "--ServerApp.port_retries=0",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = root / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *given, *options], cwd=folders["notebooks"], env=environment, stdout=output, stderr=output
        )
    try:
        found = Lab(folders["notebooks"], folders["settings"], f"http://127.0.0.1:{port}", token)
        _wait_for(found.address("api/status"), process, log)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).read()
        except (OSError, urllib.error.URLError):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)
        else:
            return


def _old_kernel(data: Path) -> None:
    """Offer a kernel with ipykernel 6, if the environment names a Python that has one."""
    if python := os.environ.get("LMMS_EVAL_TEST_OLD_KERNEL"):
        kernel = {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "old"}
        source = str(Path(__file__).parents[2])
        _write(data / "kernels" / "old" / "kernel.json", kernel | {"language": "python", "env": {"PYTHONPATH": source}})


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


# JupyterLab takes its splash screen away twice if it was shown twice within 200 ms, as it is while themes change.
_SPLASH = re.compile(r"NotFoundError: Failed to execute 'removeChild' on 'Node'[^\n]*\n\s+at \S+/jlab_core\.\S+\s*")


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.errors = []

    def heard(error: Any) -> None:
        if not _SPLASH.fullmatch(error.stack or ""):
            opened.errors.append(error.stack or str(error))

    opened.on("pageerror", heard)
    yield opened
    context.close()


@pytest.fixture
def notebook(lab: Lab, page: Any) -> Iterator[Callable[..., Notebook]]:
    """Open notebooks with given cells; their kernels end with the test."""
    opened: list[Notebook] = []

    def open_notebook(*cells: str, kernel: str = "python3") -> Notebook:
        opened.append(Notebook.open(lab, page, cells, kernel))
        return opened[-1]

    yield open_notebook
    for each in opened:
        each.shut_down()


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page go, for people to look at."""
    folder = Path(os.environ.get("LMMS_EVAL_TEST_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def one_slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server that runs one job at a time, each for seconds: others wait long enough to be looked at."""
    from jupyter_lmms_eval.demo.catalog import TASKS_DIR

    with run_server(
        tmp_path_factory.mktemp("one_slot"), "--include-path", str(TASKS_DIR), "--fresh-processes"
    ) as running:
        running.client.list_tasks()
        yield running
