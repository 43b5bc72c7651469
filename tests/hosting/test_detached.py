"""A server as a process of its own."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import psutil
import pytest

from jupyter_lmms_eval import EvalClient, ServerArgs
from jupyter_lmms_eval.discovery.liveness import process_create_time
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.hosting.detached import NotStoppable, command_line, environment, start_detached, stop_by_record
from jupyter_lmms_eval.hosting.outcomes import Failed, PortTaken, Reused, Started
from jupyter_lmms_eval.protocol.server import ServerRecord


def record_of(pid: int, **changes: object) -> ServerRecord:
    fields: dict[str, object] = {
        "id": "x",
        "pid": pid,
        "create_time": process_create_time(pid),
        "hostname": socket.gethostname(),
        "host": "localhost",
        "port": 1,
        "url": "http://localhost:1",
        "token": "",
        "state_dir": "",
        "started_at": "",
        "version": "",
    }
    return ServerRecord.model_validate({**fields, **changes})


def test_it_starts_is_reused_and_is_stopped(tmp_path: Path) -> None:
    args = ServerArgs(state_dir=str(tmp_path / "state"))
    outcome = start_detached(args, any_port=True)
    assert isinstance(outcome, Started), outcome.message
    try:
        record = outcome.record
        assert "which outlives this kernel" in outcome.message
        with EvalClient(record.url, token=record.token) as client:
            assert client.health()["pid"] == record.pid
        process = psutil.Process(record.pid)
        assert os.getsid(record.pid) == record.pid
        assert record.token not in " ".join(process.cmdline())
        assert (tmp_path / "state" / "server.log").stat().st_mode & 0o777 == 0o600
        again = start_detached(args, any_port=True)
        assert isinstance(again, Reused)
        assert again.record.id == record.id
        other = start_detached(ServerArgs(state_dir=str(tmp_path / "other"), port=record.port))
        assert isinstance(other, PortTaken)
        assert record.url in other.message
    finally:
        began = time.monotonic()
        assert stop_by_record(outcome.record)
    assert time.monotonic() - began < 12
    assert not psutil.pid_exists(outcome.record.pid)  # no zombie either
    assert stop_by_record(outcome.record)  # already gone


def test_what_keeps_it_from_starting_is_told_in_its_own_words(tmp_path: Path) -> None:
    # Somebody holds the folder of whom there is no record: it is noticed only in the process that is started.
    held = StateDir(tmp_path / "state")
    try:
        outcome = start_detached(ServerArgs(state_dir=str(held.root)), any_port=True)
    finally:
        held.close()
    assert isinstance(outcome, Failed)
    assert f"{held.root} is in use by" in outcome.message
    assert str(os.getpid()) in outcome.message
    (tmp_path / "file").touch()
    barred = start_detached(ServerArgs(state_dir=str(tmp_path / "file" / "state")), any_port=True)
    assert isinstance(barred, Failed)
    assert "cannot be used (Not a directory); choose another with --state-dir" in barred.message
    nameless = start_detached(ServerArgs(host="a..b", state_dir=str(tmp_path / "other")))
    assert isinstance(nameless, Failed)
    assert "Host 'a..b' is not known" in nameless.message


def test_only_the_recorded_process_is_ended_and_only_if_it_does_nothing_else() -> None:
    with pytest.raises(NotStoppable, match="run `%lmms_eval_server stop` there"):
        stop_by_record(record_of(os.getpid(), notebook="/home/someone/analysis.ipynb"))
    # The number was given to another process since: nothing to stop.
    assert stop_by_record(record_of(os.getpid(), create_time=1.0))
    with pytest.raises(NotStoppable, match="another machine"):
        stop_by_record(record_of(os.getpid(), hostname="elsewhere"))


def test_the_command_says_all_but_the_token() -> None:
    args = ServerArgs(
        host="127.0.0.1", port=8801, token="secret", state_dir="/s", include_paths=["/a"], allowed_hosts=["h"]
    )
    words = command_line(args, any_port=False)
    assert "secret" not in " ".join(words)
    assert {"--port=8801", "--include-path=/a", "--allowed-host=h", "--state-dir=/s"} <= set(words)
    made = environment({"JPY_PARENT_PID": "1", "PATH": "/bin"}, "secret")
    assert made == {"PATH": "/bin", "LMMS_EVAL_TOKEN": "secret", "PYTHONSAFEPATH": "1"}
