"""Jobs of a real kernel, with real evaluations."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval import EvalClient
from tests.conftest import eventually
from tests.processes import GONE, processes_of
from tests.tasks import Gated

from .conftest import LOAD, Kernel, client_of, server_of, start_line

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]

SUBMIT = "%lmms_eval_server submit --model dummy --model_args response=7 --limit 4 --tasks"
GATED = "%lmms_eval_server submit --model dummy --model_args response=7 --limit 1 --tasks gated_digits"


def scoring(client: EvalClient, job_id: str) -> Any:
    """The job, once it stands at the gate."""
    job = client.get_job(job_id)
    assert job["status"] in ("queued", "running"), job["error"]
    return job["status"] == "running" and (job["progress"] or {}).get("phase") == "scoring" and job


def test_a_cell_submits_once_however_often_it_runs(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    first = kernel.run(f"job = {SUBMIT} digits_read\njob.job_id", cell_id="a")
    again = kernel.run(f"job = {SUBMIT} digits_read\njob", cell_id="a")
    assert "This cell submitted it before" in again.text
    assert kernel.run("job.job_id").text == first.text
    # Another cell, another request, or --new: another job. A loop in one cell, too.
    assert kernel.run(f"other = {SUBMIT} digits_read\nother.job_id", cell_id="b").text != first.text
    assert kernel.run(f"other = {SUBMIT} numbers_read\nother.job_id", cell_id="a").text != first.text
    assert kernel.run(f"other = {SUBMIT} digits_read --new\nother.job_id", cell_id="a").text != first.text
    loop = f"ids = []\nfor _ in range(2):\n    each = {SUBMIT} digits_read\n    ids.append(each.job_id)\nids"
    looped = kernel.run(loop, cell_id="c")
    assert len(set(eval(looped.text))) == 2
    assert kernel.run(loop, cell_id="c").text == looped.text
    # Where the frontend tells no id, the code is the cell.
    assert kernel.run(f"{SUBMIT} digits_read").text.split()[1] == kernel.run(f"{SUBMIT} digits_read").text.split()[1]
    client = client_of(kernel)
    for job in client.list_jobs()["jobs"]:
        if job["job_id"] != first.text.strip("'"):
            client.cancel_job(job["job_id"])
    waited = kernel.run("job.wait()", timeout=60)
    assert waited.status == "ok"
    assert "completed: dummy on digits_read; exact_match" in waited.text
    assert kernel.run("(await job).status, job.results['digits_read/exact_match'] is not None").text == (
        "('completed', True)"
    )
    assert "completed" in kernel.run("%lmms_eval_server jobs --static --status completed").text
    assert "exact_match" in kernel.run("%lmms_eval_server results {job.job_id}").text
    assert "digits_read" in kernel.run("%lmms_eval_server logs {job.job_id} -n 5").printed
    # Useful without a kernel: what is saved says which job it was, and how to get at it.
    saved = kernel.run("job").html
    for words in ("dummy", "digits_read", "exact_match", "✓ completed", f"status {first.text.strip(chr(39))}"):
        assert words in saved
    assert str(tmp_path) not in saved


def test_yaml_of_lmms_eval_is_submitted_as_it_is(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state"))
    two = """%%lmms_eval_job
- model: dummy
  model_args: {response: 7}
  tasks: digits_read,numbers_read
  batch_size: 2
  limit: 4
  output_path: results
  use_cache: ./cache
- model: dummy
  tasks: [digits_choice]
  log_samples: false
