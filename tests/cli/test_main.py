"""`jupyter lmms-eval` from its first word to its exit code, against a real HTTP server."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from jupyter_lmms_eval.cli import connecting
from jupyter_lmms_eval.cli.main import SUBCOMMANDS, main
from jupyter_lmms_eval.client import EvalClient, ServerUnreachable, address
from jupyter_lmms_eval.protocol.jobs import JobStatus
from tests.cli.examples import CANCELLED, COMPLETED, FAILED, PARTIAL, QUEUED, RUNNING, metric
from tests.client.speaking_server import TOKEN, SpeakingServer, make_job

Captured = pytest.CaptureFixture[str]


def printed_json(capsys: Captured) -> Any:
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


# --- the command line itself ---


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["jobs", "--unheard"], ["status", "a", "b"], ["jobs", "--limit", "0"]]
)
def test_what_makes_no_sense_is_exit_code_2(words: list[str], capsys: Captured) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: jupyter lmms-eval" in captured.err


def test_help_lists_every_command(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in SUBCOMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jupyter lmms-eval 0.")


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_every_command_has_help(name: str, capsys: Captured) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: jupyter lmms-eval {name}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["jobs"], ["submit", "--model", "dummy", "--tasks", "mme"], ["devices", "--json"]])
def test_no_server_is_one_sentence(words: list[str], capsys: Captured) -> None:
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("No evaluation server is running: start one with")
    assert captured.err.count("\n") == 1


def test_a_dead_address_and_a_bad_one(capsys: Captured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert main(["jobs", "--url", f"http://127.0.0.1:{port}"]) == 1
    assert capsys.readouterr().err.startswith(f"No evaluation server answers at http://127.0.0.1:{port}: start one")
    assert main(["jobs", "--url", "ftp://host"]) == 2
    assert capsys.readouterr().err == "--url: a server's URL looks like http://localhost:8000, not ftp://host\n"


def test_a_server_that_never_answers_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(connecting, "TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are taken, and that is all
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert main(["jobs", "--url", url]) == 1
    assert (
        capsys.readouterr().err
        == f"The server at {url} was reached, but did not answer within 0.3 s; try again later.\n"
    )


def test_a_machine_that_takes_no_connection_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.3)
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # so many that the next one gets no answer at all, as from a machine that is switched off
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        assert main(["jobs", "--url", url]) == 1
        assert capsys.readouterr().err.startswith(f"No evaluation server answers at {url}: start one")
        # A program may wait for an answer without end, but not for a connection.
        with pytest.raises(ServerUnreachable):
            EvalClient(url).health()


def test_a_refused_token_is_one_sentence(server: SpeakingServer, capsys: Captured) -> None:
    assert main(["jobs", "--token", "wrong"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Give the server's token; `start` showed it. Give it as `token=` (`--token` in a terminal)")
    assert error.count("\n") == 1
    assert main(["jobs", "--url", f"http://any:{TOKEN}@127.0.0.1:{server.port}"]) == 0


# --- submit ---


def test_submit_sends_what_was_written(server: SpeakingServer, capsys: Captured) -> None:
    line = "submit --model dummy --model_args response=7 --tasks a,b --limit 8 --show_config --num_gpus 2 --name mine"
    assert main(line.split()) == 0
    captured = capsys.readouterr()
    assert captured.out == f"Job {next(iter(server.jobs))} queued.\n"
    assert captured.err == "--show_config has no effect: the results file holds it.\n"
    assert server.bodies[0] == {
        "model": "dummy",
        "model_args": "response=7",
        "tasks": ["a", "b"],
        "limit": 8,
        "log_samples": True,
        "predict_only": False,
        "num_gpus": 2,
        "name": "mine",
    }


def test_a_pasted_command_line_is_submitted(server: SpeakingServer, capsys: Captured) -> None:
    line = "submit python -m lmms_eval --model dummy --tasks mme --log_samples --output_path /logs --json"
    assert main(line.split()) == 0
    assert printed_json(capsys)["status"] == "queued"
    assert server.bodies[0]["output_dir"] == "/logs"


def test_a_misspelt_flag_is_named(capsys: Captured) -> None:
    assert main(["submit", "--model", "dummy", "--tasks", "mme", "--limt", "3"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("usage: jupyter lmms-eval submit ")
    assert shown.endswith("error: unrecognized arguments: --limt 3; did you mean --limit?\n")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--limit inf", "limit must be a finite number, got inf\n"),
        ("--limit nan", "limit must be a finite number, got nan\n"),
        ("--gpu_memory inf", "gpu_memory must be a finite number, got inf\n"),
        (
            "--output_path ~data/out",
            "~data/out: there is no home directory ~data; ./~data/out is a folder of that name\n",
        ),
    ],
)
def test_what_no_request_can_carry_is_one_sentence(
    flags: str, sentence: str, server: SpeakingServer, capsys: Captured
) -> None:
    assert main(["submit", "--model", "dummy", "--tasks", "mme", *flags.split()]) == 1
    assert capsys.readouterr().err == sentence
    assert server.bodies == []


def test_a_refused_job_is_the_servers_sentence(server: SpeakingServer, capsys: Captured) -> None:
    assert main(["submit", "--model", "nonsense", "--tasks", "mme"]) == 1
    assert capsys.readouterr().err == "There is no model 'nonsense'; did you mean 'dummy'?\n"


def test_a_full_disk_is_one_sentence(server: SpeakingServer, capsys: Captured) -> None:
    server.disk_is_full = True
    assert main(["submit", "--model", "dummy", "--tasks", "mme"]) == 1
    assert capsys.readouterr().err == "The disk of the jobs is full: make room on the disk of /jobs, then try again\n"


def when_submitted(server: SpeakingServer, **changes: Any) -> None:
    def change() -> None:
        while not server.jobs:
            time.sleep(0.01)
        job_id = next(iter(server.jobs))
        server.script(job_id, {}, {"status": "running"}, changes)

    threading.Thread(target=change, daemon=True).start()


def test_submit_can_wait_for_the_scores(server: SpeakingServer, capsys: Captured) -> None:
    when_submitted(server, status="completed", metrics=[metric()])
    assert main(["submit", "--model", "dummy", "--tasks", "digits_read", "--wait"]) == 0
    shown = capsys.readouterr().out
    assert "completed!" in shown
    assert "0.8733    ± 0.0157" in shown


def test_a_failed_job_that_was_waited_for_is_exit_code_1(server: SpeakingServer, capsys: Captured) -> None:
    when_submitted(server, status="failed", error="Traceback:\n File\nCUDA out of memory\n", failure=FAILED.failure)
    assert main(["submit", "--model", "dummy", "--tasks", "digits_read", "--wait", "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Job failed: CUDA out of memory. Lower --batch_size.\n"


def test_a_job_that_was_told_to_finish_while_it_was_waited_for_is_exit_code_1(
    server: SpeakingServer, capsys: Captured
) -> None:
    when_submitted(server, status="cancelled", partial=True, metrics=[metric(samples=120)], progress=PARTIAL.progress)
    assert main(["submit", "--model", "dummy", "--tasks", "digits_read", "--timeout", "60", "--wait", "--json"]) == 1
    job_id = next(iter(server.jobs))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"Job {job_id} was told to finish early; `jupyter lmms-eval results {job_id}` shows the scores of "
        "120 of 450 samples.\n"
    )
    assert server.bodies[0]["timeout"] == 60


# --- jobs, status, results, cancel, devices ---


def test_jobs_prints_once_where_nobody_watches(server: SpeakingServer, capsys: Captured) -> None:
    for job in (COMPLETED, RUNNING, QUEUED):
        server.add(job)
    for words in (["jobs"], ["jobs", "--watch"]):
        assert main(words) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
        assert shown.startswith("1 queued, 1 running, 1 completed\n")
        assert shown.index("0e1c62aa") < shown.index("9b2d51ff") < shown.index("6b2d51ff"), "newest first"
    assert main(["jobs", "--status", "running", "--status", "queued", "--model", "qwen2_5_vl", "--limit", "1"]) == 0
    assert "9b2d51ff" not in capsys.readouterr().out
    assert server.queries[-1] == "status=running&status=queued&model=qwen2_5_vl&limit=1"


def test_jobs_for_programs(server: SpeakingServer, capsys: Captured) -> None:
    server.add(COMPLETED)
    assert main(["jobs", "--json"]) == 0
    assert [job["job_id"] for job in printed_json(capsys)["jobs"]] == [COMPLETED.job_id]
    assert main(["jobs", "--json", "--watch"]) == 2


def test_a_job_is_named_by_the_beginning_of_its_id(server: SpeakingServer, capsys: Captured) -> None:
    server.add(COMPLETED)
    server.add(make_job("6b2dffff"))
    assert main(["status", "6b2d5"]) == 0
    assert "Job       6b2d51ff-2" in capsys.readouterr().out
    assert main(["status", "6b2d"]) == 1
    assert capsys.readouterr().err.startswith("2 jobs have an id that begins with '6b2d': ")
    assert main(["status", "zzz"]) == 1
    assert capsys.readouterr().err.startswith("No job has an id that begins with 'zzz'")
    assert main(["status", "6b2d5", "--json"]) == 0
    assert printed_json(capsys)["job_id"] == COMPLETED.job_id


def test_status_without_a_job_is_the_servers(server: SpeakingServer, capsys: Captured) -> None:
    assert main(["status"]) == 0
    assert f"Server     {server.url}" in capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    assert printed_json(capsys)["health"]["server_id"] == server.server_id


def test_status_warns_of_what_a_person_should_know(server: SpeakingServer, capsys: Captured) -> None:
    server.notices = ["The disk is full."]
    assert main(["status"]) == 0
    assert capsys.readouterr().out.count("Warnings   The disk is full.") == 1


def test_results_of_several_jobs(server: SpeakingServer, capsys: Captured) -> None:
    server.add(COMPLETED)
    server.add(make_job("aaa", "completed", metrics=[metric(value=0.5)]))
    assert main(["results", "6b", "aa"]) == 0
    shown = capsys.readouterr().out
    assert "± 0.0157" in shown
    assert "aaa" in shown
    assert shown.endswith("/somewhere/results.json\n")
    assert main(["results", "6b", "--json"]) == 0
    assert printed_json(capsys)[0]["metrics"][0]["stderr"] == 0.0157


def test_results_of_a_job_that_runs_is_one_sentence(server: SpeakingServer, capsys: Captured) -> None:
    server.add(RUNNING)
    assert main(["results", "9b2d"]) == 1
    assert capsys.readouterr().err == "Job 9b2d51ff-2 is running; results come when it is completed.\n"


def test_partial_results_are_marked(server: SpeakingServer, capsys: Captured) -> None:
    server.add(PARTIAL)
    assert main(["results", "2b2d"]) == 0
    assert "2b2d51ff is partial: 120 of 450 samples\n" in capsys.readouterr().out
    assert main(["results", "2b2d", "--json"]) == 0
    assert printed_json(capsys)[0]["partial"] is True


def test_lost_results_are_one_sentence(server: SpeakingServer, capsys: Captured) -> None:
    server.results_gone.add(server.add(COMPLETED))
    assert main(["results", "6b2d"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "",
        "The results of job 6b2d51ff-2 cannot be read (no such file); try it again\n",
    )


def test_cancel(server: SpeakingServer, capsys: Captured) -> None:
    server.add(QUEUED)
    server.add(RUNNING)
    assert main(["cancel", "0e1c", "zzz"]) == 1
    assert {job.status for job in server.jobs.values()} == {JobStatus.QUEUED, JobStatus.RUNNING}
    capsys.readouterr()
    assert main(["cancel", "0e1c", "9b2d", "--json"]) == 0
    assert [answer["job_id"] for answer in printed_json(capsys)] == [QUEUED.job_id, RUNNING.job_id]
    assert {job.status for job in server.jobs.values()} == {JobStatus.CANCELLED}


def test_cancel_tells_what_the_server_says(server: SpeakingServer, capsys: Captured) -> None:
    server.add(RUNNING)
    server.add(CANCELLED)
    assert main(["cancel", "--finish", "9b2d"]) == 0
    assert capsys.readouterr().out == "Job 9b2d51ff-2 answers no more; what is complete is scored\n"
    assert server.cancellations == ["mode=finish"]
    assert main(["cancel", "4b2d", "9b2d"]) == 0
    assert capsys.readouterr().out == "Job 4b2d51ff-2 was cancelled before.\nJob 9b2d51ff-2 is cancelled.\n"


def test_devices(server: SpeakingServer, capsys: Captured) -> None:
    assert main(["devices"]) == 0
    assert "cuda:0  NVIDIA H100 80GB HBM3  62.0 / 85.0   97%  abc" in capsys.readouterr().out
    assert main(["devices", "--json"]) == 0
    assert len(printed_json(capsys)["devices"]) == 2


# --- logs ---


LOG = "".join(f"line {number} 二\n" for number in range(300))  # three of the server's chunks


def test_logs(server: SpeakingServer, capsys: Captured) -> None:
    server.logs[server.add(COMPLETED)] = LOG
    assert main(["logs", "6b2d"]) == 0
    assert capsys.readouterr().out == LOG
    assert main(["logs", "6b2d", "--follow"]) == 0
    assert capsys.readouterr().out == LOG
    assert main(["logs", "6b2d", "--json"]) == 0
    assert printed_json(capsys) == {"text": LOG, "offset": 0, "next_offset": len(LOG.encode())}
    assert main(["logs", "6b2d", "--json", "--follow"]) == 2


@pytest.mark.parametrize("lines", [0, 1, 5, 299, 300, 301, 5000])
def test_the_last_lines_of_a_log(lines: int, server: SpeakingServer, capsys: Captured) -> None:
    server.logs[server.add(COMPLETED)] = LOG
    expected = "".join(LOG.splitlines(keepends=True)[max(0, 300 - lines) :])
    assert main(["logs", "6b2d", "-n", str(lines)]) == 0
    assert capsys.readouterr().out == expected
    assert main(["logs", "6b2d", "-n", str(lines), "--json"]) == 0
    assert printed_json(capsys)["offset"] == len(LOG.encode()) - len(expected.encode())


def test_an_empty_log(server: SpeakingServer, capsys: Captured) -> None:
    server.add(QUEUED)
    for words in (["logs", "0e1c"], ["logs", "0e1c", "-n", "3"]):
        assert main(words) == 0
        assert capsys.readouterr().out == ""


# --- as a process ---


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "jupyter_lmms_eval.cli.main", *words]


def test_the_process_says_the_same(server: SpeakingServer) -> None:
    server.add(COMPLETED)
    done = subprocess.run(command("jobs"), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.873 ± 0.016" in done.stdout
    refused = subprocess.run(command("status", "zzz"), capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Traceback" not in refused.stderr


def test_a_reader_that_has_seen_enough_is_no_error(server: SpeakingServer) -> None:
    server.logs[server.add(COMPLETED)] = LOG * 50
    process = subprocess.Popen(command("logs", "6b2d", "-n", "30000"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0


def test_a_command_imports_only_what_it_needs(server: SpeakingServer) -> None:
    code = (
        "import sys; from jupyter_lmms_eval.cli.main import main; code = main(['jobs']);"
        "heavy = {'fastapi', 'uvicorn', 'torch', 'lmms_eval', 'pandas', 'tqdm'};"
        "sys.exit(code or str(heavy & set(sys.modules)) if heavy & set(sys.modules) else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_watching_in_a_terminal_until_control_c(server: SpeakingServer) -> None:
    job_id = server.add(RUNNING)
    terminal, other_end = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        command("jobs", "-w"),
        stdout=other_end,
        stderr=subprocess.PIPE,
        env=environment,
        # As a terminal's shell starts it: whoever runs the tests in the background has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (no lock is held here)
    )
    os.close(other_end)
    try:
        seen = read_until(terminal, "1,312/2,374")
        server.jobs[job_id] = COMPLETED.model_copy(update={"job_id": job_id})
        seen += read_until(terminal, "0.873 ± 0.016")
        assert "NVIDIA H100" in seen
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(terminal: int, text: str) -> str:
    seen = b""
    deadline = time.monotonic() + 30
    while text not in seen.decode(errors="ignore"):
        assert time.monotonic() < deadline, seen.decode(errors="replace")
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 4096)
    return seen.decode(errors="ignore")
