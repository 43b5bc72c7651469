"""Evaluations forked from a process that has everything imported: fast, and as if started afresh."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.engine.environment import evaluation_environment
from jupyter_lmms_eval.engine.template import Template
from tests.conftest import Server, eventually
from tests.processes import GONE
from tests.tasks import write_task

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]
Start = Callable[..., Server]

REQUEST: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}, "tasks": ["digits_read"], "limit": 40}


@pytest.fixture
def own_task(tmp_path: Path) -> Callable[..., Path]:
    """Writes a task whose score, and the time that scoring takes, are given."""
    return partial(write_task, tmp_path / "own", "own_task")


def template_of(server: Server) -> psutil.Process:
    """The template process of a server."""

    def find() -> psutil.Process | None:
        children = psutil.Process(server.process.pid).children()
        return next((child for child in children if "jupyter_lmms_eval.runner.template" in child.cmdline()), None)

    process: psutil.Process = eventually(find)
    return process


def completed(server: Server, **request: Any) -> dict[str, Any]:
    job_id = server.client.evaluate(**{**REQUEST, **request})["job_id"]

    def look() -> Any:
        job = server.client.get_job(job_id)
        return job["status"] not in ("queued", "running") and job

    job: dict[str, Any] = eventually(look, patience=60, every=0.02)
    assert job["status"] == "completed", job["error"]
    return job


def test_an_evaluation_looks_like_what_it_is_and_inherits_nothing(
    start_server: Start, own_task: Callable[..., Path]
) -> None:
    server = start_server("--include-path", str(own_task(score=1.0, seconds=60)))
    job_id = server.client.evaluate(**{**REQUEST, "tasks": ["own_task"], "limit": 1})["job_id"]
    template = template_of(server)

    def look() -> Any:
        family = template.children(recursive=True)
        progress = server.client.get_job(job_id)["progress"] or {}
        return progress.get("phase") == "scoring" and len(family) == 2 and family

    supervisor, rank = eventually(look, patience=60)
    job_dir = server.client.get_job(job_id)["job_dir"]
    assert supervisor.cmdline()[1:] == ["-m", "jupyter_lmms_eval.runner", job_dir, "1"]
    assert rank.cmdline()[1:] == ["-m", "jupyter_lmms_eval.runner.rank", job_dir, "1", str(supervisor.pid)]
    assert rank.cwd() == job_dir
    assert "LMMS_EVAL_TOKEN" not in rank.environ()
    # Neither sockets of the server or of the template, nor the database, nor the locks of devices.
    (own,) = rank.net_connections(kind="all")  # by which it talks with its supervisor
    assert own.family == socket.AF_UNIX
    opened = {Path(file.path).name for file in rank.open_files()}
    assert not [name for name in opened if "sqlite" in name or "lock" in name or name.startswith("cpu-")], opened
    server.client.cancel_job(job_id)
    assert not rank.is_running()
    assert template.is_running()


def test_what_was_changed_since_the_imports_counts(
    start_server: Start, own_task: Callable[..., Path], tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin"
    (plugin / "changing" / "models").mkdir(parents=True)
    (plugin / "changing" / "__init__.py").write_text("")
    (plugin / "changing" / "models" / "__init__.py").write_text('AVAILABLE_MODELS = {"changing": "Changing"}\n')

    def answers(text: str) -> None:
        (plugin / "changing" / "models" / "changing.py").write_text(
            "from lmms_eval.models.simple.dummy import Dummy\n"
            "class Changing(Dummy):\n"
            "    def generate_until(self, requests):\n"
            f"        return [{text!r}] * len(requests)\n"
        )

    answers("7")
    folder = own_task(score=0.25)
    server = start_server(
        "--include-path",
        str(folder),
        "--include-path",
        str(TASKS_DIR),
        PYTHONPATH=str(plugin),
        LMMS_EVAL_PLUGINS="changing",
    )
    request = {"model": "changing", "model_args": {}, "limit": 20}
    first = completed(server, **request)
    assert completed(server, tasks=["own_task"])["metrics"][0]["value"] == 0.25
    own_task(score=0.75)
    answers("no digit")
    assert completed(server, tasks=["own_task"])["metrics"][0]["value"] == 0.75
    assert first["metrics"][0]["value"] > 0
    assert completed(server, **request)["metrics"][0]["value"] == 0


def test_a_template_that_dies_is_made_anew(start_server: Start, own_task: Callable[..., Path]) -> None:
    server = start_server("--include-path", str(own_task(score=0.5, seconds=2)), "--keep-models", "0")
    completed(server, tasks=["own_task"], limit=1)
    template = template_of(server)
    job_id = server.client.evaluate(**{**REQUEST, "tasks": ["own_task"], "limit": 1})["job_id"]
    eventually(lambda: len(template.children(recursive=True)) == 2, every=0.01)
    template.kill()
    # The evaluation that it forked goes on, and its end is noticed.
    job = eventually(lambda: (job := server.client.get_job(job_id))["status"] == "completed" and job)
    assert job["attempt"] == 1
    assert completed(server, tasks=["own_task"], limit=1)["attempt"] == 1
    assert template_of(server).pid != template.pid


def test_a_killed_server_leaves_no_template(start_server: Start, own_task: Callable[..., Path]) -> None:
    server = start_server("--include-path", str(own_task(score=0.5, seconds=60)))
    server.client.evaluate(**{**REQUEST, "tasks": ["own_task"], "limit": 1})
    template = template_of(server)
    family = eventually(lambda: len(found := template.children(recursive=True)) == 2 and found, patience=60)
    server.process.send_signal(signal.SIGKILL)
    eventually(lambda: not any(process.is_running() for process in (template, *family)), patience=GONE)


def test_who_is_told_of_an_evaluation_can_end_it(tmp_path: Path) -> None:
    async def fork_and_look() -> list[bool]:
        template = Template(tmp_path)
        environment = evaluation_environment(os.environ, [], threads=1)
        leads = []
        try:
            for number in range(20):
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with ours, theirs, (tmp_path / "log.txt").open("ab") as log:
                    descriptors = log.fileno(), theirs.fileno()
                    process = await template.fork(tmp_path, number, environment, descriptors)
                    assert process is not None
                    leads.append(os.getpgid(process.pid) == process.pid)
                    await process.wait()  # there is nothing for it to evaluate
        finally:
            template.close()
        return leads

    assert asyncio.run(fork_and_look()) == [True] * 20


class Importing:
    """Takes the place of the template process, and says what a test wants it to say."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self.ours: socket.socket | None = None
        self.started = 0

    def start(self, _words: object, *, pass_fds: tuple[int, ...], **_more: object) -> Importing:
        self.started += 1
        self.ours = socket.socket(fileno=os.dup(pass_fds[0]))
        return self

    def kill(self) -> None:
        if self.ours is not None:
            self.ours.close()

    def wait(self) -> None:
        """It is gone at once."""

    def say(self, **message: object) -> None:
        assert self.ours is not None
        self.ours.send(json.dumps(message).encode())

    async def asked(self) -> None:
        """Wait for a request to fork."""
        assert self.ours is not None
        self.ours.setblocking(False)
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.ours, 1 << 16), 10)


