"""The clients' pure decisions, as tables."""

from __future__ import annotations

import io
from typing import Any

import pytest

from jupyter_lmms_eval.client import progress, waiting
from jupyter_lmms_eval.client.address import split_credentials
from jupyter_lmms_eval.client.errors import refusal
from jupyter_lmms_eval.client.progress import Bar, clock, pace, status_line


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (422, {"detail": "No such task."}, "No such task."),
        (
            422,
            {
                "detail": [
                    {"loc": ["body", "tasks"], "msg": "Field required"},
                    {"loc": ["body", "limit", 0], "msg": "no"},
                ]
            },
            "tasks: Field required; limit.0: no",
        ),
        (401, None, "The server wants its token: give `token=`, or set LMMS_EVAL_TOKEN."),
        (404, None, "What answers at this address is not an evaluation server: check the address and its port."),
        (404, {"message": "Not Found", "reason": None}, "What answers at this address is not an evaluation server: "),
        (404, {"detail": "There is no job x."}, "There is no job x."),
        (401, {"detail": "No."}, "No. Give it as `token=` (`--token` in a terminal); "),
        (502, None, "The server answered 502 Bad Gateway."),
        (500, {"detail": None}, "The server answered 500 Internal Server Error."),
        (599, ["odd"], "The server answered 599."),
    ],
)
def test_a_refusal_becomes_a_sentence(status: int, body: object, sentence: str) -> None:
    assert refusal(status, body)[0].startswith(sentence)


def test_field_errors_that_are_not_understood_are_left_out() -> None:
    _, errors = refusal(422, {"detail": "No.", "errors": [{"field": "a", "message": "b"}, {"odd": 1}, 5]})
    assert [error.field for error in errors] == ["a"]


@pytest.mark.parametrize(
    ("given", "url", "token"),
    [
        ("http://localhost:8000/", "http://localhost:8000", None),
        ("localhost:8000", "http://localhost:8000", None),
        ("http://any:a%2Fb@host:1/base/", "http://host:1/base", "a/b"),
        ("https://user@host", "https://host", None),
        ("http://any:t@[::1]:8000", "http://[::1]:8000", "t"),
        ("http://host:1/?x=1#f", "http://host:1", None),
        ("http://host:1/docs?token=a%2Fb", "http://host:1", "a/b"),
        ("http://host:1/base/redoc/?token=t#/jobs/list_jobs", "http://host:1/base", "t"),
        ("host:1/docs", "http://host:1", None),
        ("http://any:mine@host:1/docs?token=other", "http://host:1", "mine"),
        ("http://host:1/mydocs", "http://host:1/mydocs", None),
    ],
)
def test_credentials_leave_the_url(given: str, url: str, token: str | None) -> None:
    assert split_credentials(given) == (url, token)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (0.2, "0:01"), (59.4, "0:59"), (61, "1:01"), (3600, "1:00:00"), (-3, "0:00"), (90061, "25:01:01")],
)
def test_durations(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, ""),
        ({"rate": 12.345, "eta_seconds": 56.0}, "12.3 samples/s, 0:56 left"),
        ({"rate": None, "eta_seconds": 5.0}, "0:05 left"),
        ({"rate": 0.0123}, "0.0123 samples/s"),
        ({"rate": 12345.6}, "12,346 samples/s"),
    ],
)
def test_pace(known: dict[str, Any], text: str) -> None:
    assert pace(known) == text


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ({"job_id": "123456789", "status": "queued"}, "Job 12345678... queued (position: ?)"),
        ({"job_id": "1", "status": "queued", "position_in_queue": 2}, "Job 1... queued (position: 2)"),
        ({"job_id": "1", "status": "running"}, "Job 1... running"),
        ({"job_id": "1", "status": "running", "progress": {"phase": "scoring"}}, "Job 1... running, scoring"),
        (
            {"job_id": "1", "status": "running", "attempt": 2, "progress": {"phase": "answering"}},
            "Job 1... running, attempt 2, answering",
        ),
        (
            {"job_id": "1", "status": "running", "attempt": 1, "finishing": True, "progress": {"phase": "answering"}},
            "Job 1... running, finishing",
        ),
        ({"job_id": "1", "status": "cancelled"}, "Job 1... cancelled"),
        ({"job_id": "1", "status": "cancelled", "partial": True}, "Job 1... cancelled, finished early"),
        ({"job_id": "1", "status": "completed"}, "Job 1... completed!"),
        ({"job_id": "1", "status": "failed"}, "Job 1... failed"),
    ],
)
def test_status_lines(job: dict[str, Any], line: str) -> None:
    assert status_line(job) == line


def test_the_bar_follows_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    bar = Bar()
    bar.show({"job_id": "1", "status": "queued", "position_in_queue": 0})
    running = {"job_id": "1", "status": "running"}
    bar.show(running | {"progress": {"phase": "loading model"}})
    moving = {"phase": "answering", "samples_done": 5, "samples_total": 20, "rate": 2.5, "eta_seconds": 6}
    bar.show(running | {"progress": moving})
    bar.show({"job_id": "1", "status": "completed", "progress": moving | {"samples_done": 20}})
    bar.close()
    shown = stream.getvalue()
    assert "queued (position: 0)" in shown
    assert "running, loading model" in shown
    assert " 25%|" in shown
    assert "| 5/20, 2.5 samples/s, 0:06 left" in shown
    assert "completed!: 100%|" in shown


@pytest.mark.parametrize(
    ("terminal", "verbose", "kind"), [(True, True, "Bar"), (False, True, "Lines"), (True, False, "Silent")]
)
def test_a_bar_is_for_people(terminal: bool, verbose: bool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.delitem(progress.sys.modules, "ipykernel", raising=False)
    shown = progress.display(verbose)
    shown.close()
    assert type(shown).__name__ == kind


def test_a_bar_looks_more_often_than_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now)
    assert waiting.Deadline("1", 5.0, None, refresh=1.0).pause() == 1.0
    assert waiting.Deadline("1", 0.2, None, refresh=1.0).pause() == 0.2
    assert waiting.Deadline("1", 5.0, 0, refresh=None).pause() == 5.0
    limited = waiting.Deadline("1", 5.0, 7.0, refresh=None)
    assert limited.pause() == 5.0
    now = 105.0
    assert limited.pause() == pytest.approx(2.001)
    now = 107.5
    with pytest.raises(TimeoutError):
        limited.pause()
