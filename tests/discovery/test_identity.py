"""Real processes, told apart from later ones of the same number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from jupyter_lmms_eval.discovery import ProcessIdentity, running_servers, write_record
from jupyter_lmms_eval.discovery.liveness import process_lives
from jupyter_lmms_eval.protocol.server import ServerRecord

Make = Callable[..., ServerRecord]
Start = Callable[[], "subprocess.Popen[bytes]"]

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="ticks since the boot are Linux'")


def identity_of(pid: int) -> ProcessIdentity:
    identity = ProcessIdentity.of(pid)
    assert identity is not None
    return identity


def test_a_process_is_alive_until_it_ends(start_process: Start) -> None:
    process = start_process()
    identity = identity_of(process.pid)
    assert identity.alive()
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not identity.alive(), "a zombie does nothing any more"
    assert ProcessIdentity.of(process.pid) is None
    process.wait()
    assert not identity.alive()
    assert ProcessIdentity.of(process.pid) is None


def test_the_next_process_of_the_same_number_is_another(start_process: Start) -> None:
    now = identity_of(start_process().pid)
    boot, _, ticks = now.start.partition("/")
    for earlier in (f"{boot}/{int(ticks or 9) - 1}", f"another boot/{ticks}", f"{boot}/", "nonsense", ""):
        assert not ProcessIdentity(now.pid, earlier).alive()


@on_linux
def test_the_clock_has_no_part_in_it(start_process: Start) -> None:
    process = start_process()
    boot, _, ticks = identity_of(process.pid).start.partition("/")
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # The same moment as psutil's, which adds the wall clock's idea of the boot.
    since_boot = psutil.Process(process.pid).create_time() - psutil.boot_time()
    assert abs(int(ticks) / os.sysconf("SC_CLK_TCK") - since_boot) < 1.5


@on_linux
@pytest.mark.parametrize("name", [") 1 (", "a b", "x) Z 0 0 (", ")))", "nl\nnl"])
def test_the_name_of_a_process_cannot_disguise_it(name: str, tmp_path: Path) -> None:
    program = tmp_path / name
    shutil.copy(shutil.which("sleep") or "", program)
    process = subprocess.Popen([program, "100"])
    try:
        while psutil.Process(process.pid).exe() != str(program):
            time.sleep(0.01)
        identity = identity_of(process.pid)
        assert identity.alive()
        assert identity.start.rpartition("/")[2].isdigit()
        assert int(identity.start.rpartition("/")[2]) >= int(identity_of(os.getpid()).start.rpartition("/")[2])
    finally:
        process.kill()
        process.wait()
    assert not identity.alive()


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1, 2**70])
def test_a_number_that_no_process_has(pid: int) -> None:
    assert ProcessIdentity.of(pid) is None
    assert not ProcessIdentity(pid, "1700000000.0").alive()


def test_an_identity_is_read_as_it_was_written(start_process: Start) -> None:
    identity = identity_of(start_process().pid)
    assert ProcessIdentity.from_json(identity.to_json()) == identity


def test_an_identity_of_before_is_compared_with_the_clock(start_process: Start) -> None:
    pid = start_process().pid
    born = psutil.Process(pid).create_time()
    assert ProcessIdentity.from_json([pid, born]).alive()
    assert ProcessIdentity.from_json([pid, born - 0.9]).alive(), "the clock was corrected a little"
    assert not ProcessIdentity.from_json([pid, born - 5]).alive()
    assert not ProcessIdentity.from_json([pid, 0]).alive()


@pytest.mark.parametrize("value", [None, [], [1], [1, 2, 3], ["1", 2.0], [1, None], [True, 2.0], {}, "1", [1, ""]])
def test_what_is_no_identity_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a process is"):
        ProcessIdentity.from_json(value)


def test_the_start_in_a_record_decides_and_not_the_clock(make_record: Make, start_process: Start) -> None:
    process = start_process()
    identity = identity_of(process.pid)
    hour_off = psutil.Process(process.pid).create_time() - 3600
    assert process_lives(make_record("one", process.pid, process_start=identity.start, create_time=hour_off))
    assert not process_lives(make_record("one", process.pid, process_start=identity.start + "0"))


def test_a_record_of_before_is_judged_by_its_time(make_record: Make, start_process: Start) -> None:
    process = start_process()
    record = make_record("one", process.pid)
    assert record.process_start == ""
    write_record(record)
    assert [server.record.id for server in running_servers(timeout=0.2)] == ["one"]
    assert not process_lives(make_record("one", process.pid, create_time=record.create_time - 5))
