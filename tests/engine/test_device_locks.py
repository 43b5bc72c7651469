"""No two servers of a machine have the same device; tested with processes that race and die."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_lmms_eval.discovery.records import runtime_dir
from jupyter_lmms_eval.engine.device_locks import DeviceLocks, HeldLocks, device_locks_folder
from tests.conftest import eventually

# Another server: what it does with its `locks` is given as its first argument, the folder as its second.
SERVER = """
import os, signal, subprocess, sys
from pathlib import Path
from jupyter_lmms_eval.engine.device_locks import DeviceLocks
folder = Path(sys.argv[2])
locks = DeviceLocks(folder, {f"cuda:{index}": f"GPU-{index}" for index in range(3)})
exec(sys.argv[1])
"""
TAKES_AND_WAITS = """
held = locks.take(["cuda:0"], f"job ab12cd34 of the server with pid {os.getpid()}")
print("taken" if held else "refused", flush=True)
sys.stdin.read()
"""
# As the server does: the evaluation inherits the lock, the server closes its copy.
HANDS_ON_AND_WAITS = """
held = locks.take(["cuda:0"], f"job ab12cd34 of the server with pid {os.getpid()}")
evaluation = subprocess.Popen(["sleep", "300"], pass_fds=held.descriptors, start_new_session=True)
held.close()
print(evaluation.pid, flush=True)
sys.stdin.read()
"""
RACES = """
wanted, rounds = sys.argv[3].split(","), int(sys.argv[4])
insides = [folder / f"{device}.inside" for device in wanted]
won = 0
while won < rounds:
    held = locks.take(wanted, "racer")
    if held is None:
        continue
    for inside in insides:
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails if the other one is there too
    for inside in insides:
        inside.unlink()
    held.close()
    won += 1
"""
LOOKS = """
print("looks", flush=True)
while True:
    locks.foreign(())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lmms_eval" / "devices"


@pytest.fixture
def locks(folder: Path) -> DeviceLocks:
    return DeviceLocks(folder, {f"cuda:{index}": f"GPU-{index}" for index in range(3)})


