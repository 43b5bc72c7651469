"""Supervisor and ranks as processes: who ends with whom, and what is said of one that hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import psutil
import pytest

from .conftest import Runner, group_of, wait_until


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_rank_whose_supervisor_ended_before_it_began_ends_at_once() -> None:
    code = "import os; from jupyter_lmms_eval.runner.kinship import die_with; die_with({}); print('lives')"
    ended = run_python(code.format("os.getpid()"))
    assert (ended.returncode, ended.stdout) == (128 + signal.SIGKILL, "")
    assert run_python(code.format("os.getppid()")).stdout == "lives\n"


def test_a_crash_of_native_code_leaves_a_stack() -> None:
    crashed = run_python(
        "from jupyter_lmms_eval.runner.stacks import write_stacks; write_stacks()\n"
        "import ctypes\ndef read_weights(): ctypes.string_at(0)\nread_weights()"
    )
    assert crashed.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in crashed.stderr
    assert "in read_weights" in crashed.stderr


def test_a_request_for_stacks_before_a_rank_listens_waits_for_it() -> None:
    code = (
        "import os, sys\nfrom jupyter_lmms_eval.runner.stacks import *\nwith requests_held_back():\n"
        " os.kill(os.getpid(), REQUEST)\n print('begun', flush=True)\n write_stacks()\n print('lives')"
    )
    began = run_python(code)
    assert began.stdout == "begun\nlives\n"
    assert "most recent call first" in began.stderr


@pytest.mark.evaluation
def test_the_stacks_of_a_rank_that_hangs_in_native_code_are_told(runner: Runner) -> None:
    attempt = runner.start(["tiny_hangs"])
    assert wait_until(lambda: re.search(r"helper is \d+\n", attempt.log), 60)
    helpers = [psutil.Process(int(pid)) for pid in re.findall(r"helper is (\d+)\n", attempt.log)]
    rank = attempt.ranks[0]
    attempt.process.send_signal(signal.SIGUSR1)
    told_of = ("in wait_for_a_judge", "in hangs", "in _run_module_as_main")
    assert wait_until(lambda: all(words in attempt.log for words in told_of), 30), attempt.log
    assert attempt.log.count(f"The stacks of rank 0 (process {rank.pid}) follow") == 1
    told = attempt.log.partition("The stacks of rank 0")[2]
    assert re.search(r"Current thread 0x\w+ \(most recent call first\):\n", told)
    assert rank.is_running()
    assert helpers
    assert all(helper.is_running() for helper in helpers), "what a rank started would die of the signal"
    os.killpg(attempt.process.pid, signal.SIGTERM)
    assert attempt.wait(30) == 143
    assert not group_of(attempt.process.pid)
    assert not attempt.files.outcome(1).exists()


@pytest.mark.evaluation
def test_several_ranks_tell_their_stacks_one_after_the_other(runner: Runner) -> None:
    attempt = runner.start(["tiny_waits"], ranks=2)
    assert wait_until(lambda: attempt.log.count("token is") >= 2, 60)
    attempt.process.send_signal(signal.SIGUSR1)
    assert wait_until(lambda: attempt.log.count("in _run_module_as_main") == 2, 30), attempt.log
    _, first, second = re.split(r"The stacks of rank [01] \(process \d+\) follow", attempt.log)
    for told in (first, second):
        assert told.count("in waits\n") >= 1
        assert told.count("in _run_module_as_main") == 1
    os.killpg(attempt.process.pid, signal.SIGTERM)
    assert attempt.wait(30) == 143


@pytest.mark.evaluation
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_no_rank_outlives_a_supervisor_that_is_killed(runner: Runner) -> None:
    attempt = runner.start(["tiny_waits"], ranks=2)
    assert wait_until(lambda: "token is" in attempt.log, 60)
    ranks = attempt.ranks
    assert len(ranks) == 2
    attempt.process.kill()
    assert attempt.wait(30) == -signal.SIGKILL
    gone, alive = psutil.wait_procs(ranks, timeout=30)
    assert len(gone) == 2
    assert not alive
