"""Jobs and devices in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.protocol.jobs import JobInfo, Metric
from jupyter_lmms_eval.protocol.server import Device
from jupyter_lmms_eval.widget.rows import device_row, difference, job_row, score_rows

from .examples import ago, devices, job, many_states, metric

# The page of JupyterLab is held to the same examples.
SHARED = json.loads((Path(__file__).parent / "rows.json").read_text(encoding="utf-8"))


def test_a_running_job_tells_how_far_and_how_fast_it_is() -> None:
    row = job_row(next(job for job in many_states() if job.job_id == "9b2d51ff-running"))
    assert row["samples"] == "1,312 / 4,774"
    assert row["fraction"] == 0.275
    assert (row["rate"], row["eta"]) == ("12.3/s", "4:41")
    assert (row["short_id"], row["name"], row["tasks"]) == ("9b2d51ff", "step 2000", "mme +2")
    assert row["all_tasks"] == "mme, mmmu_val, mmstar"
    assert row["devices"] == "cuda:0,1"
    assert row["started"] is not None
    assert row["ended"] is None


def test_a_completed_job_shows_one_score_with_its_error() -> None:
    row = job_row(next(job for job in many_states() if job.status == "completed"))
    assert (row["score"], row["stderr"], row["score_name"]) == ("0.481", "0.017", "mmmu_val acc")
    assert row["note"] == "3 errors logged"
    assert row["fraction"] is None
    assert (row["rate"], row["eta"]) == ("", "")


@pytest.mark.parametrize(
    ("given", "note"),
    [
        (job("a", wait_reason="needs 4 GPUs, 1 of 4 is free"), "needs 4 GPUs, 1 of 4 is free"),
        (job("a", position_in_queue=0), "next"),
        (job("a", position_in_queue=3), "3 before it"),
        (job("a"), ""),
        (job("a", "running", progress={"phase": "loading model"}), "loading model"),
        (job("a", "running", progress={"phase": "answering", "errors_logged": 1}), "1 error logged"),
        (job("a", "running"), ""),
        (job("a", "running", attempt=3, progress={"phase": "answering"}), "attempt 3"),
        (job("a", "running", finishing=True, progress={"phase": "scoring"}), "finishing, scoring"),
        (
            job("a", "cancelled", partial=True, progress={"phase": "done", "samples_done": 3, "samples_total": 9}),
            "partial: 3/9",
        ),
        (
            job("a", "failed", failure={"cause": "timeout", "type": "", "message": "The job's time was over"}),
            "The job's time was over",
        ),
        (job("a", "failed", error="Traceback:\n  x\nValueError: bad"), "ValueError: bad"),
        (job("a", "failed"), ""),
        (job("a", "cancelled", progress={"phase": "answering"}), ""),
    ],
)
def test_a_note_says_what_the_status_does_not(given: JobInfo, note: str) -> None:
    assert job_row(given)["note"] == note


def test_a_failure_comes_with_advice() -> None:
    row = job_row(many_states()[0])
    assert row["note"] == "OutOfMemoryError: CUDA out of memory. Tried to allocate 9.31 GiB."
    assert row["advice"] == "Lower batch_size, or use more GPUs."


def test_a_row_is_the_same_as_long_as_the_job_is() -> None:
    for each in many_states():
        assert job_row(each) == job_row(each)
        json.dumps(job_row(each), allow_nan=False)


def test_only_changed_fields_are_told() -> None:
    before = job("a", "running", progress={"phase": "answering", "samples_done": 10, "samples_total": 100, "rate": 5})
    after = before.model_copy(
        update={"progress": before.progress and before.progress.model_copy(update={"samples_done": 20})}
    )
    assert difference(job_row(before), job_row(after)) == {
        "job_id": "a",
        "fraction": 0.2,
        "samples": "20 / 100",
    }
    assert difference(job_row(before), job_row(before)) == {}
    assert difference(None, job_row(before)) == job_row(before)


def test_a_time_without_a_zone_or_none_at_all_is_no_error() -> None:
    assert job_row(job("a", started_at="2026-11-22T10:00:00.5Z"))["started"] == 1795341600.5
    assert job_row(job("a", started_at="not a time"))["started"] is None
    assert job_row(job("a", "completed", started_at=ago(2)))["ended"] is None


def test_a_device_tells_memory_use_and_holder() -> None:
    row = device_row(Device.model_validate(devices()[0]))
    assert row["memory"] == "62.0 / 85.0 GB"
    assert (row["memory_share"], row["busy_share"]) == (0.73, 0.97)
    assert row["job_id"] == "9b2d51ff-running"
    assert row["held_by"] == ""
    elsewhere = device_row(Device.model_validate(devices()[3] | {"held_by": "used by job ab12cd34"}))
    assert (elsewhere["job_id"], elsewhere["held_by"]) == (None, "used by job ab12cd34")
    warm = device_row(Device.model_validate(devices()[3] | {"model": "qwen2_5_vl"}))
    assert (warm["job_id"], warm["model"]) == (None, "qwen2_5_vl")
    bare = device_row(Device(id="cpu:0", kind="cpu", name="CPU"))
    assert (bare["memory"], bare["memory_share"], bare["busy_share"]) == ("", None, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"score": "0.8733", "stderr": "± 0.0157", "direction": "↑", "filter": "", "samples": "450"}),
        ({"value": None, "stderr": None}, {"score": "none", "stderr": ""}),
        ({"higher_is_better": False, "filter": "flexible"}, {"direction": "↓", "filter": "flexible"}),
        ({"value": 1580.214, "stderr": 12.12, "samples": None}, {"score": "1580.21", "samples": ""}),
    ],
)
def test_scores_in_words(changes: dict[str, Any], expected: dict[str, str]) -> None:
    (row,) = score_rows([Metric.model_validate(metric(**changes))])
    assert {name: dict(row)[name] for name in expected} == expected


@pytest.mark.parametrize("example", SHARED["jobs"], ids=lambda example: example["job"]["job_id"])
def test_a_job_has_the_words_that_the_page_of_jupyterlab_gives_it(example: dict[str, Any]) -> None:
    assert job_row(JobInfo.model_validate(example["job"])) == example["row"]


@pytest.mark.parametrize("example", SHARED["devices"])
def test_a_device_has_the_words_that_the_page_of_jupyterlab_gives_it(example: dict[str, Any]) -> None:
    assert device_row(Device.model_validate(example["device"])) == example["row"]