@contextmanager
def another_server(story: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, story, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def taken(locks: DeviceLocks, *devices: str) -> HeldLocks:
    held = locks.take(devices, "job 1 of the server with pid 2")
    assert held is not None
    return held


def test_a_device_that_another_server_has_cannot_be_taken_and_is_said_to_be_its(
    locks: DeviceLocks, folder: Path
) -> None:
    with another_server(TAKES_AND_WAITS, folder) as other:
        assert says(other) == "taken"
        assert locks.take(["cuda:0"], "job") is None
        assert locks.foreign(()) == {"cuda:0": f"used by job ab12cd34 of the server with pid {other.pid}"}


def test_a_killed_holder_has_nothing_any_more(locks: DeviceLocks, folder: Path) -> None:
    with another_server(TAKES_AND_WAITS, folder) as other:
        assert says(other) == "taken"
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (folder / "GPU-0").read_text().count("ab12cd34") == 1  # its words are still there
        assert locks.foreign(()) == {}
        taken(locks, "cuda:0").close()


def test_the_evaluation_of_a_killed_server_keeps_its_device_until_it_ends(locks: DeviceLocks, folder: Path) -> None:
    with another_server(HANDS_ON_AND_WAITS, folder) as other:
        evaluation = int(says(other))
        try:
            other.send_signal(signal.SIGKILL)
            other.wait()
            assert locks.take(["cuda:0"], "job") is None
            assert locks.foreign(()) == {"cuda:0": f"used by job ab12cd34 of the server with pid {other.pid}"}
        finally:
            os.kill(evaluation, signal.SIGKILL)
        eventually(lambda: not locks.foreign(()))  # an orphan: nobody here can wait for it
        taken(locks, "cuda:0").close()


def test_an_ended_evaluation_gives_its_device_back_although_its_server_lives(locks: DeviceLocks) -> None:
    held = taken(locks, "cuda:0", "cuda:1")
    evaluation = subprocess.Popen(["sleep", "300"], pass_fds=held.descriptors)
    held.close()
    assert locks.take(["cuda:1"], "job") is None
    evaluation.kill()
    evaluation.wait()
    taken(locks, "cuda:0", "cuda:1").close()


def test_a_started_program_inherits_no_lock_unless_it_is_given_it(locks: DeviceLocks) -> None:
    held = taken(locks, "cuda:0")
    with subprocess.Popen(["sleep", "300"], close_fds=False) as program:
        held.close()
        taken(locks, "cuda:0").close()
        program.kill()


@pytest.mark.parametrize(("one", "other"), [("cuda:0", "cuda:0"), ("cuda:0,cuda:1", "cuda:1,cuda:0")])
def test_two_racing_servers_never_have_the_same_device_at_once(folder: Path, one: str, other: str) -> None:
    with another_server(RACES, folder, one, "3000") as first, another_server(RACES, folder, other, "3000") as second:
        assert [first.wait(), second.wait()] == [0, 0]


def test_looking_never_keeps_anybody_from_taking(locks: DeviceLocks, folder: Path) -> None:
    with another_server(LOOKS, folder) as first, another_server(LOOKS, folder) as second:
        assert [says(first), says(second)] == ["looks", "looks"]
        for _ in range(3000):
            taken(locks, "cuda:0").close()


def test_all_or_none_are_taken(locks: DeviceLocks) -> None:
    with_one = taken(locks, "cuda:1")
    assert locks.take(["cuda:0", "cuda:1", "cuda:2"], "job") is None
    others = taken(locks, "cuda:0", "cuda:2")
    assert len(others.descriptors) == 2
    with_one.close()
    others.close()
    taken(locks, "cuda:0", "cuda:1", "cuda:2").close()


def test_a_server_can_leave_out_what_its_own_jobs_hold(locks: DeviceLocks) -> None:
    held = taken(locks, "cuda:0", "cuda:1")
    assert locks.foreign({"cuda:0"}) == {"cuda:1": "used by job 1 of the server with pid 2"}
    assert locks.foreign({"cuda:0", "cuda:1"}) == {}
    held.close()


def test_looking_at_an_own_lock_does_not_lose_it(locks: DeviceLocks) -> None:
    # Locks of the process, unlike those of an open file, go when any of its copies of the file is closed.
    held = taken(locks, "cuda:0")
    assert locks.foreign(()).keys() == {"cuda:0"}
    assert locks.take(["cuda:0"], "job") is None
    held.close()
    held.close()  # once more does nothing
    assert held.descriptors == ()


def test_a_gpu_is_the_same_whatever_its_number(folder: Path) -> None:
    here, there = DeviceLocks(folder, {"cuda:0": "GPU-a"}), DeviceLocks(folder, {"cuda:0": "GPU-b", "cuda:1": "GPU-a"})
    held = taken(here, "cuda:0")
    assert there.foreign(()).keys() == {"cuda:1"}
    held.close()


@pytest.mark.parametrize("left", [b"", b'{"pid": 1, "sin', b"[]\n", b"null\n", b"\xff\xfe\n"])
def test_a_holder_whose_words_cannot_be_read_is_still_a_holder(locks: DeviceLocks, folder: Path, left: bytes) -> None:
    held = taken(locks, "cuda:0")
    (folder / "GPU-0").write_bytes(left)
    assert locks.foreign(()) == {"cuda:0": "used by another server"}
    held.close()


def test_the_words_of_a_longer_text_leave_no_rest(locks: DeviceLocks) -> None:
    for holder in ("a holder of many words " * 9, "short"):
        held = locks.take(["cuda:0"], holder)
        assert held is not None
        assert locks.foreign(()) == {"cuda:0": f"used by {holder}"}
        held.close()


def test_locks_are_private_to_the_user(locks: DeviceLocks, folder: Path) -> None:
    taken(locks, "cuda:0").close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "GPU-0").stat().st_mode) == 0o600
    assert device_locks_folder().is_relative_to(runtime_dir())


@pytest.mark.parametrize("name", ["", "..", "../server", "/tmp/x"])
def test_a_lock_cannot_lie_elsewhere(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="named like a file"):
        DeviceLocks(folder, {"cuda:0": name})
