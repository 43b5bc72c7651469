"""The catalog by REST: as lmms-eval answers it, and with what one wants to know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from jupyter_lmms_eval import AsyncEvalClient
from jupyter_lmms_eval.client import EvalServerError
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import Server


def get(server: Server, path: str) -> httpx.Response:
    return httpx.get(server.url + path, headers={"Authorization": f"Bearer {server.token}"})


def test_who_asks_for_nothing_special_is_answered_as_ever(server: Server) -> None:
    assert get(server, "/tasks").json().keys() == {"tasks", "groups", "tags"}
    assert get(server, "/models").json().keys() == {"models"}
    assert "digits_read" in server.client.list_tasks()


def test_tasks_are_searched_and_told_in_pages(server: Server) -> None:
    found = get(server, "/tasks?q=digits").json()
    assert found["tasks"][0].startswith("digits")
    assert found["total"] == len(found["tasks"])
    assert "digits_demo" in found["groups"]
    assert "details" not in found
    page = get(server, "/tasks?q=digits&offset=1&limit=1&details=true").json()
    assert page["tasks"] == found["tasks"][1:2]
    assert page["total"] == found["total"]
    assert [each["name"] for each in page["details"]] == page["tasks"]
    choices = server.client.find_tasks("digits", output_type="multiple_choice")
    assert [each["name"] for each in choices] == ["digits_choice"]


def test_a_task_is_told_with_its_data_and_its_file(server: Server) -> None:
    task = server.client.get_task("digits_read")
    assert task["kind"] == "task"
    assert task["output_type"] == "generate_until"
    assert task["dataset_path"] == "parquet"
    assert task["file"] == str(TASKS_DIR / "digits_read.yaml")
    assert "digits_demo" in task["tags"]
    group = server.client.get_task("digits_demo")
    assert (group["kind"], sorted(group["tasks"])) == ("group", ["digits_read", "numbers_read"])


def test_a_model_is_told_with_its_arguments(server: Server) -> None:
    model = server.client.get_model("qwen2_5_vl")
    assert model["name"] == "qwen2_5_vl"
    assert model["chat"]["module"] == "lmms_eval.models.chat.qwen2_5_vl"
    arguments = {each["name"]: each for each in model["simple"]["arguments"]}
    assert arguments["pretrained"]["default"].startswith("'Qwen/")
    assert arguments["pretrained"]["required"] is False
    assert server.client.find_models("qwen2_5_vl")[0] == "qwen2_5_vl"


def test_an_unknown_name_is_answered_with_those_near_to_it(server: Server) -> None:
    answer = get(server, "/tasks/digits_raed")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Unknown task 'digits_raed'; did you mean 'digits_read'")
    assert "digits_read" in answer.json()["errors"][0]["nearest"]
    with pytest.raises(EvalServerError, match=r"Unknown model 'qwen2_5_lv'; did you mean 'qwen2_5_vl'"):
        server.client.get_model("qwen2_5_lv")


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "offset=-1", "kind=benchmark", "details=perhaps"])
def test_a_question_that_makes_no_sense_is_refused(server: Server, query: str) -> None:
    answer = get(server, f"/tasks?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["detail"]


def test_the_awaited_client_asks_the_same(server: Server) -> None:
    async def ask() -> tuple[object, ...]:
        async with AsyncEvalClient(server.url, token=server.token) as client:
            found = await client.find_tasks("digits", limit=2)
            return (
                found,
                await client.get_task("digits_read"),
                await client.find_models("llava"),
                await client.get_model("dummy"),
            )

    client = server.client
    assert asyncio.run(ask()) == (
        client.find_tasks("digits", limit=2),
        client.get_task("digits_read"),
        client.find_models("llava"),
        client.get_model("dummy"),
    )


@pytest.mark.evaluation
def test_the_number_of_samples_is_known_once_a_task_was_evaluated(start_server: Callable[..., Server]) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    assert server.client.get_task("digits_read")["samples"] is None
    job = server.client.evaluate(model="dummy", model_args={"response": "7"}, tasks=["digits_read"], limit=2)
    server.client.wait_for_job(job["job_id"])
    again = start_server("--include-path", str(TASKS_DIR), state_dir=server.state_dir) if server.end() == 0 else server
    assert again.client.get_task("digits_read")["samples"] == 450
    (told,) = again.client.find_tasks("digits_read", kind="task")
    assert told["samples"] == 450
