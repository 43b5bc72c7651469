"""A server on a thread of a plain process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval import EvalClient, ServerArgs
from jupyter_lmms_eval.discovery.records import read_records, write_record
from jupyter_lmms_eval.hosting import lifecycle
from jupyter_lmms_eval.hosting.detached import start_detached
from jupyter_lmms_eval.hosting.outcomes import Failed, Outcome, PortTaken, Reused, Started, TimedOut
from tests.conftest import Server


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    lifecycle.stop()


def begin(state_dir: Path, **arguments: object) -> Started:
    outcome = lifecycle.start(ServerArgs(state_dir=str(state_dir), **arguments), any_port=True)  # type: ignore[arg-type]
    assert isinstance(outcome, Started), outcome.message
    return outcome


def test_it_starts_answers_and_stops(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    outcome = begin(tmp_path / "state")
    assert outcome.record.token not in repr(outcome)
    with EvalClient(outcome.record.url, token=outcome.record.token) as client:
        assert client.health()["server_id"] == outcome.record.id
        began = time.monotonic()
        assert lifecycle.stop()
        assert time.monotonic() - began < 7
        assert not client.is_healthy()
    assert not lifecycle.stop()
    assert outcome.record.id not in {record.id for record in read_records()}
    assert {thread for thread in threading.enumerate() if thread.name.startswith("lmms-eval")} <= before
    assert capfd.readouterr() == ("", "")


def test_many_threads_starting_at_once_get_one_server(tmp_path: Path) -> None:
    outcomes: list[lifecycle.Outcome] = []
    args = ServerArgs(state_dir=str(tmp_path / "state"))
    threads = [threading.Thread(target=lambda: outcomes.append(lifecycle.start(args, any_port=True))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Reused", "Reused", "Reused", "Started"]
    assert len({outcome.record.id for outcome in outcomes if isinstance(outcome, Started | Reused)}) == 1


def test_it_is_reused_and_says_what_it_keeps(tmp_path: Path) -> None:
    begin(tmp_path / "state", cpu_slots=2)
    args = ServerArgs(state_dir=str(tmp_path / "state"), cpu_slots=3, include_paths=["/tasks"])
    outcome = lifecycle.start(args, asked={"cpu_slots", "include_paths"})
    assert isinstance(outcome, Reused)
    assert outcome.here
    assert outcome.message.endswith("It keeps its own arguments: to use --include-path and --cpu-slots, stop it first")
    assert "stop it" not in lifecycle.start(ServerArgs(cpu_slots=2), asked={"cpu_slots"}).message
    other = lifecycle.start(ServerArgs(state_dir=str(tmp_path / "other")))
    assert isinstance(other, Failed)
    assert "works on another folder" in other.message


@pytest.mark.parametrize("start", [lifecycle.start, start_detached])
def test_the_server_of_another_process_says_what_it_keeps(
    start: Callable[..., Outcome], start_server: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "tasks")
    running = start_server("--include-path", str(tmp_path / "tasks"), "--max-stored-gb", "2")

    def told(**asked: Any) -> str:
        args = ServerArgs(**{"state_dir": str(running.state_dir), **asked})
        outcome = start(args, asked={"state_dir", *asked})
        assert isinstance(outcome, Reused)
        return outcome.message.partition("it is used")[2]

    assert told() == ""
    so = {"include_paths": [str(tmp_path / "link")], "max_stored_gb": 2, "port": running.record.port}
    assert told(**so) == ""
    assert told(**so | {"token": running.token}) == ""
    assert told(**so | {"token": "another"}) == ". It keeps its own arguments: to use --token, stop it first"
    assert told(include_paths=["/x"], port=running.record.port + 1) == (
        ". It keeps its own arguments: to use --port and --include-path, stop it first"
    )
    # Of a server of before it is known only where it listens.
    write_record(running.record.model_copy(update={"arguments": None}))
    assert told(host="localhost", port=running.record.port) == ""
    assert "to use --include-path and --max-stored-gb, stop it first" in told(**so)


def test_the_server_of_another_process_is_reused(start_server: object, tmp_path: Path) -> None:
    running: Server = start_server()  # type: ignore[operator]
    outcome = lifecycle.start(ServerArgs(state_dir=str(running.state_dir)), any_port=True)
    assert isinstance(outcome, Reused)
    assert not outcome.here
    assert f"as process {running.process.pid}, at {running.url}" in outcome.message
    taken = lifecycle.start(ServerArgs(port=running.record.port, state_dir=str(tmp_path / "other")))
    assert isinstance(taken, PortTaken)
    assert running.url in taken.message
    assert lifecycle.current() is None


def test_what_keeps_it_from_starting_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    failed = lifecycle.start(ServerArgs(state_dir=str(tmp_path / "file")), any_port=True)
    assert isinstance(failed, Failed)
    assert failed.message == (
        f"The folder of the jobs, {tmp_path / 'file'}, cannot be used (File exists); choose another with --state-dir"
    )
    wrong = lifecycle.start(ServerArgs(host="no.such.host.invalid", state_dir=str(tmp_path / "state")))
    assert isinstance(wrong, Failed)
    assert "is not known" in wrong.message
    nameless = lifecycle.start(ServerArgs(host="a..b", state_dir=str(tmp_path / "state")))
    assert isinstance(nameless, Failed)
    assert "Host 'a..b' is not known: it is no name; use localhost or an address" in nameless.message
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file"))
    hidden = lifecycle.start(ServerArgs(state_dir=str(tmp_path / "state")), any_port=True)
    assert isinstance(hidden, Failed)
    assert "Jupyter's runtime directory" in hidden.message
    assert "JUPYTER_RUNTIME_DIR" in hidden.message
    monkeypatch.undo()
    late = lifecycle.start(ServerArgs(state_dir=str(tmp_path / "state")), any_port=True, timeout=0.0)
    assert isinstance(late, TimedOut)
    assert "did not answer within" in late.message
    # Nothing stayed behind.
    begin(tmp_path / "state")


def test_the_server_ends_with_its_process_and_says_goodbye(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom jupyter_lmms_eval import ServerArgs\nfrom jupyter_lmms_eval.hosting import lifecycle\n"
        f"print(lifecycle.start(ServerArgs(state_dir={str(tmp_path / 'state')!r}), any_port=True).record.id)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert ended.stderr == ""
    assert ended.stdout.strip() not in {record.id for record in read_records()}
    assert ended.stdout.strip()


def test_a_forked_child_knows_no_server(tmp_path: Path) -> None:
    begin(tmp_path / "state")
    child = os.fork()
    if child == 0:
        os._exit(0 if lifecycle.current() is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert lifecycle.current() is not None