"""
    ran = kernel.run("%%lmms_eval_job --new\n" + two.partition("\n")[2])
    assert ran.status == "ok"
    assert "--use_cache has no effect" in ran.text
    jobs = client_of(kernel).list_jobs()["jobs"]
    second, first = (job["request"] for job in jobs)
    assert first["tasks"] == ["digits_read", "numbers_read"]
    assert first["model_args"] == {"response": 7}
    assert (first["batch_size"], first["limit"]) == (2, 4)
    assert first["output_dir"] == str(tmp_path / "results")
    assert second["log_samples"] is False
    cancelled = kernel.run(f"%lmms_eval_server cancel {jobs[0]['job_id'][:8]} {jobs[1]['job_id']}")
    assert cancelled.text.count("⊘ cancelled") == 2
    retried = kernel.run(f"%lmms_eval_server retry {jobs[1]['job_id']}").text
    assert retried.startswith((f"Job {jobs[1]['job_id'][:8]} queued", f"Job {jobs[1]['job_id'][:8]} running"))


def test_a_job_outlasts_interrupts_and_survives_the_end_of_its_kernel(
    kernel: Kernel, gated: Gated, tmp_path: Path
) -> None:
    line = start_line(tmp_path / "state", f"--include-path {gated.folder}")
    kernel.run(line)
    client = client_of(kernel)
    kernel.run(f"job = {GATED}", cell_id="a")
    job_id = kernel.run("job.job_id").text.strip("'")
    job = eventually(lambda: scoring(client, job_id))
    before = {process.pid for process in processes_of(job)}
    message = kernel.submit("print('begun'); job.wait()")
    kernel.begun(message)
    kernel.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in kernel.finish(message).error
    time.sleep(0.5)
    assert client.get_job(job_id)["status"] == "running"
    assert {process.pid for process in processes_of(job)} == before

    # Restart: the server takes leave, the job waits for the next one.
    kernel.manager.restart_kernel(now=False)
    kernel.client.wait_for_ready(timeout=60)
    eventually(lambda: processes_of(job) == [], patience=GONE)
    kernel.run(LOAD)
    kernel.run(line)
    client = client_of(kernel)
    job = eventually(lambda: scoring(client, job_id))
    assert job["attempt"] == 2

    # SIGKILL: nobody can take leave, and still no process stays.
    before = {process.pid for process in processes_of(job)}
    assert before
    record = server_of(kernel)
    began = time.monotonic()
    os.kill(kernel.pid, signal.SIGKILL)
    eventually(lambda: not processes_of(job), patience=GONE)
    print(f"evaluation gone {time.monotonic() - began:.2f} s after SIGKILL of its kernel")
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=60)
    assert record is not None
    gated.open()
    kernel.run(LOAD)
    kernel.run(line)
    # The very cell that submitted it finds it again.
    ran = kernel.run(f"job = {GATED}\njob.wait(verbose=False)", cell_id="a", timeout=60)
    assert job_id[:8] in ran.text
    assert "completed" in ran.text


def test_a_forked_child_keeps_no_evaluation_alive(kernel: Kernel, gated: Gated, tmp_path: Path) -> None:
    kernel.run(start_line(tmp_path / "state", f"--include-path {gated.folder}"))
    client = client_of(kernel)
    job_id = kernel.run(f"job = {GATED}\njob.job_id").text.strip("'")
    job = eventually(lambda: processes_of(client.get_job(job_id)) and client.get_job(job_id))
    fork = (
        "import os, time\nchild = os.fork()\nif child == 0:\n    os.setsid(); time.sleep(60); os._exit(0)\nprint(child)"
    )
    child = int(kernel.run(fork).printed)
    try:
        os.kill(kernel.pid, signal.SIGKILL)
        eventually(lambda: not processes_of(job), patience=GONE)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_live_table_where_widgets_are_installed(kernel: Kernel, tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    kernel.run(start_line(tmp_path / "state"))
    live = kernel.run("table = %lmms_eval_server jobs\ntable")
    assert live.status == "ok"
    assert kernel.run("same = %lmms_eval_server jobs\nsame is table").text == "True"
    without = "import sys; sys.modules['jupyter_lmms_eval.widget'] = None"
    kernel.run(without)
    assert "No jobs yet" in kernel.run("%lmms_eval_server jobs").text


def test_handles_and_the_table_go_on_when_the_server_was_started_anew(kernel: Kernel, tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    kernel.run(start_line(tmp_path / "state"))
    kernel.run(f"job = {SUBMIT} digits_read\ntable = %lmms_eval_server jobs")
    first = server_of(kernel)
    assert first is not None
    assert kernel.run("%lmms_eval_server stop").status == "ok"
    # argparse takes the last port.
    assert kernel.run(start_line(tmp_path / "state", f"--port {first.port}")).status == "ok"
    second = server_of(kernel)
    assert second is not None
    assert (second.url, second.token == first.token) == (first.url, False)
    assert kernel.run("same = %lmms_eval_server jobs\nsame is table").text == "True"
    assert kernel.run("job.job_id == same.rows[0]['job_id']").text == "True"
    assert kernel.run("(await job).status", timeout=120).text == "'completed'"
    eventually(lambda: kernel.run("[row['status'] for row in table.rows]").text == "['completed']", every=0.5)
