"""The words for a job that the terminal, the live table and the notebook share."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from jupyter_lmms_eval.client import wording
from jupyter_lmms_eval.protocol.jobs import JobStatus, Metric
from jupyter_lmms_eval.protocol.server import Device

from .speaking_server import make_job

NOW = datetime(2026, 11, 22, 10, 5, 3, tzinfo=timezone.utc)
HALF = {"phase": "answering", "samples_done": 1312, "samples_total": 2624, "rate": 12.34, "eta_seconds": 86}


def test_every_status_has_a_symbol_and_its_word() -> None:
    assert [wording.status(each) for each in JobStatus] == [
        "○ queued",
        "● running",
        "✓ completed",
        "✗ failed",
        "⊘ cancelled",
    ]


def test_jobs_are_counted_by_status() -> None:
    assert wording.counts(["completed", *["queued"] * 1200, JobStatus.COMPLETED]) == "1,200 queued, 2 completed"
    assert wording.counts([]) == ""


def test_a_job_is_called_by_its_name_or_else_by_its_model() -> None:
    request = {"model": "m", "tasks": ["t"]}
    assert wording.title(make_job(request=request)) == "m"
    assert wording.title(make_job(request=request | {"name": "step 2000"})) == "step 2000"


@pytest.mark.parametrize(("names", "short"), [([], ""), (["mme"], "mme"), (["mme", "mmmu", "ocr"], "mme +2")])
def test_tasks_in_little_room(names: list[str], short: str) -> None:
    assert wording.tasks(names) == short


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"wait_reason": "no GPU is free", "position_in_queue": 3}, "no GPU is free"),
        ({"position_in_queue": 0}, "next"),
        ({"position_in_queue": 3}, "3 before it"),
        ({}, ""),
        ({"status": "running"}, ""),
        ({"status": "running", "progress": HALF}, ""),
        (
            {"status": "running", "progress": HALF | {"phase": "scoring", "errors_logged": 1200}},
            "scoring, 1,200 errors logged",
        ),
        ({"status": "running", "progress": {"phase": "done"}}, ""),
        ({"status": "completed", "progress": {"phase": "saving", "errors_logged": 1}}, "1 error logged"),
        ({"status": "cancelled", "progress": HALF | {"errors_logged": 1}}, ""),
        ({"status": "running", "progress": HALF, "attempt": 1}, ""),
        ({"status": "running", "progress": HALF, "attempt": 3}, "attempt 3"),
        ({"status": "running", "progress": HALF, "finishing": True}, "finishing"),
        ({"status": "running", "finishing": True}, "finishing"),
        (
            {"status": "running", "progress": HALF | {"phase": "scoring"}, "finishing": True, "attempt": 2},
            "attempt 2, finishing, scoring",
        ),
        ({"wait_reason": "no GPU is free", "finishing": True}, "finishing, no GPU is free"),
        ({"status": "cancelled", "progress": HALF, "partial": True}, "partial: 1,312/2,624"),
        ({"status": "cancelled", "partial": True}, "partial"),
        ({"status": "failed"}, ""),
        (
            {"status": "failed", "failure": {"cause": "timeout", "type": "", "message": "The job's time was over"}},
            "The job's time was over",
        ),
        ({"status": "failed", "error": "Traceback\n  File\nKeyError: 'x'\n"}, "KeyError: 'x'"),
        ({"status": "failed", "failure": {"cause": "crash", "type": "SIGKILL", "message": " "}}, "SIGKILL"),
        (
            {"status": "failed", "error": "e", "failure": {"cause": "error", "type": "E", "message": "Bad.\nMore."}},
            "E: Bad.",
        ),
    ],
)
def test_a_note_says_what_the_status_does_not(changes: dict[str, Any], note: str) -> None:
    assert wording.note(make_job(**changes)) == note


def test_partial_scores_are_marked_with_the_samples_they_rest_on() -> None:
    early = make_job("0123456789", "cancelled", partial=True, progress=HALF)
    assert wording.partial(early) == "partial: 1,312 of 2,624 samples"
    assert wording.partial(make_job(status="cancelled", partial=True)) == "partial"
    assert wording.partial(make_job(status="completed", progress=HALF)) == ""
    assert wording.partial_notes([early, make_job(status="completed")]) == [
        "01234567 is partial: 1,312 of 2,624 samples"
    ]


@pytest.mark.parametrize(
    ("changes", "holder"),
    [
        ({}, "free"),
        ({"job_id": "0123456789"}, "01234567"),
        (
            {"held_by": "used by job ab12cd34 of the server with pid 77"},
            "used by job ab12cd34 of the server with pid 77",
        ),
    ],
)
def test_who_has_a_device(changes: dict[str, Any], holder: str) -> None:
    assert wording.holder(Device(id="cuda:0", kind="cuda", name="H100", **changes)) == holder


def test_how_far_and_how_fast_a_running_job_is() -> None:
    job = make_job(status="running", progress=HALF)
    assert (wording.samples(job), wording.samples(job, " / ")) == ("1,312/2,624", "1,312 / 2,624")
    assert wording.fraction(job) == 0.5
    assert (wording.rate(job), wording.time_left(job)) == ("12.3/s", "1:26")


@pytest.mark.parametrize("status", ["queued", "completed", "failed", "cancelled"])
def test_only_a_running_job_has_a_pace(status: str) -> None:
    job = make_job(status=status, progress=HALF)
    assert wording.samples(job) == ("1,312/2,624" if status == "completed" else "")
    assert (wording.fraction(job), wording.rate(job), wording.time_left(job)) == (None, "", "")


def test_a_job_that_finishes_early_has_no_pace_any_more() -> None:
    job = make_job(status="running", progress=HALF, finishing=True)
    assert (wording.samples(job), wording.fraction(job)) == ("1,312/2,624", 0.5)
    assert (wording.rate(job), wording.time_left(job)) == ("", "")


@pytest.mark.parametrize("progress", [None, {"phase": "loading model"}, {"phase": "answering", "samples_total": 0}])
def test_what_is_not_known_is_not_said(progress: dict[str, Any] | None) -> None:
    job = make_job(status="running", progress=progress)
    assert (wording.samples(job), wording.fraction(job), wording.rate(job), wording.time_left(job)) == (
        "",
        None,
        "",
        "",
    )


@pytest.mark.parametrize(
    ("value", "stderr", "digits", "parts"),
    [
        (0.87333, 0.01571, 3, ("0.873", "0.016")),
        (0.87333, None, 4, ("0.8733", "")),
        (87.333, 1.571, 3, ("87.33", "1.57")),
        (1512.333, 12.1, 3, ("1512.3", "12.1")),
        (-0.5, 0.1, 3, ("-0.500", "0.100")),
        (None, 0.1, 3, ("", "")),
        (0.0, 0.0, 3, ("0.000", "0.000")),
    ],
)
def test_scores(value: float | None, stderr: float | None, digits: int, parts: tuple[str, str]) -> None:
    assert wording.score_parts(value, stderr, digits) == parts


def test_one_score_stands_for_a_job() -> None:
    submission = Metric(task="t", metric="submission", value=None, stderr=None)
    accuracy = Metric(task="t", metric="acc", value=0.87333, stderr=0.01571)
    assert wording.score([submission, accuracy]) == "0.873 ± 0.016"
    assert wording.score([accuracy.model_copy(update={"stderr": None})], 4) == "0.8733"
    assert wording.score([submission]) == wording.score([]) == ""


def test_no_filter_has_no_name() -> None:
    assert (wording.filter_name("none"), wording.filter_name("strict")) == ("", "strict")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        ([], ""),
        (["cpu:0"], "cpu:0"),
        (["cuda:0", "cuda:1", "cuda:7"], "cuda:0,1,7"),
        (["cuda:0", "cpu:1"], "cuda:0 cpu:1"),
    ],
)
def test_devices_in_little_room(names: list[str], short: str) -> None:
    assert wording.devices(names) == short


@pytest.mark.parametrize(
    ("used", "total", "expected"),
    [(62 * 10**9, 85 * 10**9, "62.0 / 85.0"), (None, 85 * 10**9, "? / 85.0"), (None, None, "")],
)
def test_memory(used: int | None, total: int | None, expected: str) -> None:
    assert wording.memory(used, total) == expected


@pytest.mark.parametrize(
    ("started", "completed", "status", "expected"),
    [
        (None, None, "queued", ""),
        ("2026-11-22T10:05:00+00:00", None, "running", "0:03"),
        ("2026-11-22T11:05:00+01:00", None, "running", "0:03"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:10Z", "completed", "0:10"),
        ("2026-11-22T10:00:00Z", None, "failed", ""),
        ("yesterday", None, "running", ""),
    ],
)
def test_durations(started: str | None, completed: str | None, status: str, expected: str) -> None:
    assert wording.duration(make_job(status=status, started_at=started, completed_at=completed), NOW) == expected
