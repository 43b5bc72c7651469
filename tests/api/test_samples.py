"""Samples of real jobs: while they run, when they are over, and when their files are not as they were."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from jupyter_lmms_eval import AsyncEvalClient
from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR
from jupyter_lmms_eval.notebook.job import JobHandle
from tests.conftest import Server, eventually
from tests.results.samples import line_of, write_samples
from tests.tasks import write_gated_task

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


def completed(server: Server, tasks: list[str], **more: Any) -> str:
    request = {"model": "dummy", "model_args": {"response": "7"}, "limit": 20, **more}
    job_id = str(server.client.evaluate(tasks=tasks, **request)["job_id"])
    server.client.wait_for_job(job_id, verbose=False)
    return job_id


def files_of(server: Server, job_id: str) -> list[Path]:
    (result,) = server.client.get_job(job_id)["result"].values()
    return [Path(path) for path in result["samples"]]


def refused(call: Callable[[], Any], status: int) -> str:
    with pytest.raises(EvalServerError) as error:
        call()
    assert error.value.status_code == status
    return str(error.value)


def media_url(server: Server, job_id: str, task: str, doc_id: int, rest: str = "") -> str:
    return f"{server.url}/jobs/{job_id}/samples/{task}/{doc_id}/media{rest}"


@pytest.fixture(scope="module")
def digits(server: Server) -> str:
    """A job over a group of two tasks."""
    return completed(server, ["digits_demo"])


def test_a_group_shows_the_samples_of_its_tasks(server: Server, digits: str) -> None:
    page = server.client.samples(digits)
    assert page["task"] == "digits_read"
    assert page["tasks"] == [{"task": "digits_read", "total": 20}, {"task": "numbers_read", "total": 20}]
    assert (page["total"], page["matching"], page["live"], page["complete"], page["scored"]) == (
        20, 20, False, True, True,
    )  # fmt: skip
    assert [sample["doc_id"] for sample in page["samples"]] == list(range(20))
    first = page["samples"][0]
    assert first["question"].startswith("What digit is shown?")
    assert (first["answers"], first["filtered"], first["target"]) == (["7"], ["7"], "2")
    assert (first["scores"], first["correct"]) == ({"exact_match": 0.0}, False)
    other = server.client.samples(digits, task="numbers_read", offset=18, limit=5)
    assert [sample["doc_id"] for sample in other["samples"]] == [18, 19]
    assert set(other["samples"][0]["scores"]) == {"exact_match", "char_accuracy"}


def test_right_and_wrong_and_words_choose(server: Server, digits: str) -> None:
    samples = server.client.samples(digits, limit=200)["samples"]
    for which, correct in (("right", True), ("wrong", False)):
        wanted = [sample["doc_id"] for sample in samples if sample["correct"] is correct]
        page = server.client.samples(digits, filter=which, limit=2)
        assert (page["matching"], page["total"]) == (len(wanted), 20)
        assert [sample["doc_id"] for sample in page["samples"]] == wanted[:2]
    assert server.client.samples(digits, q="WHAT DIGIT")["matching"] == 20
    nines = [sample["doc_id"] for sample in samples if sample["target"] == "9"]
    assert [sample["doc_id"] for sample in server.client.samples(digits, q="9")["samples"]] == nines


def test_the_async_client_and_the_notebook_see_the_same(server: Server, digits: str) -> None:
    async def ask() -> dict[str, Any]:
        async with AsyncEvalClient(server.url, token=server.token) as client:
            return await client.samples(digits, filter="wrong", q="digit", limit=3)

    page = asyncio.run(ask())
    assert page == server.client.samples(digits, filter="wrong", q="digit", limit=3)
    assert JobHandle(server.client, digits).samples(filter="wrong", q="digit", limit=3).model_dump() == page


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 201}, {"offset": -1}, {"filter": "some"}, {"q": "x" * 1001}, {"limit": "many"}]
)
def test_what_cannot_be_asked_is_refused(server: Server, digits: str, query: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    call = httpx.get(f"{server.url}/jobs/{digits}/samples", params=query, headers=headers)
    assert call.status_code == 422
    assert next(iter(query)) in call.json()["detail"]


def test_unknown_jobs_and_tasks_are_named(server: Server, digits: str) -> None:
    refused(lambda: server.client.samples("no-such-job"), 404)
    said = refused(lambda: server.client.samples(digits, task="digits_raed"), 404)
    assert "digits_raed" in said
    assert "digits_read, numbers_read" in said


def test_doc_ids_count_in_the_whole_split_on_two_ranks_too(server: Server) -> None:
    job_id = completed(server, ["digits_read"], num_gpus=2, limit=7, offset=3)
    page = server.client.samples(job_id)
    assert [sample["doc_id"] for sample in page["samples"]] == list(range(3, 10))
    everything = server.client.samples(completed(server, ["digits_read"], limit=10))["samples"]
    assert [sample["target"] for sample in page["samples"]] == [sample["target"] for sample in everything[3:]]


def test_choices_are_shown_with_the_picture_they_are_about(server: Server) -> None:
    llava = MODELS["tiny_llava"]
    job_id = completed(
        server, ["digits_choice"], model=llava.model, model_args=dict(llava.model_args), force_simple=True,
        batch_size=1, limit=2, offset=5,
    )  # fmt: skip
    page = server.client.samples(job_id)
    sample = page["samples"][0]
    assert sample["doc_id"] == 5
    assert len(sample["answers"]) == 10
    assert sample["media"] == []  # not known yet
    assert server.client.sample_media(job_id, "digits_choice", 5) == [{"n": 0, "kind": "image"}]
    assert server.client.samples(job_id)["samples"][0]["media"] == [{"n": 0, "kind": "image"}]
    shown = Image.open(io.BytesIO(server.client.read_media(job_id, "digits_choice", 5)))
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(TASKS_DIR / "data" / "digits-test.parquet").to_pylist()
    original = Image.open(io.BytesIO(rows[5]["image"]["bytes"])).convert("RGB")
    assert shown.tobytes() == original.tobytes()
    assert rows[5]["answer"] == sample["target"]


def test_a_picture_is_sent_so_that_a_browser_keeps_it_and_nothing_else(server: Server, digits: str) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    url = media_url(server, digits, "numbers_read", 3, "/0")
    whole = httpx.get(url, headers=headers, timeout=90)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/png")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in whole.headers["content-security-policy"]
    assert "content-encoding" not in whole.headers
    tag = whole.headers["etag"]
    assert httpx.get(url, headers={**headers, "If-None-Match": tag}).status_code == 304
    part = httpx.get(url, headers={**headers, "Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    assert part.headers["content-range"] == f"bytes 1-3/{len(whole.content)}"
    assert httpx.get(url, headers={**headers, "Range": "bytes=9999999-"}).status_code == 416
    assert httpx.get(url).status_code == 401


def test_media_that_there_are_not(server: Server, digits: str) -> None:
    assert "1 media" in refused(lambda: server.client.read_media(digits, "digits_read", 3, 1), 404)
    assert "no sample 449" in refused(lambda: server.client.sample_media(digits, "digits_read", 449), 404)
    refused(lambda: server.client.sample_media(digits, "digits_choice", 0), 404)
    refused(lambda: server.client.sample_media("no-such-job", "digits_read", 0), 404)


def test_answers_are_seen_while_the_job_runs(start_server: Callable[..., Server], tmp_path: Path) -> None:
    task = write_gated_task(tmp_path / "tasks")
    server = start_server("--include-path", str(task.folder), "--include-path", str(TASKS_DIR), "--cpu-slots", "1")
    request = {"model": "dummy", "model_args": {"response": "7"}}
    job_id = server.client.evaluate(tasks=["gated_digits"], limit=4, **request)["job_id"]
    waiting = server.client.evaluate(tasks=["digits_read"], **request)["job_id"]
    assert "no sample is answered yet" in refused(lambda: server.client.samples(waiting), 409)

    def answered() -> Any:
        try:
            page = server.client.samples(job_id)
        except EvalServerError:
            return None
        return page if page["total"] == 4 else None

    page = eventually(answered)
    assert (page["live"], page["complete"], page["scored"]) == (True, False, False)
    assert page["tasks"] == [{"task": "gated_digits", "total": 4}]
    assert [(each["doc_id"], each["answers"], each["correct"]) for each in page["samples"]] == [
        (number, ["7"], None) for number in range(4)
    ]
    assert server.client.samples(job_id, filter="wrong")["matching"] == 0
    assert server.client.samples(job_id, q="7", limit=1)["matching"] == 4
    assert server.client.sample_media(job_id, "gated_digits", 2) == [{"n": 0, "kind": "image"}]
    task.open()
    server.client.wait_for_job(job_id, verbose=False)
    after = server.client.samples(job_id)
    assert (after["live"], after["complete"], after["samples"][0]["question"] != "") == (False, True, True)


def test_a_job_without_samples_says_why(server: Server) -> None:
    job_id = completed(server, ["digits_read"], log_samples=False)
    assert "log_samples" in refused(lambda: server.client.samples(job_id), 409)
    refused(lambda: server.client.sample_media(job_id, "digits_read", 0), 409)
    assert server.client.samples(completed(server, ["digits_read"], predict_only=True))["scored"] is False


def test_damaged_and_missing_files(server: Server) -> None:
    job_id = completed(server, ["digits_read"])
    (path,) = files_of(server, job_id)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], lines[5][:40], *lines[6:]]) + "\n")
    page = server.client.samples(job_id)
    assert (page["total"], page["damaged"]) == (19, 1)
    path.write_text("nothing of this\nis a sample\n")
    assert "none of the 2 lines" in refused(lambda: server.client.samples(job_id), 410)
    path.unlink()
    assert "try it again" in refused(lambda: server.client.samples(job_id), 410)
    refused(lambda: server.client.sample_media(job_id, "digits_read", 0), 410)
    path.symlink_to("/etc/passwd")
    assert "link" in refused(lambda: server.client.samples(job_id), 410)


def test_a_copy_for_the_user_may_go(server: Server, tmp_path: Path) -> None:
    job_id = completed(server, ["digits_read"], output_dir=str(tmp_path / "copy"))
    (copy,) = files_of(server, job_id)
    copy.unlink()
    assert server.client.samples(job_id)["total"] == 20


def test_texts_and_pages_are_bounded(server: Server) -> None:
    job_id = completed(server, ["digits_read"])
    (path,) = files_of(server, job_id)
    long = "word " * 100_000
    write_samples(path, (line_of(number, input=long, resps=[long, long], trace=long) for number in range(200)))
    ten = server.client.samples(job_id, limit=10)["samples"][0]
    assert len(ten["question"]) == 20_000
    assert ten["question"].endswith("…")
    assert sum(map(len, ten["answers"])) <= 20_001
    answer = httpx.get(
        f"{server.url}/jobs/{job_id}/samples",
        params={"limit": 200},
        headers={"Authorization": f"Bearer {server.token}"},
    )
    assert len(answer.json()["samples"]) == 200
    assert len(json.dumps(answer.json())) < 6_000_000
