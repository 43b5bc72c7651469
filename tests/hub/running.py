"""A real JupyterHub with its own proxy."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.conftest import OFFLINE
from tests.faults.conftest import PLUGIN
from tests.ports import free_port

# A hub is seldom at the root of its site.
BASE = "/hub-at"
PROXY = "configurable-http-proxy"
SOURCE = Path(__file__).parents[2]
# Where `make hub` puts Node and the proxy; else those of the machine.
PATH = os.pathsep.join(
    [str(Path(sys.prefix) / "hub" / "node_modules" / ".bin"), str(Path(sys.prefix) / "bin"), os.environ["PATH"]]
)


def missing() -> str:
    """Say what a hub needs that is not there."""
    if find_spec("jupyterhub") is None or find_spec("jupyterlab") is None:
        return "JupyterHub or JupyterLab"
    return " and ".join(name for name in ("node", PROXY) if shutil.which(name, path=PATH) is None)


@dataclass
class Hub:
    """A hub in a process of its own."""

    process: subprocess.Popen[bytes]
    origin: str
    token: str
    homes: Path
    log: Path

    @property
    def url(self) -> str:
        """Its address, as people type it."""
        return self.origin + BASE

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Ask the hub's own API, as its administrator."""
        answer = httpx.request(
            method,
            f"{self.url}/hub/api/{path}",
            headers={"Authorization": f"token {self.token}"},
            json=body or None,
            timeout=60,
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def run_hub(root: Path) -> Iterator[Hub]:
    """Start a hub and end it, with the servers of its people."""
    port, hub_port, proxy_port = free_port(), free_port(), free_port()
    token, log, homes = secrets.token_hex(16), root / "hub.log", root / "homes"
    homes.mkdir(parents=True)
    site = {
        "base": BASE,
        "port": port,
        "hub_port": hub_port,
        "proxy_port": proxy_port,
        "proxy": [shutil.which(PROXY, path=PATH)],
        "token": token,
        "homes": str(homes),
        # People's servers inherit nothing from a hub but this.
        "environment": {
            **OFFLINE,
            "HF_HOME": os.environ["HF_HOME"],
            "LMMS_EVAL_PLUGINS": "troubled_model",  # a model whose jobs take as long as is wished
            "PATH": PATH,
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(PLUGIN)]),
        },
    }
    command = [sys.executable, "-m", "jupyterhub", "-f", str(Path(__file__).with_name("jupyterhub_config.py"))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PATH": PATH, "LMMS_EVAL_TEST_HUB": json.dumps(site)},
            stdout=output,
            stderr=output,
        )
    hub = Hub(process, f"http://127.0.0.1:{port}", token, homes, log)
    try:
        _wait_for(hub)
        yield hub
    finally:
        _end(process, root)


def _wait_for(hub: Hub) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            hub.api("GET", "info")
        except httpx.HTTPError:
            assert hub.process.poll() is None, hub.log.read_text()[-3000:]
            assert time.monotonic() < deadline, hub.log.read_text()[-3000:]
            time.sleep(0.1)
        else:
            return


def _end(process: subprocess.Popen[bytes], root: Path) -> None:
    """End a hub, and whatever of it would stay."""
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    # A hub that failed has left its proxy, in a session of its own.
    for proxy in root.glob("jupyterhub-proxy.pid"):
        with suppress(psutil.NoSuchProcess):
            below.append(psutil.Process(int(proxy.read_text())))
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for each in below:
        if each.is_running():
            each.terminate()
    _, left = psutil.wait_procs(below, timeout=10)
    for each in left:
        each.kill()
