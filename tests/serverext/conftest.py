"""Real Jupyter servers with the extension, and real evaluation servers behind them."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server, alone, run_server
from tests.ports import free_port

# As a hub would have it: below a path, with an escaped character in it.
BASE = "/user/jo%40example.org"
OTHERS = ("jupyterlab", "jupyter_lsp", "jupyter_server_terminals", "notebook_shim")
SOURCE = Path(__file__).parents[2]


@dataclass
class Jupyter:
    """A Jupyter server in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    base: str
    token: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        """A program that carries a token."""
        authorization = {"Authorization": f"token {self.token if token is None else token}"}
        return httpx.Client(base_url=self.url, headers={**authorization, **headers}, timeout=30)

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """A browser that has logged in: it carries cookies, and no token."""
        with httpx.Client(base_url=self.url, timeout=30) as client:
            client.get("/login")  # sets the cookie against forged requests
            assert client.get(f"/lmms-eval/?token={self.token}").status_code == 200
            yield client

    def talk(self, text: str, body: bytes = b"") -> bytes:
        """Send bytes as they are and read until the server closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.settimeout(5)
            connection.sendall(text.replace("\n", "\r\n").encode() + body)
            answer = b""
            while not _complete(answer):
                try:
                    part = connection.recv(65536)
                except (TimeoutError, ConnectionError):
                    break
                if not part:
                    break
                answer += part
            return answer

    def connections_to(self, port: int) -> int:
        return sum(
            bool(one.raddr) and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED
            for one in psutil.Process(self.process.pid).net_connections("tcp")
        )


def _complete(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return body.endswith(b"0\r\n\r\n")


@contextmanager
def run_jupyter(root: Path, *options: str, base: str = BASE, **environment: str) -> Iterator[Jupyter]:
    root.mkdir(parents=True, exist_ok=True)
    port, token, log = free_port(), secrets.token_hex(16), root / "jupyter.log"
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={base}/",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--ServerApp.allow_unauthenticated_access=False",
        "--LmmsEvalExtension.watch_interval=0.2",
        # Ours is enabled by its installation; what else is installed only takes time.
        f"--ServerApp.jpserver_extensions={dict.fromkeys(OTHERS, False)}",
        *options,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        )
    jupyter = Jupyter(process, port, base, token, log)
    try:
        _wait_for(jupyter)
        yield jupyter
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _wait_for(jupyter: Jupyter) -> None:
    deadline = time.monotonic() + 60
    with jupyter.client() as client:
        while True:
            try:
                client.get("/lmms-eval/").raise_for_status()
            except httpx.HTTPError:
                assert jupyter.process.poll() is None, jupyter.log.read_text()[-3000:]
                assert time.monotonic() < deadline, jupyter.log.read_text()[-3000:]
                time.sleep(0.1)
            else:
                return


@pytest.fixture(scope="package", autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runtime directory for the records of these tests' servers alone."""
    folder = tmp_path_factory.mktemp("runtime")
    with alone(folder):
        yield folder


@pytest.fixture(scope="package")
def jupyter(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    options = ("--LmmsEvalExtension.read_timeout=6", "--LmmsEvalExtension.health_timeout=4")
    with run_jupyter(tmp_path_factory.mktemp("jupyter"), *options) as running:
        yield running


@pytest.fixture(scope="package")
def waiting(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An evaluation server with jobs that wait for more devices than there are."""
    state_dir = tmp_path_factory.mktemp("waiting")
    waiting_jobs(state_dir, 20)
    with run_server(state_dir, IMPORTS_NOTHING, "--cpu-slots", "1") as server:
        server.client.changed_jobs(0)
        yield server


@pytest.fixture
def way(jupyter: Jupyter, waiting: Server) -> Iterator[httpx.Client]:
    """The way of a program to the evaluation server with waiting jobs."""
    with jupyter.client() as client:
        client.base_url = f"{jupyter.url}/lmms-eval/servers/{waiting.record.id}/"
        yield client


def queued(server: Server) -> dict[str, Any]:
    """A job that waits, for a test to cancel."""
    job: dict[str, Any] = server.client.list_jobs(status="queued", limit=1)["jobs"][0]
    return job
