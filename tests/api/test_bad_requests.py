"""Bad input is refused with one sentence that says what to do, and nothing is queued."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server

GOOD = {"model": "dummy", "tasks": ["digits_read"]}

BAD = [
    # body, status, part of the sentence
    ({"tasks": ["digits_read"]}, 422, "model is missing"),
    ({"model": "dummy"}, 422, "tasks is missing"),
    ({"model": "dummy", "task": ["digits_read"]}, 422, "tasks is missing"),
    ({**GOOD, "tasks": []}, 422, "tasks: name at least one task; GET /tasks lists them"),
    ({**GOOD, "tasks": "digits_read"}, 422, "tasks: input should be a valid list"),
    ({**GOOD, "tasks": [""]}, 422, "tasks: contains an empty name"),
    ({**GOOD, "tasks": ["digit_read"]}, 422, "Unknown task 'digit_read'; did you mean 'digits_read'"),
    ({**GOOD, "tasks": ["mme", "no-such-thing-at-all"]}, 422, "Unknown task 'no-such-thing-at-all'"),
    ({**GOOD, "tasks": ["zzz_*"]}, 422, "No task matches 'zzz_*'"),
    ({**GOOD, "tasks": ["/etc/passwd.yaml"]}, 422, "outside the task folders of this server"),
    ({**GOOD, "tasks": ["../../x/y.yaml"]}, 422, "outside the task folders of this server"),
    ({**GOOD, "model": ""}, 422, "model: string should have at least 1 character"),
    ({**GOOD, "model": "qwen2_5vl"}, 422, "Unknown model 'qwen2_5vl'; did you mean 'qwen2_5_vl'"),
    ({**GOOD, "model": "--help"}, 422, "Unknown model '--help'"),
    ({**GOOD, "model": "Qwen/Qwen2.5-VL-3B"}, 422, "give its type here"),
    ({**GOOD, "limit": 0}, 422, "limit: must be a positive number of samples"),
    ({**GOOD, "limit": -5}, 422, "limit: must be a positive number of samples"),
    ({**GOOD, "limit": float("nan")}, 422, "limit: is nan, which JSON does not have"),
    ({**GOOD, "limit": 10**400}, 422, "limit is beyond 9,007,199,254,740,992, which nobody can mean"),
    ({**GOOD, "offset": 10**30}, 422, "offset is beyond"),
    ({**GOOD, "gpu_memory": float("inf")}, 422, "gpu_memory: is inf, which JSON does not have"),
    ({**GOOD, "gpu_memory": 1e308}, 422, "gpu_memory is beyond"),
    ({**GOOD, "timeout": 10**400}, 422, "timeout is beyond"),
    ({**GOOD, "seed": -(10**400)}, 422, "seed is beyond"),
    ({**GOOD, "reasoning_tags": "[" * 100_000}, 422, "reasoning_tags: "),
    ({**GOOD, "limit": "abc"}, 422, "limit: input should be a valid"),
    ({**GOOD, "batch_size": 0}, 422, "batch_size: must be a positive whole number"),
    ({**GOOD, "num_gpus": 64}, 422, "num_gpus is 64, this machine has"),
    ({**GOOD, "num_gpus": -1}, 422, "num_gpus: input should be greater than or equal to 1"),
    ({**GOOD, "num_gpus": True}, 422, "num_gpus: must be a number, not true or false"),
    ({**GOOD, "device": "cuda:99"}, 422, "This machine has no device 'cuda:99'"),
    ({**GOOD, "model_args": "pretrained"}, 422, "'pretrained' has no '='"),
    ({**GOOD, "model_args": 7}, 422, "model_args: input should be"),
    ({**GOOD, "seed": "1,2"}, 422, "seed: one number, or three or four"),
    ({**GOOD, "include_path": "/etc"}, 422, "outside those of this server"),
    ({**GOOD, "verbosity": "LOUD"}, 422, "verbosity: string should match pattern"),
    ([GOOD], 422, "body: input should be a valid"),
]


def post(server: Server, content: str | bytes, kind: str = "application/json") -> httpx.Response:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": kind}
    return httpx.post(f"{server.url}/evaluate", content=content, headers=headers)


@pytest.mark.parametrize(("body", "status", "sentence"), BAD, ids=[json.dumps(body)[:60] for body, _, _ in BAD])
def test_a_request_that_cannot_work(server: Server, body: object, status: int, sentence: str) -> None:
    before = len(server.client.list_jobs(limit=500)["jobs"])
    answer = post(server, json.dumps(body))
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert sentence in detail
    assert "\n" not in detail
    assert answer.json()["errors"]
    assert len(server.client.list_jobs(limit=500)["jobs"]) == before


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        ("", "application/json", "body"),
        ("{not json", "application/json", "The body is not JSON"),
        ("{}{}", "application/json; charset=utf-8", "The body is not JSON"),
    ],
)
def test_a_body_that_is_not_json(server: Server, content: str, kind: str, sentence: str) -> None:
    answer = post(server, content, kind)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]


@pytest.mark.parametrize("memory", [1e308, 10**400], ids=["float", "integer"])
def test_a_server_starts_with_a_job_that_wants_an_absurd_number(
    start_server: Callable[..., Server], tmp_path: Path, memory: float
) -> None:
    """It was taken once; a server that could not read it would set the whole database aside."""
    jobs = waiting_jobs(tmp_path / "state", 1, gpu_memory=memory)
    server = start_server(IMPORTS_NOTHING, "--cpu-slots", "1")
    assert [job["job_id"] for job in server.client.list_jobs()["jobs"]] == jobs
    assert server.client.health()["notices"] == []


def test_several_mistakes_are_told_at_once(server: Server) -> None:
    answer = post(server, json.dumps({"model": "nope_nope", "tasks": ["nope_nope"], "num_gpus": 99}))
    assert [error["field"] for error in answer.json()["errors"]] == ["model", "tasks", "num_gpus"]


def test_an_unknown_job_is_404_on_every_route(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/logs"), ("GET", "/results")):
        answer = httpx.request(method, f"{server.url}/jobs/nope{path}", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (404, "Job nope not found")


def test_merging_is_off_and_says_so(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.post(f"{server.url}/merge", json={"checkpoint_path": "/x"}, headers=headers)
    assert answer.status_code == 403
    assert "--allow-merge" in answer.json()["detail"]


@pytest.mark.parametrize("cursor", ["0", "-1", "9" * 25, "x"])
def test_a_cursor_that_was_never_given_out(server: Server, cursor: str) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.get(f"{server.url}/jobs", params={"cursor": cursor}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("cursor: input should be")


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "/evaluate", "model and tasks"),
        ("PATCH", "/jobs/x", "name or priority"),
        ("POST", "/merge", "checkpoint_path"),
    ],
)
def test_a_missing_body_is_asked_for_by_its_fields(server: Server, method: str, path: str, fields: str) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.request(method, server.url + path, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"] == f"The body is missing; send a JSON object with {fields}"


def test_a_mistyped_field_of_any_body_is_found(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.post(f"{server.url}/merge", json={"checkpoint_pat": "/x"}, headers=headers)
    assert answer.json()["errors"] == [
        {"field": "checkpoint_path", "message": "checkpoint_path is missing", "nearest": ["checkpoint_pat"]}
    ]


def test_a_header_that_cannot_be_used_is_named(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}", "Idempotency-Key": "x" * 256}
    answer = httpx.post(f"{server.url}/evaluate", json=GOOD, headers=headers)
    assert answer.json()["detail"] == "idempotency-key: string should have at most 255 characters"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({**GOOD, "tasks": [f"digits_raed{number}" for number in range(2_000)]}, "1,990 further names stand for no"),
        ({**GOOD, "tasks": list(range(2_000))}, "1,990 further values cannot be used"),
    ],
)
def test_of_many_mistakes_some_are_told_and_the_others_counted(server: Server, body: object, count: str) -> None:
    answer = post(server, json.dumps(body))
    assert answer.status_code == 422
    assert count in answer.json()["detail"]
    assert len(answer.json()["errors"]) == 11