@pytest.fixture
def importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Template, Importing]]:
    def make() -> tuple[Template, Importing]:
        template = Template(tmp_path)
        process = Importing(template)
        monkeypatch.setattr("jupyter_lmms_eval.engine.template.subprocess.Popen", process.start)
        return template, process

    return make


@pytest.mark.parametrize("how", ["said", "died"])
def test_an_evaluation_that_ends_at_once_is_not_waited_for_in_vain(
    importing: Callable[[], tuple[Template, Importing]], tmp_path: Path, how: str
) -> None:
    gone = 2**22 + 1  # no process has this number

    async def fork() -> int:
        template, process = importing()
        try:
            forking = asyncio.create_task(template.fork(tmp_path, 1, {}, (0,)))
            await asyncio.sleep(0)
            process.say(ready=True)
            await process.asked()
            # The server is busy meanwhile, and reads both together.
            process.say(number=1, started=gone)
            if how == "said":
                process.say(ended=gone, code=1)
            else:
                process.kill()
            child = await forking
            assert child is not None
            return await asyncio.wait_for(child.wait(), 10)
        finally:
            template.close()

    assert asyncio.run(fork()) == (1 if how == "said" else -9)


def test_jobs_do_not_wait_one_after_the_other_for_imports_that_take_too_long(
    importing: Callable[[], tuple[Template, Importing]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_lmms_eval.engine.template.READY_SECONDS", 1.0)

    async def fork_many() -> None:
        template, process = importing()
        try:
            forks = [template.fork(tmp_path, 1, {}, (0,)) for _ in range(20)]
            assert await asyncio.wait_for(asyncio.gather(*forks), 10) == [None] * 20, "each is started afresh"
            assert process.started == 1, "it goes on importing"
            process.say(ready=True)
            await asyncio.sleep(0.1)
            later = asyncio.create_task(template.fork(tmp_path, 2, {}, (0,)))
            await process.asked()
            process.say(number=1, started=os.getpid())
            assert await asyncio.wait_for(later, 10) is not None
        finally:
            template.close()

    asyncio.run(fork_many())
