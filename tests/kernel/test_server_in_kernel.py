"""The server on a thread of a real kernel."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from jupyter_lmms_eval.discovery import running_servers
from jupyter_lmms_eval.discovery.records import read_records
from tests.conftest import eventually
from tests.processes import GONE

from .conftest import LOAD, Kernel, client_of, server_of, start_line


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_server_starts_in_moments_and_shows_no_secret(kernel: Kernel, tmp_path: Path) -> None:
    began = time.monotonic()
    ran = kernel.run(start_line(tmp_path / "state"))
    assert time.monotonic() - began < 20
    assert kernel.run("import sys; 'torch' in sys.modules").text == "False"
    record = server_of(kernel)
    assert record is not None
    assert ran.status == "ok"
    assert ran.text == f"Evaluation server in this kernel, at {record.url}"
    assert f'href="{record.url}/docs"' in ran.html
    assert record.token not in ran.html + ran.text
    assert str(tmp_path) not in ran.html + ran.text
    assert record.kernel_id
    assert kernel.run("%lmms_eval_server status --show-token").printed.strip() == record.token
    # What the server's thread has to say goes to its log, never to a cell.
    with socket.create_connection(("localhost", record.port)) as stranger:
        stranger.sendall(b"this is not HTTP\r\n\r\n")
        stranger.recv(100)
    after = kernel.run("import time; time.sleep(0.3)")
    assert (ran.printed, ran.errors, after.printed, after.errors) == ("", "", "", "")
    log = tmp_path / "state" / "server.log"
    assert "Invalid HTTP request" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_starting_again_and_reloading_keep_the_one_server(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("handle = " + start_line(tmp_path / "state"))
    first = server_of(kernel)
    assert first is not None
    again = kernel.run(start_line(tmp_path / "state", "--cpu-slots 2"))
    assert "runs already, in this kernel" in again.text
    assert "to use --cpu-slots, stop it first" in again.text
    for _ in range(2):
        assert kernel.run("%reload_ext jupyter_lmms_eval").status == "ok"
    assert "no extension" not in kernel.run(LOAD).errors
    assert "runs already" in kernel.run(start_line(tmp_path / "state")).text
    assert kernel.run("handle.client.is_healthy()").text == "True"
    assert [one.record.id for one in running_servers() if one.record.pid == kernel.pid] == [first.id]
    other = kernel.run(start_line(tmp_path / "other"))
    assert other.errors.startswith("UsageError: This kernel's evaluation server")
    assert other.errors.count("\n") == 1


def test_unloading_stops_the_server_when_the_cell_is_over(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    record = server_of(kernel)
    assert record is not None
    assert kernel.run("%unload_ext jupyter_lmms_eval").errors == ""
    assert server_of(kernel) is None
    assert port_is_free(record.port)
    assert kernel.run("%lmms_eval_server status").status == "error"
    kernel.run(LOAD)
    assert kernel.run(start_line(tmp_path / "state")).status == "ok"
    stopped = kernel.run("%lmms_eval_server stop")
    assert "is stopped" in stopped.printed
    assert server_of(kernel) is None


def test_a_restarted_kernel_leaves_no_server(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    record = server_of(kernel)
    assert record is not None
    kernel.manager.restart_kernel(now=False)
    kernel.client.wait_for_ready(timeout=60)
    assert record.id not in {one.id for one in read_records()}  # it took leave, and did not just die
    assert port_is_free(record.port)
    kernel.run(LOAD)
    assert kernel.run(f"%lmms_eval_server start --port {record.port} --state-dir {tmp_path / 'state'}").status == "ok"
    assert server_of(kernel) is not None


def test_a_taken_port_is_one_line_that_names_its_holder(
    kernel: Kernel, start_kernel: Callable[[], Kernel], tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ran = kernel.run(f"%lmms_eval_server start --port {port} --state-dir {tmp_path / 'state'}")
    assert ran.errors.startswith(f"UsageError: Port {port} is in use by")
    assert f"(pid {os.getpid()})" in ran.errors
    assert "--port (0: any free one)" in ran.errors
    assert ran.errors.count("\n") == 1
    kernel.run(start_line(tmp_path / "state"))
    record = server_of(kernel)
    assert record is not None
    second = start_kernel()
    second.run(LOAD)
    ran = second.run(f"%lmms_eval_server start --port {record.port} --state-dir {tmp_path / 'other'}")
    assert f"in use by the evaluation server at {record.url} (pid {kernel.pid}" in ran.errors
    assert not (tmp_path / "other").exists()


def test_a_second_notebook_finds_the_server_of_the_first(
    kernel: Kernel, start_kernel: Callable[[], Kernel], tmp_path: Path
) -> None:
    kernel.run(start_line(tmp_path / "state"))
    record = server_of(kernel)
    assert record is not None
    second = start_kernel()
    second.run(LOAD)
    reused = second.run(start_line(tmp_path / "state"))
    assert f"runs already, in the kernel (pid {kernel.pid}), at {record.url}" in reused.text
    assert second.run("from jupyter_lmms_eval import EvalClient; EvalClient().base_url").text == f"'{record.url}'"
    assert record.url in second.run("%lmms_eval_server list").text
    assert record.url in second.run(f"%lmms_eval_server connect {record.id[:6]}").text
    assert record.url in second.run(f"%lmms_eval_server connect {record.url}").text
    assert "there are:" in second.run("%lmms_eval_server connect nothing").errors
    # The server is a part of another kernel, which must not be ended by a magic of this one.
    refused = second.run("%lmms_eval_server stop")
    assert "run `%lmms_eval_server stop` there" in refused.errors
    assert psutil.pid_exists(kernel.pid)
    assert client_of(kernel).is_healthy()
    # Another folder is another server; from then on it must be said which one is meant.
    assert second.run(start_line(tmp_path / "second")).status == "ok"
    several = second.run("%lmms_eval_server connect").errors
    assert several.startswith("UsageError: 2 servers run:")
    assert several.count("\n") == 1


def test_the_server_answers_while_a_cell_computes(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    client = client_of(kernel)
    enough = tmp_path / "enough"
    message = kernel.submit(f"print('begun')\nimport os\nwhile not os.path.exists({str(enough)!r}): sum(range(1000))")
    kernel.begun(message)
    # The cell does not end before all have been answered.
    assert all(client.is_healthy() for _ in range(5))
    enough.touch()
    assert kernel.finish(message).status == "ok"


def test_users_asyncio_works_beside_it_patched_or_not(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    assert kernel.run("import asyncio; await asyncio.sleep(0.01, 'awaited')").text == "'awaited'"
    threaded = (
        "import asyncio, threading\nfound = []\n"
        "thread = threading.Thread(target=lambda: found.append(asyncio.run(asyncio.sleep(0.01, 'ran'))))\n"
        "thread.start(); thread.join(); found"
    )
    assert kernel.run(threaded).text == "['ran']"
    patched = (
        "import nest_asyncio2; nest_asyncio2.apply()\n"
        "asyncio.run(asyncio.sleep(0.01, 'nested')), handle.client.is_healthy()"
    )
    kernel.run("handle = %lmms_eval_server status")
    assert kernel.run(patched).text == "('nested', True)"
    assert client_of(kernel).list_jobs()["jobs"] == []
    kernel.run("%lmms_eval_server stop")
    assert kernel.run(start_line(tmp_path / "state")).status == "ok"
    assert client_of(kernel).is_healthy()


def test_a_forked_child_does_not_keep_the_server(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    record = server_of(kernel)
    assert record is not None
    fork = "import os, time\nchild = os.fork()\nif child == 0:\n    time.sleep(60); os._exit(0)\nprint(child)"
    child = int(kernel.run(fork).printed)
    try:
        assert client_of(kernel).is_healthy()
        kernel.run("%lmms_eval_server stop")
        assert port_is_free(record.port)
        assert kernel.run(start_line(tmp_path / "state")).status == "ok"  # the folder is free, too
    finally:
        os.kill(child, signal.SIGKILL)


def test_interrupting_a_cell_leaves_the_server_alone(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    message = kernel.submit("import time; print('begun', flush=True); time.sleep(60)")
    kernel.begun(message)
    kernel.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in kernel.finish(message).error
    assert client_of(kernel).is_healthy()


def test_a_detached_server_outlives_its_kernel(start_kernel: Callable[[], Kernel], tmp_path: Path) -> None:
    first = start_kernel()
    first.run(LOAD)
    ran = first.run(start_line(tmp_path / "state", "--detach"))
    assert "which outlives this kernel" in ran.text
    record = next(one.record for one in running_servers() if one.record.state_dir == str(tmp_path / "state"))
    assert record.pid != first.pid
    first.manager.shutdown_kernel(now=True)
    headers = {"Authorization": f"Bearer {record.token}"}
    assert httpx.get(f"{record.url}/health", headers=headers).json()["pid"] == record.pid
    assert record.token not in Path(f"/proc/{record.pid}/cmdline").read_text()
    second = start_kernel()
    second.run(LOAD)
    assert f"runs already, as process {record.pid}" in second.run(start_line(tmp_path / "state")).text
    assert "is stopped" in second.run("%lmms_eval_server stop").printed
    eventually(lambda: not psutil.pid_exists(record.pid), patience=GONE)
