"""Evaluation servers are listed, started and stopped through Jupyter."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.discovery.records import record_path
from jupyter_lmms_eval.serverext import launching
from jupyter_lmms_eval.serverext.child import read_arguments
from jupyter_lmms_eval.serverext.refusal import Refusal
from tests.conftest import Server, eventually
from tests.processes import GONE
from tests.serverext.conftest import BASE, Jupyter


def test_the_extension_tells_its_version(jupyter: Jupyter) -> None:
    from jupyter_lmms_eval import __version__

    with jupyter.client() as client:
        told = client.get("/lmms-eval/").json()
    assert (told["name"], told["version"], told["protocol"], told["record_schema"]) == (
        "jupyter_lmms_eval",
        __version__,
        1,
        1,
    )


def test_a_running_server_is_listed_without_its_secret(jupyter: Jupyter, waiting: Server) -> None:
    with jupyter.client() as client:
        answer = client.get("/lmms-eval/servers")
    (info,) = (one for one in answer.json()["servers"] if one["id"] == waiting.record.id)
    assert info["state"] == "alive"
    assert info["path"] == f"{BASE}/lmms-eval/servers/{waiting.record.id}/"
    assert (info["pid"], info["url"], info["state_dir"]) == (waiting.record.pid, waiting.url, str(waiting.state_dir))
    assert (info["running_jobs"], info["kernel_id"]) == (0, None)
    assert waiting.token not in answer.text


def test_a_record_says_which_kernel_and_notebook_a_server_belongs_to(jupyter: Jupyter, waiting: Server) -> None:
    # As a server in this very process would have it, which is a kernel's for all that Jupyter knows.
    record = waiting.record.model_copy(
        update={"id": "in-a-kernel", "kernel_id": "k-1", "notebook": "work/analysis.ipynb", "pid": os.getpid()}
    )
    record = record.model_copy(update={"create_time": psutil.Process().create_time(), "process_start": ""})
    path = record_path("in-a-kernel")
    path.write_text(record.model_dump_json())
    path.chmod(0o600)
    try:
        with jupyter.client() as client:
            info = client.get("/lmms-eval/servers/in-a-kernel").json()
            assert (info["kernel_id"], info["notebook"]) == ("k-1", "work/analysis.ipynb")
            refused = client.delete("/lmms-eval/servers/in-a-kernel")
        assert refused.status_code == 409
        assert "runs in the kernel of analysis.ipynb" in refused.json()["detail"]
    finally:
        path.unlink()


def test_a_server_is_started_is_used_again_and_is_stopped(jupyter: Jupyter, tmp_path: Path) -> None:
    wanted = {"state_dir": str(tmp_path / "state"), "cpu_slots": 1, "crash_retries": 0}
    with jupyter.client() as client:
        started = client.post("/lmms-eval/servers", json=wanted, timeout=60)
        assert started.status_code == 201, started.text
        info = started.json()["server"]
        try:
            assert started.headers["location"] == info["path"]
            assert info["state"] == "alive"
            assert f"process {info['pid']}" in started.json()["message"]
            process = psutil.Process(info["pid"])
            assert os.getsid(process.pid) == process.pid  # it outlives Jupyter
            assert "--crash-retries=0" in process.cmdline()
            assert client.get(f"/lmms-eval/servers/{info['id']}/health").json()["pid"] == info["pid"]
            again = client.post("/lmms-eval/servers", json=wanted, timeout=60)
            assert (again.status_code, again.json()["server"]["id"]) == (200, info["id"])
            assert "stop it first" not in again.json()["message"]
            more = {**wanted, "include_paths": [str(tmp_path)]}
            other = client.post("/lmms-eval/servers", json=more, timeout=60)
            assert other.status_code == 200
            assert "It keeps its own arguments: to use --include-path, stop it first" in other.json()["message"]
            taken = client.post(
                "/lmms-eval/servers",
                json={"state_dir": str(tmp_path / "other"), "port": int(info["url"].rpartition(":")[2])},
                timeout=60,
            )
            assert taken.status_code == 409
            assert "is in use by the evaluation server" in taken.json()["detail"]
        finally:
            stopped = client.delete(f"/lmms-eval/servers/{info['id']}", timeout=60)
        assert stopped.status_code == 204
        assert info["id"] not in client.get("/lmms-eval/servers").text
    eventually(lambda: not psutil.pid_exists(info["pid"]), patience=GONE)


def test_a_wish_that_cannot_be_met_is_refused(jupyter: Jupyter) -> None:
    with jupyter.client() as client:
        for body, sentence in [
            (b"{", "The body is not JSON"),
            (b"[]", "must be a JSON object"),
            (b'{"prot": 1}', "did you mean port?"),
        ]:
            answer = client.post("/lmms-eval/servers", content=body)
            assert answer.status_code in (400, 422), answer.text
            assert sentence in answer.json()["detail"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"port": 70000}, "Port must be an integer between 1 and 65535, got 70000"),
        ({"port": True}, "Port must be an integer"),
        ({"cpu_slots": 0}, "cpu_slots must be a positive integer"),
        ({"include_paths": "/x"}, "include_paths must be a list"),
        ({"allow_merge": "yes"}, "allow_merge must be true or false"),
        ({"state_dir": 3}, "state_dir must be the name of a folder"),
        ({"token": ""}, "the server makes its own"),
        ({"host": 3}, "host must be a non-empty string"),
        ({"": 3}, "is no argument of a server"),
        ({"state_dir": "~data/jobs"}, "there is no home directory ~data"),
        ({"include_paths": ["~data/tasks"]}, "there is no home directory ~data"),
    ],
)
def test_arguments_that_cannot_work_are_refused_in_the_terminals_words(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_arguments(values)


def test_a_home_directory_is_that_of_the_person() -> None:
    args, _ = read_arguments({"state_dir": "~/jobs", "include_paths": ["~/tasks"]})
    assert (args.state_dir, args.include_paths) == (str(Path.home() / "jobs"), [str(Path.home() / "tasks")])


def test_without_a_port_any_free_one_will_do() -> None:
    assert [read_arguments(values)[1] for values in ({}, {"port": 0}, {"port": None}, {"port": 8800})] == [
        True,
        True,
        True,
        False,
    ]


def test_a_server_of_a_later_version_is_listed_with_a_sentence(jupyter: Jupyter, waiting: Server) -> None:
    # A record that even has other fields than those known today.
    later = {"schema_version": 7, "id": "later", "version": "9.1.0", "hostname": socket.gethostname(), "where": ["x"]}
    alike = {**waiting.record.model_dump(), "schema_version": 2, "id": "alike", "version": "8.0.0"}
    damaged = {"schema_version": "x", "id": "damaged"}
    elsewhere = {**later, "id": "elsewhere", "hostname": "another-machine"}
    paths = []
    for content in (later, alike, damaged, elsewhere):
        paths.append(record_path(str(content["id"])))
        paths[-1].write_text(json.dumps(content))
        paths[-1].chmod(0o600)
    try:
        with jupyter.client() as client:
            found = {one["id"]: one for one in client.get("/lmms-eval/servers").json()["servers"]}
            assert {"later", "alike", waiting.record.id} <= set(found)
            assert not {"damaged", "elsewhere"} & set(found)
            for server_id, version in (("later", "9.1.0"), ("alike", "8.0.0")):
                assert found[server_id]["state"] == "unsupported"
                assert f"jupyter_lmms_eval {version}" in found[server_id]["message"]
                refused = client.get(f"/lmms-eval/servers/{server_id}/jobs")
                assert refused.status_code == 501
                assert "update jupyter_lmms_eval" in refused.json()["detail"]
    finally:
        for path in paths:
            path.unlink()


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("/nowhere/python", "/nowhere/python cannot be run .* correct LmmsEvalExtension.python"),
        (shutil.which("false"), "failed: exit code 1"),
        (sys.base_prefix + "/bin/python3", "No module named"),
    ],
)
def test_a_python_that_has_not_what_is_needed_says_so(python: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=sentence) as refused:
        asyncio.run(launching.start(python, {}, str(tmp_path)))
    assert refused.value.status_code == 500
