"""Progress out of the events of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_lmms_eval.engine.following import EventReader, ProgressBook
from jupyter_lmms_eval.protocol.run import RunEvent


def book_of(*events: dict[str, object]) -> ProgressBook:
    book = ProgressBook(attempt=1)
    for event in events:
        book.add(RunEvent.model_validate({"time": 0.0, "attempt": 1, **event}))
    return book


def test_progress_adds_up_tasks_and_ranks() -> None:
    progress = book_of(
        {"event": "plan", "task": "a", "total": 10, "rank": 0},
        {"event": "plan", "task": "a", "total": 9, "rank": 1},
        {"event": "plan", "task": "b", "total": 4, "rank": 0},
        {"event": "phase", "phase": "answering", "time": 100.0},
        {"event": "progress", "done": {"a": 6, "b": 1}, "rank": 0, "time": 102.0},
        {"event": "progress", "done": {"a": 3}, "rank": 1, "time": 105.0},
    ).progress()
    assert (progress.samples_done, progress.samples_total) == (10, 23)
    assert progress.tasks["a"].model_dump() == {"done": 9, "total": 19}
    assert progress.rate == pytest.approx(2.0)
    assert progress.eta_seconds == pytest.approx(6.5)
    assert progress.phase == "answering"


def test_nothing_is_guessed_before_anything_is_known() -> None:
    progress = book_of({"event": "phase", "phase": "loading model"}).progress()
    assert (progress.samples_total, progress.rate, progress.eta_seconds) == (None, None, None)


def test_the_rate_is_that_of_the_last_moments() -> None:
    slow_then_fast = [{"event": "progress", "done": {"a": i}, "time": float(i)} for i in range(100)]
    slow_then_fast += [{"event": "progress", "done": {"a": 100 + 10 * i}, "time": 100.0 + i} for i in range(60)]
    assert book_of(*slow_then_fast).progress().rate == pytest.approx(10, rel=0.05)


def test_events_of_an_earlier_attempt_do_not_count() -> None:
    assert book_of({"event": "progress", "done": {"a": 5}, "attempt": 0}).progress().samples_done == 0


def test_notices_and_logged_errors_are_kept() -> None:
    book = book_of(
        {"event": "notice", "message": "2 answers failed"},
        {"event": "notice", "message": "2 answers failed"},
        {"event": "progress", "done": {}, "errors": 2},
    )
    assert book.notices == ["2 answers failed"]
    assert book.progress().errors_logged == 2


def test_the_reader_takes_whole_lines_only_and_skips_torn_ones(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    line = RunEvent(event="phase", time=1.0, phase="scoring").model_dump_json().encode()
    path.write_bytes(line + b"\n" + line[:10])
    assert [event.phase for event in reader.read()] == ["scoring"]
    with path.open("ab") as file:
        file.write(line[10:] + b"\n" + b'{"torn\n' + line + b"\n")
    assert [event.phase for event in reader.read()] == ["scoring", "scoring"]
    assert reader.read() == []
