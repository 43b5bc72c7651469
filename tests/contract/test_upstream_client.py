"""lmms-eval's own clients drive this server unchanged."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server

entrypoints = pytest.importorskip("lmms_eval.entrypoints.client")
pytestmark = pytest.mark.evaluation

SMALL: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}, "tasks": ["digits_read"], "limit": 4}


@pytest.fixture(scope="module")
def upstream(server: Server) -> Iterator[Any]:
    with entrypoints.EvalClient(server.url_with_token, timeout=60) as client:
        yield client


def test_health(upstream: Any) -> None:
    assert upstream.is_healthy()
    assert upstream.health()["status"] == "healthy"
    assert upstream.health()["queue_size"] == 0


def test_a_wrong_token_is_not_healthy(server: Server) -> None:
    with entrypoints.EvalClient(server.url.replace("http://", "http://any:wrong@")) as client:
        assert not client.is_healthy()


def test_tasks_and_models_are_those_of_lmms_eval(upstream: Any) -> None:
    code = (
        "import json; from lmms_eval.tasks import TaskManager; from lmms_eval.models import list_available_models;"
        "print(json.dumps([TaskManager().all_tasks, list_available_models()]))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    tasks, models = json.loads(output.splitlines()[-1])
    ours = ["digits_choice", "digits_demo", "digits_read", "numbers_read"]
    assert [task for task in upstream.list_tasks() if task not in ours] == sorted(tasks)
    assert upstream.list_models() == models


def test_submit_poll_wait_and_open_the_result(upstream: Any) -> None:
    submitted = upstream.evaluate(**SMALL)
    assert submitted["status"] == "queued"
    assert submitted["position_in_queue"] == 0
    job = upstream.wait_for_job(submitted["job_id"], poll_interval=0.2, timeout=120, verbose=False)
    assert job["status"] == "completed"
    assert job["request"]["tasks"] == ["digits_read"]
    (model,) = job["result"]
    results = json.loads(Path(job["result"][model]["results"]).read_text())
    assert "exact_match,none" in results["results"]["digits_read"]
    (samples,) = job["result"][model]["samples"]
    assert len(Path(samples).read_text().splitlines()) == 4


def test_a_failed_job_raises_with_its_reason(upstream: Any) -> None:
    submitted = upstream.evaluate(**{**SMALL, "model": "llava_hf", "model_args": {"pretrained": "/no/such/checkpoint"}})
    with pytest.raises(RuntimeError, match=r"Job failed: .*no/such/checkpoint"):
        upstream.wait_for_job(submitted["job_id"], poll_interval=0.2, timeout=120, verbose=False)


def test_queue_positions_and_cancelling(upstream: Any) -> None:
    # Two slots: two jobs run, the others wait in the order in which they came.
    ids = [upstream.evaluate(**{**SMALL, "model_args": {"response": str(n)}})["job_id"] for n in range(5)]
    queue = upstream.get_queue_status()
    assert queue["queued_jobs"] == ids[2:]
    assert queue["queue_size"] == 3
    assert queue["running_job"] in ids[:2]
    assert upstream.get_job(ids[3])["position_in_queue"] == 1
    assert "cancelled" in upstream.cancel_job(ids[3])["message"]
    assert upstream.get_job(ids[3])["status"] == "cancelled"
    assert "cancelled" in upstream.cancel_job(ids[3])["message"]  # a repeated request finds what it wants
    with pytest.raises(Exception, match="404"):
        upstream.get_job("no-such-job")
    for job_id in (*ids[:3], ids[4]):
        assert upstream.wait_for_job(job_id, poll_interval=0.2, timeout=180, verbose=False)["status"] == "completed"
    assert upstream.get_queue_status()["queue_size"] == 0
    with pytest.raises(Exception, match="400"):
        upstream.cancel_job(ids[0])


def test_the_asynchronous_client(server: Server) -> None:
    async def story() -> dict[str, Any]:
        async with entrypoints.AsyncEvalClient(server.url_with_token, timeout=60) as client:
            assert (await client.health())["status"] == "healthy"
            submitted = await client.evaluate(**SMALL, unknown_option=1)
            assert "unknown_option" in submitted["warnings"][0]
            finished: dict[str, Any] = await client.wait_for_job(
                submitted["job_id"], poll_interval=0.2, timeout=120, verbose=False
            )
            return finished

    assert asyncio.run(story())["status"] == "completed"


def test_only_lmms_evals_fields_have_its_names_and_types(upstream: Any) -> None:
    """Every answer validates with lmms-eval's own models."""
    protocol = pytest.importorskip("lmms_eval.entrypoints.protocol")
    submitted = upstream.evaluate(**SMALL)
    protocol.JobSubmitResponse.model_validate(submitted)
    upstream.wait_for_job(submitted["job_id"], poll_interval=0.2, timeout=120, verbose=False)
    protocol.JobInfo.model_validate(upstream.get_job(submitted["job_id"]))
    protocol.QueueStatusResponse.model_validate(upstream.get_queue_status())
    protocol.HealthResponse.model_validate(upstream.health())
