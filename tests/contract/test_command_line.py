"""The demonstration and the commands beside it, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.discovery.records import read_records
from tests.conftest import Server

pytestmark = pytest.mark.evaluation


def lmms_eval(*words: str, server: Server | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if server:
        environment |= {"LMMS_EVAL_SERVER": server.url, "LMMS_EVAL_TOKEN": server.token}
    command = [sys.executable, "-m", "jupyter_lmms_eval.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)


def said(answer: subprocess.CompletedProcess[str]) -> Any:
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_demonstration_evaluates_two_models_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = {record.id for record in read_records()}
    shown = lmms_eval("demo", "--limit", "8", "--state-dir", str(tmp_path / "state"))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for word in ("Tiny LLaVA", "Tiny Qwen", "digits_read", "exact_match", "Std. error", "no byte downloaded"):
        assert word in shown.stdout
    assert {record.id for record in read_records()} == before
    assert len(list((tmp_path / "state" / "jobs").glob("*/output/attempt-1/*/*_results.json"))) == 2


def test_a_pasted_command_line_runs_and_every_subcommand_speaks_json(server: Server) -> None:
    pasted = ["--model", "dummy", "--model_args", "response=7", "--tasks", "digits_read,numbers_read", "--limit", "3"]
    job = said(lmms_eval("submit", *pasted, "--wait", "--json", server=server))
    short = job["job_id"][:8]
    assert said(lmms_eval("status", short, "--json", server=server))["status"] == "completed"
    assert job["job_id"] in {listed["job_id"] for listed in said(lmms_eval("jobs", "--json", server=server))["jobs"]}
    (results,) = said(lmms_eval("results", short, "--json", server=server))
    assert {metric["task"] for metric in results["metrics"]} == {"digits_read", "numbers_read"}
    assert said(lmms_eval("devices", "--json", server=server))["devices"]
    (again,) = said(lmms_eval("retry", short, "--json", server=server))
    assert again["status"] == "queued"
    assert "digits_read" in lmms_eval("logs", "-f", short, server=server).stdout
    assert server.client.get_job(job["job_id"])["attempt"] == 2


def test_a_refusal_is_one_sentence_and_exit_code_1(server: Server) -> None:
    refused = lmms_eval("submit", "--model", "dummi", "--tasks", "digits_read", server=server)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Unknown model 'dummi'; did you mean 'dummy'?\n"


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    alone = lmms_eval("jobs")
    assert alone.returncode == 1
    assert "jupyter lmms-eval serve" in alone.stderr
    assert alone.stderr.count("\n") == 1
