"""How long JupyterLab takes to show a change among a thousand jobs, and what a key finds among all tasks."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..effort import Effort
from ..figures import Figure, Target, quantile
from ..servers import Servers, Side

CASE = "lab"
_SCRIPT = Path(__file__).with_suffix(".js")
_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_JOBS, _CHANGED = 1000, 20
# What is done in the page, and what it is called.
_DONE = {
    "first": f"{_JOBS:,} jobs listed in the panel for the first time",
    "change": f"{_CHANGED} of {_JOBS:,} jobs go on in the panel",
    "end": f"one of {_JOBS:,} jobs ends in the panel",
    "filter": f"{_JOBS:,} jobs filtered in the panel",
    "keys": "a key in the form's search among all tasks",
}


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    times: dict[str, list[float]] = {}
    for _ in range(effort.rounds):
        root = Path(tempfile.mkdtemp(prefix="lab_", dir=servers.folder))
        with _jupyter(root, servers.environment(Side.OURS)) as url:
            for done, taken in _drive(url, max(5, effort.requests // 40)).items():
                times.setdefault(done, []).extend(taken)
    figures = []
    for done, title in _DONE.items():
        target = Target(most=50) if done != "first" else Target()
        slow = f"95 % of them within {quantile(times[done], 0.95):.0f} ms"
        figures.append(Figure(CASE, f"{title}, until laid out", "ms", times[done], target=target, note=slow))
    return figures


def _drive(url: str, rounds: int) -> dict[str, list[float]]:
    """Open the page, start a server from it, and let the script measure; times in milliseconds."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=120_000)
        page.evaluate("async () => { await jupyterapp.started; await jupyterapp.restored; }")
        page.evaluate("() => jupyterapp.commands.execute('lmms-eval:open-panel')")
        page.evaluate("() => jupyterapp.commands.execute('lmms-eval:start-server')")
        page.evaluate("() => { jupyterapp.commands.execute('lmms-eval:new-job'); }")
        page.get_by_placeholder("tasks, groups and tags").wait_for(timeout=120_000)
        page.wait_for_timeout(3000)  # until the server's template is ready and computes no more
        given = {"jobs": _JOBS, "changed": _CHANGED, "rounds": rounds}
        taken: dict[str, list[float]] = page.evaluate(_SCRIPT.read_text(), given)
        server = page.evaluate("() => fetch('/lmms-eval/servers').then(a => a.json()).then(a => a.servers[0].pid)")
        browser.close()
    os.kill(server, 15)
    return taken


@contextmanager
def _jupyter(root: Path, surroundings: dict[str, str]) -> Iterator[str]:
    """Run a JupyterLab; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    settings = root / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    environment = {**surroundings, **{name: str(root / folder) for name, folder in folders.items()}}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={token}"]
    options += [f"--ServerApp.root_dir={root}", "--LabApp.expose_app_in_browser=True"]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (root / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment | {"JUPYTER_PREFER_ENV_PATH": "1"}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=2).read()
                break
            except (OSError, urllib.error.URLError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((root / "lab.log").read_text()[-2000:]) from None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/lab?token={token}&reset"
    finally:
        process.terminate()
        process.wait(20)
