"""What runs code needs the operator's word, and a server takes only so much; each refusal names what permits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.api.jobs import MOST_CHANGES
from jupyter_lmms_eval.client import calls
from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.engine.storage import LOOK_AGAIN_SECONDS, Storage
from jupyter_lmms_eval.engine.validation import trusts_remote_code
from jupyter_lmms_eval.runner.logfile import MOST_BYTES, LogFilter
from tests.conftest import IMPORTS_NOTHING, Server

Start = Callable[..., Server]
WAITS: dict[str, Any] = {"model": "dummy", "tasks": ["digits_read"], "device": "cpu"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"trust_remote_code": True},
        {"trust_remote_code": "yes"},
        {"model_kwargs": {"trust_remote_code": 1}},
        {"a": [{"hf_trust_remote_code": "True"}]},
        {"args": "--trust-remote-code"},
        "pretrained=a/b,trust_remote_code=True",
        "pretrained=a/b,trust_remote_code=1,dtype=auto",
        'model_kwargs={"trust_remote_code": true}',
        "name=vllm,args=--trust-remote-code --port 1",
    ],
)
def test_code_of_a_checkpoint_is_asked_for(arguments: object) -> None:
    assert trusts_remote_code(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        {},
        "",
        {"trust_remote_code": False},
        {"trust_remote_code": "false", "pretrained": "a/b"},
        "trust_remote_code=False",
        "pretrained=a/b",
        {"model_kwargs": {"trust_remote_code": None}},
    ],
)
def test_code_of_a_checkpoint_is_not_asked_for(arguments: object) -> None:
    assert not trusts_remote_code(arguments)


def test_what_runs_code_is_off_until_the_operator_says_so(start_server: Start, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "evil.yaml").write_text("task: evil\ndoc_to_text: !function evil.run\n")
    server = start_server(IMPORTS_NOTHING, "--include-path", str(TASKS_DIR), "--cpu-slots", "1")
    refusals = {
        "--allow-remote-code": {**WAITS, "model_args": {"trust_remote_code": True}},
        f"--include-path {tmp_path / 'mine'}": {**WAITS, "include_path": str(tmp_path / "mine")},
        "task folders of this server": {**WAITS, "tasks": [str(tmp_path / "mine" / "evil.yaml")]},
        "outside those of this server": {**WAITS, "include_path": f"{TASKS_DIR}/../../.."},
    }
    for said, wanted in refusals.items():
        with pytest.raises(EvalServerError, match=said) as refused:
            server.client.evaluate(**wanted)
        assert refused.value.status_code == 422
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(EvalServerError, match="outside those of this server"):
        server.client.evaluate(**WAITS, include_path=str(tmp_path / "link"))
    with pytest.raises(EvalServerError, match="--allow-merge"):
        server.client._request(calls.merge(str(tmp_path), None, "regular"))
    assert server.client.list_jobs()["jobs"] == []


def test_the_operator_may_allow_it(start_server: Start) -> None:
    server = start_server("--include-path", str(TASKS_DIR), "--allow-remote-code", "--cpu-slots", "1")
    job = server.client.evaluate(**WAITS, model_args={"trust_remote_code": True}, priority=-1)
    server.client.cancel_job(job["job_id"])


def test_so_many_jobs_wait_and_no_more(start_server: Start, tmp_path: Path) -> None:
    from tests.api.seeding import waiting_jobs

    jobs = waiting_jobs(tmp_path / "state", 3)
    server = start_server("--include-path", str(TASKS_DIR), "--cpu-slots", "1", "--max-queued-jobs", "3")
    with pytest.raises(EvalServerError, match="3 jobs wait, and no more are taken") as refused:
        server.client.evaluate(**WAITS)
    assert refused.value.status_code == 429
    server.client.cancel_job(jobs[0])
    first = server.client.evaluate(**WAITS, idempotency_key="once")
    server.client.cancel_job(first["job_id"])
    server.client.retry_job(jobs[0])
    with pytest.raises(EvalServerError, match="3 jobs wait"):
        server.client.retry_job(first["job_id"])
    again = server.client.evaluate(**WAITS, idempotency_key="once")
    assert (again["job_id"], again["created"]) == (first["job_id"], False), "what was accepted is not refused now"


def test_of_many_changes_a_part_is_told_at_once_and_none_is_left_out(start_server: Start, tmp_path: Path) -> None:
    from tests.api.seeding import waiting_jobs

    jobs = waiting_jobs(tmp_path / "state", MOST_CHANGES + 50)
    server = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    told: set[str] = set()
    revision, answer = -1, server.client.changed_jobs(0)
    while answer["revision"] > revision:
        assert len(answer["jobs"]) <= MOST_CHANGES
        told |= {job["job_id"] for job in answer["jobs"]}
        revision = answer["revision"]
        answer = server.client.changed_jobs(revision)
    assert told == set(jobs)


def test_so_much_is_stored_and_nothing_is_removed(start_server: Start, tmp_path: Path) -> None:
    old = tmp_path / "state" / "jobs" / "of-last-year"
    old.mkdir(parents=True)
    (old / "samples.jsonl").write_bytes(bytes(300_000))
    server = start_server("--include-path", str(TASKS_DIR), "--cpu-slots", "1", "--max-stored-gb", "0.0002")
    with pytest.raises(EvalServerError, match=r"take 0.0003 GB of the 0.0002 GB .* --max-stored-gb") as refused:
        server.client.evaluate(**WAITS)
    assert refused.value.status_code == 507
    assert (old / "samples.jsonl").exists()


def test_what_is_over_is_measured_once(tmp_path: Path) -> None:
    for name in ("live", "over"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(600))
    storage = Storage(tmp_path, 2000)
    assert storage.stale
    storage.measure({"live"})
    assert storage.excess() is None
    (tmp_path / "live" / "file").write_bytes(bytes(5000))
    assert not storage.stale, "many who submit share one look"
    storage.measure({"live"})
    assert storage.excess() is None
    storage._looked -= LOOK_AGAIN_SECONDS
    (tmp_path / "over" / "file").write_bytes(bytes(9000))
    storage.measure({"live"})
    assert str(storage.excess()).startswith("The jobs take 5.6e-06 GB of the 2e-06 GB")
    storage._looked -= LOOK_AGAIN_SECONDS
    (tmp_path / "live" / "file").unlink()
    storage.measure(())
    assert storage.excess() is None


def test_storage_without_a_limit_or_without_jobs_is_never_too_much(tmp_path: Path) -> None:
    assert not Storage(tmp_path, 0).stale
    assert Storage(tmp_path, 0).excess() is None
    empty = Storage(tmp_path / "none", 1)
    empty.measure(())
    assert empty.excess() is None


def test_a_log_is_cut_where_it_becomes_a_flood_and_says_so() -> None:
    cleaner = LogFilter(most_bytes=2_000)
    shown = "".join(cleaner.feed(f"line {number}\n".encode() * 10, float(number)) for number in range(500))
    shown += cleaner.flush(501.0, final=True)
    assert len(shown) < 4_000
    assert shown.startswith("line 0\n")
    assert "further lines are left out" in shown
    assert "4,7" in shown.splitlines()[-41], "how many were left out"
    assert shown.endswith("line 499\n"), "the last ones, which say why it ended, are there"
    assert MOST_BYTES >= 1 << 20


def test_the_operators_words_are_in_the_documentation(start_server: Start) -> None:
    server = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    headers = {"Authorization": f"Bearer {server.token}"}
    routes = httpx.get(f"{server.url}/openapi.json", headers=headers).json()["paths"]
    assert {"413", "415", "429"} <= routes["/evaluate"]["post"]["responses"].keys()
    assert json.dumps(routes).count('"401"') == sum(len(methods) for methods in routes.values())
