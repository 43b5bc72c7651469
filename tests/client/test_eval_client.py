"""Both clients against a real HTTP server."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from datetime import date
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import psutil
import pytest

from jupyter_lmms_eval.client import (
    AsyncEvalClient,
    EvalClient,
    EvalServerError,
    JobCancelled,
    JobFailed,
    ServerUnreachable,
    UnknownJob,
)
from jupyter_lmms_eval.client.options import EvaluateOptions
from jupyter_lmms_eval.discovery import NoServerRunning, write_record
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, Progress
from jupyter_lmms_eval.protocol.server import ServerRecord
from tests.client.speaking_server import TOKEN, SpeakingServer, make_job


def awaited(server: SpeakingServer, use: Callable[[AsyncEvalClient], Awaitable[Any]]) -> Any:
    async def session() -> Any:
        async with AsyncEvalClient(server.url, token=server.token) as client:
            return await use(client)

    return asyncio.run(session())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def record_of(server: SpeakingServer) -> ServerRecord:
    return ServerRecord(
        id=server.server_id,
        pid=os.getpid(),
        create_time=psutil.Process().create_time(),
        host="127.0.0.1",
        port=server.port,
        url=server.url,
        token=server.token or "",
        state_dir="/nowhere",
        started_at="2026-11-22T10:00:00+00:00",
        version="0",
    )


def test_both_clients_have_every_method_of_each_other_and_of_lmms_eval() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(EvalClient) == public(AsyncEvalClient)
    assert public(EvalClient) >= {
        "health",
        "is_healthy",
        "list_tasks",
        "list_models",
        "evaluate",
        "get_job",
        "cancel_job",
        "wait_for_job",
        "get_queue_status",
        "merge_checkpoint",
        "close",
    }


def test_positional_arguments_mean_what_they_mean_in_lmms_eval() -> None:
    upstream = ["model", "tasks", "model_args", "num_fewshot", "batch_size", "device", "limit", "gen_kwargs"]
    upstream += ["log_samples", "predict_only", "num_gpus", "output_dir"]
    assert list(inspect.signature(EvalClient.evaluate).parameters)[1:13] == upstream
    assert list(inspect.signature(EvalClient.wait_for_job).parameters)[1:] == [
        "job_id",
        "poll_interval",
        "timeout",
        "verbose",
    ]
    assert list(inspect.signature(EvalClient.__init__).parameters)[1:3] == ["base_url", "timeout"]


def test_every_option_of_a_request_is_a_keyword() -> None:
    assert set(EvaluateOptions.__annotations__) | {"model", "tasks"} == set(EvaluateRequest.model_fields)


def test_questions_about_the_server(client: EvalClient, server: SpeakingServer) -> None:
    assert client.health()["server_id"] == server.server_id
    assert client.is_healthy()
    assert client.list_tasks() == ["digits_mc", "digits_read"]
    assert client.list_models() == ["dummy", "qwen2_5_vl"]
    assert client.get_queue_status()["queue_size"] == 0
    assert [device["id"] for device in client.devices()] == ["cuda:0", "cpu:0"]

    async def questions(other: AsyncEvalClient) -> list[Any]:
        return [
            await other.health(),
            await other.is_healthy(),
            await other.list_tasks(),
            await other.list_models(),
            await other.get_queue_status(),
            await other.devices(),
        ]

    assert awaited(server, questions) == [
        client.health(),
        True,
        client.list_tasks(),
        client.list_models(),
        client.get_queue_status(),
        client.devices(),
    ]


def test_an_evaluation_is_submitted_with_what_was_given_and_no_more(client: EvalClient, server: SpeakingServer) -> None:
    answer = client.evaluate("dummy", ["mme"], {"response": "a,b"}, limit=8, seed=[0, None], priority=3)
    assert answer["status"] == "queued"
    assert server.bodies == [
        {
            "model": "dummy",
            "tasks": ["mme"],
            "model_args": {"response": "a,b"},
            "limit": 8,
            "log_samples": True,
            "predict_only": False,
            "num_gpus": 1,
            "seed": [0, None],
            "priority": 3,
        }
    ]
    awaited(server, lambda other: other.evaluate(model="dummy", tasks="mme, mmmu_val", limit=None, name="mine"))
    assert server.bodies[1] == {"model": "dummy", "tasks": ["mme", "mmmu_val"], "name": "mine"}


def test_a_misspelt_option_is_refused_before_anything_runs(client: EvalClient, server: SpeakingServer) -> None:
    with pytest.raises(TypeError, match=r"unexpected option 'limt'; did you mean 'limit'\?"):
        client.evaluate("dummy", ["mme"], limt=8)  # type: ignore[call-arg]
    assert server.bodies == []


def test_what_no_request_can_carry_is_refused_before_anything_runs(client: EvalClient, server: SpeakingServer) -> None:
    with pytest.raises(ValueError, match=r"model_args\.scale must be a finite number, got -inf"):
        client.evaluate("dummy", ["mme"], {"scale": float("-inf")})
    with pytest.raises(ValueError, match="output_dir must be text, a number, a list or a mapping, got "):
        client.evaluate("dummy", ["mme"], output_dir=object())  # type: ignore[arg-type]
    assert server.bodies == []
    client.evaluate("dummy", ("mme", " mmmu_val"), {"since": date(2024, 5, 1)}, gen_kwargs={"bias": {50256: -100}})
    assert server.bodies[0]["tasks"] == ["mme", "mmmu_val"]
    assert server.bodies[0]["model_args"] == {"since": "2024-05-01"}
    assert server.bodies[0]["gen_kwargs"] == {"bias": {"50256": -100}}


def test_a_refusal_is_the_servers_sentence_and_still_httpx(client: EvalClient, server: SpeakingServer) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        client.evaluate("nonsense", ["mme"])
    assert str(caught.value) == "There is no model 'nonsense'; did you mean 'dummy'?"
    assert isinstance(caught.value, EvalServerError)
    assert caught.value.status_code == 422
    assert caught.value.errors[0].nearest == ["dummy"]
    assert caught.value.response.status_code == 422
    with pytest.raises(EvalServerError, match="There is no job nowhere"):
        awaited(server, lambda other: other.get_job("nowhere"))


def test_a_job_id_cannot_reach_another_path(client: EvalClient) -> None:
    with pytest.raises(EvalServerError, match=r"no job|Not Found"):
        client.get_job("../queue")


def test_jobs_are_listed_by_filter_and_page(client: EvalClient, server: SpeakingServer) -> None:
    for number in range(7):
        server.add(make_job(f"job-{number}", "completed" if number % 2 else "failed"))
    page = client.list_jobs(limit=3)
    assert [job["job_id"] for job in page["jobs"]] == ["job-6", "job-5", "job-4"]
    assert page["next_cursor"] == "3"
    assert len(list(client.iter_jobs(page_size=2))) == 7
    assert [job["job_id"] for job in client.iter_jobs("failed", page_size=2)] == ["job-6", "job-4", "job-2", "job-0"]
    assert len(client.list_jobs(status=["failed", "completed"], model="dummy", task="digits_read")["jobs"]) == 7
    assert server.queries[-1] == "status=failed&status=completed&model=dummy&task=digits_read"

    async def everything(other: AsyncEvalClient) -> list[str]:
        return [job["job_id"] async for job in other.iter_jobs(page_size=3)]

    assert awaited(server, everything) == [f"job-{number}" for number in reversed(range(7))]


def test_an_abbreviated_id_finds_its_job(client: EvalClient, server: SpeakingServer) -> None:
    for job_id in ("abc1", "abd2", "abd"):
        server.add(make_job(job_id))
    assert client.resolve_job_id("abc") == "abc1"
    assert client.resolve_job_id("abd") == "abd"
    assert awaited(server, lambda other: other.resolve_job_id("abd2")) == "abd2"
    with pytest.raises(UnknownJob, match="3 jobs have an id that begins with 'a'"):
        client.resolve_job_id("a")
    with pytest.raises(UnknownJob, match="No job has an id that begins with 'x'"):
        client.resolve_job_id("x")


def test_logs_are_read_in_parts_and_followed(client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job(status="completed"))
    server.logs[job_id] = "première ligne\n二十行\n" * 3
    chunk = client.logs(job_id)
    assert chunk["text"] == server.logs[job_id]
    assert chunk["complete"]
    assert client.logs(job_id, offset=-7)["text"] == "十行\n"
    assert "".join(client.follow_logs(job_id)) == server.logs[job_id]

    async def followed(other: AsyncEvalClient) -> str:
        return "".join([text async for text in other.follow_logs(job_id)])

    assert awaited(server, followed) == server.logs[job_id]
    with pytest.raises(EvalServerError, match="no job"):
        list(client.follow_logs("nowhere"))


def test_results_come_when_a_job_is_completed(client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job(status="running"))
    with pytest.raises(EvalServerError, match="is running; results come") as caught:
        client.results(job_id)
    assert caught.value.status_code == 409
    server.script(job_id, {"status": "completed"})
    client.get_job(job_id)
    assert client.results(job_id)["timings"] == {"answering": 1.5}
    assert awaited(server, lambda other: other.results(job_id)) == client.results(job_id)


def test_a_job_is_cancelled(client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job())
    assert "cancelled" in client.cancel_job(job_id)["message"]
    other_id = server.add(make_job())
    assert "cancelled" in awaited(server, lambda other: other.cancel_job(other_id))["message"]


@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
def test_a_job_is_told_to_score_what_it_has_and_end(kind: str, client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job(status="running"))
    if kind == "waiting":
        answer = client.cancel_job(job_id, finish=True)
    else:
        answer = awaited(server, lambda other: other.cancel_job(job_id, finish=True))
    assert answer["message"] == f"Job {job_id} answers no more; what is complete is scored"
    assert client.get_job(job_id)["finishing"]
    assert server.cancellations == ["mode=finish"]


def test_cancelling_a_cancelled_job_again_is_no_error(client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job(status="running"))
    client.cancel_job(job_id)
    assert client.cancel_job(job_id)["message"] == f"Job {job_id} was cancelled before."
    assert server.cancellations == ["", ""], "what lmms-eval's own server does not know is not sent"


def test_the_time_a_job_may_run_is_another_one_than_that_of_a_request(server: SpeakingServer) -> None:
    with EvalClient(server.url, timeout=30, token=TOKEN) as client:
        client.evaluate("dummy", ["mme"], timeout=3600)
    assert server.bodies[-1]["timeout"] == 3600
    awaited(server, lambda other: other.evaluate("dummy", ["mme"], timeout=0.5))
    assert server.bodies[-1]["timeout"] == 0.5


def test_a_checkpoint_is_merged(client: EvalClient, server: SpeakingServer) -> None:
    assert client.merge_checkpoint("/in", "/out", "ema")["merged_path"] == "/out"
    assert awaited(server, lambda other: other.merge_checkpoint("/in"))["merged_path"] is None
    assert server.bodies == [
        {"checkpoint_path": "/in", "output_path": "/out", "checkpoint_type": "ema"},
        {"checkpoint_path": "/in", "output_path": None, "checkpoint_type": "regular"},
    ]


def progress(done: int) -> dict[str, Any]:
    return Progress(phase="answering", samples_done=done, samples_total=8, rate=4.0, eta_seconds=1.0).model_dump()


@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
def test_waiting_ends_with_the_completed_job(
    kind: str, client: EvalClient, server: SpeakingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = server.add(make_job("12345678-rest", position_in_queue=0, wait_reason="the GPU is busy"))
    running = {"status": "running", "wait_reason": None}
    server.script(
        job_id, {}, {}, running | {"progress": progress(2)}, {"progress": progress(5)}, {"status": "completed"}
    )
    if kind == "waiting":
        job = client.wait_for_job(job_id, poll_interval=0.01)
    else:
        job = awaited(server, lambda other: other.wait_for_job(job_id, poll_interval=0.01))
    assert job["status"] == "completed"
    assert capsys.readouterr().out.splitlines() == [
        "Job 12345678... queued (position: 0, the GPU is busy)",
        "Job 12345678... running, answering",
        "Job 12345678... completed!",
    ]


def test_waiting_silently_prints_nothing(
    client: EvalClient, server: SpeakingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    client.wait_for_job(server.add(make_job(status="completed")), verbose=False)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
def test_waiting_for_a_job_that_fails_or_is_cancelled_raises(
    kind: str, client: EvalClient, server: SpeakingServer
) -> None:
    def wait(job_id: str) -> Any:
        if kind == "waiting":
            return client.wait_for_job(job_id, verbose=False)
        return awaited(server, lambda other: other.wait_for_job(job_id, verbose=False))

    failure = {"cause": "out_of_memory", "type": "OutOfMemoryError", "message": "CUDA out of memory", "advice": "Less."}
    failed = server.add(make_job(status="failed", error="CUDA out of memory", failure=failure))
    with pytest.raises(RuntimeError, match=r"^Job failed: CUDA out of memory$") as caught:
        wait(failed)
    assert isinstance(caught.value, JobFailed)
    assert caught.value.failure is not None
    assert caught.value.failure.advice == "Less."
    assert caught.value.job["job_id"] == failed
    cancelled = server.add(make_job("gone", status="cancelled"))
    with pytest.raises(JobCancelled, match=r"^Job gone was cancelled\.$"):
        wait(cancelled)


@pytest.mark.parametrize("status", ["cancelled", "failed"])  # the latter of a server for lmms-eval's own client
@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
def test_a_job_that_was_told_to_finish_does_not_look_like_success(
    kind: str, status: str, client: EvalClient, server: SpeakingServer
) -> None:
    metrics = [{"task": "digits_read", "metric": "acc", "value": 0.5, "samples": 120}]
    done = {"phase": "done", "samples_done": 120, "samples_total": 450}
    job_id = server.add(make_job("early", status, partial=True, progress=done, metrics=metrics))
    said = r"^Job early was told to finish early; the scores of 120 of 450 samples are in results\(\)$"

    def wait() -> Any:
        if kind == "waiting":
            return client.wait_for_job(job_id, verbose=False)
        return awaited(server, lambda other: other.wait_for_job(job_id, verbose=False))

    with pytest.raises(JobCancelled, match=said) as caught:
        wait()
    assert caught.value.job["metrics"][0]["samples"] == 120
    results = client.results(job_id)
    assert (results["partial"], results["metrics"][0]["value"]) == (True, 0.5)


def test_waiting_ends_at_the_time_limit(client: EvalClient, server: SpeakingServer) -> None:
    job_id = server.add(make_job(status="running"))
    with pytest.raises(TimeoutError, match=f"Timeout waiting for job {job_id}"):
        client.wait_for_job(job_id, poll_interval=60, timeout=0.1, verbose=False)


def test_a_dead_address_is_one_sentence() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    client = EvalClient(url)
    with pytest.raises(httpx.ConnectError, match=f"No evaluation server answers at {url}: start one with") as caught:
        client.health()
    assert isinstance(caught.value, ServerUnreachable)
    assert not client.is_healthy()


def test_something_that_is_no_evaluation_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    client = EvalClient("http://localhost:1")
    client.client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>")))
    with pytest.raises(EvalServerError, match="is not an evaluation server"):
        client.health()


def test_the_link_that_a_server_prints_is_understood(server: SpeakingServer) -> None:
    client = EvalClient(f"{server.url}/docs?token={TOKEN}")
    assert client.base_url == server.url
    assert client.is_healthy()


def test_a_web_server_of_another_kind_is_named() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(EvalServerError, match="is not an evaluation server: check the address and its port"):
            EvalClient(f"http://127.0.0.1:{other.server_port}/nowhere").health()
        other.shutdown()


def test_without_url_the_running_server_is_found_with_its_token(server: SpeakingServer) -> None:
    with pytest.raises(NoServerRunning, match="%lmms_eval_server start"):
        EvalClient()
    write_record(record_of(server))
    assert EvalClient().base_url == server.url
    assert EvalClient().health()["server_id"] == server.server_id


def test_the_token_comes_from_the_record_the_url_or_the_environment(
    server: SpeakingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EvalServerError, match="Give the server's token"):
        EvalClient(server.url).health()
    assert EvalClient(f"http://any:{TOKEN}@127.0.0.1:{server.port}/").is_healthy()
    monkeypatch.setenv("LMMS_EVAL_TOKEN", TOKEN)
    assert EvalClient(server.url).is_healthy()
    monkeypatch.setenv("LMMS_EVAL_TOKEN", "of another server")
    assert not EvalClient(server.url).is_healthy()
    write_record(record_of(server))
    assert EvalClient(f"localhost:{server.port}").is_healthy()
    monkeypatch.setenv("LMMS_EVAL_SERVER", f"http://any:{TOKEN}@127.0.0.1:{server.port}")
    assert EvalClient().is_healthy()


def test_the_token_is_never_shown(server: SpeakingServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = EvalClient(f"http://any:{TOKEN}@127.0.0.1:{server.port}")
    client.health()
    with pytest.raises(EvalServerError) as refused:
        client.get_job("nowhere")
    shown = [repr(client), str(vars(client)), client.base_url, str(refused.value), str(refused.value.request.url)]
    shown += [caplog.text, repr(client.client.headers)]
    assert TOKEN not in "".join(shown)


@pytest.mark.parametrize("url", ["ftp://host", "http://", "/just/a/path"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a server's URL looks like"):
        EvalClient(url)


def test_proxies_of_the_environment_do_not_swallow_loopback(
    server: SpeakingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert EvalClient(server.url, token=TOKEN).is_healthy()


def test_an_unclosed_async_client_warns(server: SpeakingServer) -> None:
    with pytest.warns(ResourceWarning, match="AsyncEvalClient was not closed"):
        AsyncEvalClient(server.url).__del__()
