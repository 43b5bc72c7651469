"""Starting and stopping a server in a terminal, a program and a notebook cell."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.discovery.records import read_records, record_path
from jupyter_lmms_eval.hosting.binding import AddressUnusable, PortTaken, bind
from tests.conftest import Server, eventually

Start = Callable[..., Server]


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_cleanly(start_server: Start, number: signal.Signals) -> None:
    server = start_server()
    assert server.client.is_healthy()
    assert server.end(number) == 0
    assert "Traceback" not in server.log.read_text()
    assert all(record.id != server.record.id for record in read_records())


def test_the_token_is_in_no_log_and_no_argument(start_server: Start) -> None:
    server = start_server()
    server.client.list_jobs()
    assert server.token not in server.log.read_text()
    assert f"{record_path(server.record.id)}, which only you can read" in server.log.read_text()
    assert server.token not in " ".join(Path(f"/proc/{server.process.pid}/cmdline").read_text().split("\0"))


def test_the_token_is_shown_to_a_person_at_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", "--port", "0", "--state-dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs)
    try:
        shown = ""
        while "stop it" not in shown:
            shown += os.read(ours, 4096).decode()
        (record,) = [one for one in read_records() if one.pid == process.pid]
        assert shown.count(record.token) == 2  # in the link, and by itself
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        os.close(ours)
        os.close(theirs)


def test_the_record_is_private(start_server: Start) -> None:
    server = start_server()
    assert record_path(server.record.id).stat().st_mode & 0o777 == 0o600


def test_a_port_held_by_another_server_is_named_and_nothing_starts(start_server: Start, tmp_path: Path) -> None:
    first = start_server()
    second = serve("--port", str(first.record.port), "--state-dir", str(tmp_path / "second"))
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"Port {first.record.port} is in use by the evaluation server at {first.url} (pid {first.process.pid}" in (
        second.stderr
    )
    assert not (tmp_path / "second").exists()
    assert first.client.is_healthy()


def test_a_port_held_by_any_program_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port} is in use by .*\(pid {os.getpid()}\)"):
            bind("127.0.0.1", port)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_port_held_by_another_user_is_nobodys_we_know(tmp_path: Path) -> None:
    code = "import sys; from jupyter_lmms_eval.hosting.binding import holder; print(holder(int(sys.argv[1])))"
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        ours.listen()
        port = str(ours.getsockname()[1])
        asked = subprocess.run(
            # Another user may not look into the folders of this one's Python, so it becomes one with all loaded.
            [
                sys.executable,
                "-c",
                f"import os, psutil, jupyter_lmms_eval.hosting.binding; os.setuid(65534); {code}",
                port,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path / "none")},
        )
    assert asked.stdout == "a program of another user\n", asked.stderr


def test_a_folder_that_cannot_be_written_to_says_how_to_choose_another(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = serve("--port", "0", "--state-dir", str(tmp_path / "state"), JUPYTER_RUNTIME_DIR=str(tmp_path / "file"))
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"Jupyter's runtime directory, {tmp_path / 'file'}, cannot be used (")
    assert last.endswith("; choose another with JUPYTER_RUNTIME_DIR")
    ended = serve("--port", "0", JUPYTER_DATA_DIR=str(tmp_path / "file"))
    assert ended.stderr == (
        f"The folder of the jobs, {tmp_path / 'file' / 'lmms_eval'}, cannot be used (Not a directory); "
        "choose another with --state-dir\n"
    )


def test_a_task_folder_that_does_not_exist_is_said_until_it_does(start_server: Start, tmp_path: Path) -> None:
    tasks, mistyped = tmp_path / "tasks", tmp_path / "taks"
    tasks.mkdir()
    server = start_server("--include-path", str(tasks), "--include-path", str(mistyped))
    notice = f"Task folder {mistyped} does not exist"
    assert server.client.health()["notices"] == [notice]
    assert eventually(lambda: f"Warning: {notice}\n" in server.log.read_text())
    assert str(tasks) + " " not in server.log.read_text()
    mistyped.mkdir()
    assert server.client.health()["notices"] == []


def test_a_state_dir_in_use_is_named_and_nothing_starts(start_server: Start) -> None:
    first = start_server()
    second = serve("--port", "0", "--state-dir", str(first.state_dir))
    assert second.returncode == 1
    assert f"in use by the server with pid {first.process.pid}" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--port", "70000"), "port"),
        (("--host", "no.such.host.invalid", "--port", "0"), "Host 'no.such.host.invalid' is not known"),
        (("--host", "a..b", "--port", "0"), "Host 'a..b' is not known"),
        (("--host", "203.0.113.7", "--port", "0"), "Cannot listen on 203.0.113.7"),
        (("--port", "0", "--state-dir", "/proc/nobody/jobs"), "jobs, cannot be used (/proc/nobody: No such file"),
        (("--max-completed-jobs", "0", "--port", "0"), "max_completed_jobs must be a positive integer"),
        (("--host", "0.0.0.0", "--token", "", "--port", "0"), "runs code here"),
    ],
)
def test_arguments_that_cannot_work_are_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    ended = serve(*arguments)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_without_lmms_eval_it_says_what_to_install(tmp_path: Path) -> None:
    # The very import system is asked; a finder in front of it says that there is no such package.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'lmms_eval' else real(name, *rest)\n"
    )
    ended = serve("--port", "0", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert 'pip install "jupyter_lmms_eval[eval]"' in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_localhost_is_taken_on_both_protocols() -> None:
    sockets = bind("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in sockets}) == 1
        families = {listener.family for listener in sockets}
        assert socket.AF_INET in families
        with pytest.raises(PortTaken):
            bind("localhost", sockets[0].getsockname()[1])
    finally:
        for listener in sockets:
            listener.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressUnusable):
        bind("203.0.113.7", 0)


def reply_to(client: Any, message: str) -> dict[str, Any]:
    while True:
        reply: dict[str, Any] = client.get_shell_msg(timeout=30)
        if reply["parent_header"]["msg_id"] == message:
            return reply["content"]


def test_launch_server_works_in_a_notebook_cell(tmp_path: Path) -> None:
    """A real kernel runs the blocking call in a cell; interrupting the kernel ends it and the kernel lives on."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        code = (
            "from jupyter_lmms_eval import ServerArgs, launch_server\n"
            "from jupyter_lmms_eval.hosting.binding import bind\n"
            "sockets = bind('localhost', 0)\n"
            f"args = ServerArgs(port=sockets[0].getsockname()[1], state_dir={str(tmp_path / 'state')!r})\n"
            "launch_server(args, sockets)\n"
            "print('ended')\n"
        )
        message = client.execute(code)
        record = eventually(
            lambda: next((found for found in read_records() if found.state_dir == str(tmp_path / "state")), None)
        )
        headers = {"Authorization": f"Bearer {record.token}"}
        assert httpx.get(f"{record.url}/health", headers=headers, timeout=10).json()["status"] == "healthy"
        manager.interrupt_kernel()
        assert reply_to(client, message)["status"] == "ok"
        assert record.id not in {found.id for found in read_records()}
        assert reply_to(client, client.execute("1 + 1"))["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.evaluation
def test_shutdown_with_a_running_job_and_an_open_stream_is_quick(start_server: Start) -> None:
    from jupyter_lmms_eval.demo.catalog import TASKS_DIR

    server = start_server("--include-path", str(TASKS_DIR))
    job = server.client.evaluate(model="dummy", model_args={"response": "7"}, tasks=["digits_read"])
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.stream("GET", f"{server.url}/jobs/{job['job_id']}/logs?follow=true", headers=headers, timeout=30):
        eventually(lambda: server.client.get_job(job["job_id"])["status"] == "running")
        began = time.monotonic()
        assert server.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 20
