"""What people see, as text."""

# ruff: noqa: E501  (tables are as wide as they are)

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from jupyter_lmms_eval.cli import cells
from jupyter_lmms_eval.cli.details import job_details, server_details
from jupyter_lmms_eval.cli.fitting import fit
from jupyter_lmms_eval.cli.tables import devices_table, live_table, results_table
from tests.cli.examples import (
    CANCELLED,
    COMPLETED,
    DEVICES,
    EVERY_STATE,
    FAILED,
    FINISHING,
    HELD_ELSEWHERE,
    HUNG,
    LOADING,
    NOW,
    PARTIAL,
    QUEUED,
    RUNNING,
    metric,
)
from tests.client.speaking_server import make_job


def shown(what: RenderableType, width: int = 120) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def text(block: str) -> str:
    return dedent(block).strip("\n")


def test_the_table_of_jobs() -> None:
    assert shown(live_table(EVERY_STATE, DEVICES, now=NOW)) == text(
        """
        1 queued, 2 running, 1 completed, 1 failed, 1 cancelled

        Job       Model            Tasks           Status       Progress                                  Score   Time  Device
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        0e1c62aa  qwen2_5_vl       mmmu_val +1     ○ queued     needs 4 GPUs, 2 of 4 are free
        9b2d51ff  step 2000        mme             ● running    ━━━─── 1,312/2,374 12.3/s 1:26                    4:03  cuda:0,1
                                                                left
        8b2d51ff  llava_onevision  ocrbench        ● running    loading model                                     0:12  cuda:2
        6b2d51ff  internvl2        digits_read +1  ✓ completed  900/900, 3 errors logged          0.873 ± 0.016  10:00  cuda:3
        5b2d51ff  internvl2        digits_read     ✗ failed     OutOfMemoryError: CUDA out of                     0:09
                                                                memory.
        4b2d51ff  dummy            digits_read     ⊘ cancelled

        Device  Name                   Memory (GB)  Busy  Job
        ──────────────────────────────────────────────────────────
        cuda:0  NVIDIA H100 80GB HBM3  62.0 / 85.0   97%  9b2d51ff
        cpu:0   CPU                                       free
        """
    )


def test_a_narrow_terminal_gets_fewer_columns_and_every_one_whole() -> None:
    assert shown(live_table(EVERY_STATE, now=NOW), width=80) == text(
        """
        1 queued, 2 running, 1 completed, 1 failed, 1 cancelled

        Job       Model      Tasks      Status       Progress                      Score
        ────────────────────────────────────────────────────────────────────────────────
        0e1c62aa  qwen2_5_…  mmmu_val…  ○ queued     needs 4 GPUs, 2 of 4
                                                     are free
        9b2d51ff  step 2000  mme        ● running    ━━━─── 1,312/2,374
                                                     12.3/s 1:26 left
        8b2d51ff  llava_on…  ocrbench   ● running    loading model
        6b2d51ff  internvl2  digits_r…  ✓ completed  900/900, 3 errors     0.873 ± 0.016
                                                     logged
        5b2d51ff  internvl2  digits_r…  ✗ failed     OutOfMemoryError:
                                                     CUDA out of memory.
        4b2d51ff  dummy      digits_r…  ⊘ cancelled
        """
    )


@pytest.mark.parametrize("width", range(60, 201, 7))
def test_nothing_sticks_out_at_any_width(width: int) -> None:
    lines = shown(live_table(EVERY_STATE, DEVICES, now=NOW, silence=3), width).splitlines()
    assert max(map(len, lines)) <= width
    assert ("0.873 ± 0.016" in "".join(lines)) == (width >= 71)
    for job in EVERY_STATE:
        assert any(line.startswith(job.job_id[:8]) and job.status.value in line for line in lines)


def test_scores_fit_an_ordinary_terminal() -> None:
    name = "Tiny Qwen2.5-VL (1 million parameters)"
    metrics = [metric(task="numbers_read", metric="char_accuracy"), metric(task="numbers_read")]
    job = make_job("1", "completed", request={"model": "m", "tasks": ["numbers_read"], "name": name}, metrics=metrics)
    assert shown(results_table([job]), width=80) == text(
        """
        Job  Model           Task          Metric             Score  Std. error  Samples
        ────────────────────────────────────────────────────────────────────────────────
        1    Tiny Qwen2.5-…  numbers_read  char_accuracy  ↑  0.8733    ± 0.0157      450
                             numbers_read  exact_match    ↑  0.8733    ± 0.0157      450
        """
    )


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 60), min_size=1),
    st.integers(1, 250),
    st.data(),
)
def test_a_table_never_exceeds_its_width_if_that_can_be(
    natural: dict[str, int], width: int, data: st.DataObject
) -> None:
    some = st.lists(st.sampled_from(sorted(natural)), unique=True)
    names, sentences, expendable = data.draw(some), data.draw(some), data.draw(some)
    widths = fit(natural, width, names, sentences, expendable)
    total = sum(widths.values()) + 2 * (len(widths) - 1)
    assert list(widths) == [title for title in natural if title in widths], "in the given order"
    assert set(natural) - set(widths) <= set(expendable)
    assert all(chosen == natural[title] for title, chosen in widths.items() if title not in {*names, *sentences})
    assert all(0 < chosen <= natural[title] for title, chosen in widths.items())
    if total < width:
        assert widths == {title: natural[title] for title in widths}, "no room is left unused"
    if total > width:
        assert not set(widths) & set(expendable), "nothing more could be left out"


def test_the_servers_json_is_shown_like_the_models() -> None:
    as_json = [job.model_dump(mode="json") for job in EVERY_STATE]
    assert shown(live_table(as_json, now=NOW)) == shown(live_table(EVERY_STATE, now=NOW))
    assert shown(results_table(as_json)) == shown(results_table(EVERY_STATE))


def test_no_jobs_and_a_silent_server() -> None:
    assert shown(live_table([])) == "No jobs yet."
    assert shown(live_table([], silence=12.3)) == text(
        """
        No jobs yet.
        The server has not answered for 0:12; this is what it said last.
        """
    )


def test_the_table_of_scores() -> None:
    assert shown(results_table([COMPLETED, FAILED])) == text(
        """
        Job       Model      Task         Metric            Score  Std. error  Samples
        ──────────────────────────────────────────────────────────────────────────────
        6b2d51ff  internvl2  digits_read  exact_match  ↑   0.8733    ± 0.0157      450
                             digits_mc    acc          ↑   0.5000                  450
                             mme          mme_score       1512.33     ± 12.10
                             sub          submission   ↓     none                  450
        5b2d51ff  internvl2  ✗ failed
        """
    )


def test_filters_are_shown_where_there_are_any() -> None:
    job = make_job("1", "completed", metrics=[metric(filter="strict"), metric(filter="flexible", group=True)])
    assert shown(results_table([job])) == text(
        """
        Job  Model  Task         Metric       Filter        Score  Std. error  Samples
        ──────────────────────────────────────────────────────────────────────────────
        1    dummy  digits_read  exact_match  strict    ↑  0.8733    ± 0.0157      450
                    digits_read  exact_match  flexible  ↑  0.8733    ± 0.0157      450
        """
    )


def test_the_table_of_devices() -> None:
    assert shown(devices_table(DEVICES)) == text(
        """
        Device  Name                   Memory (GB)  Busy  Job
        ──────────────────────────────────────────────────────────
        cuda:0  NVIDIA H100 80GB HBM3  62.0 / 85.0   97%  9b2d51ff
        cpu:0   CPU                                       free
        """
    )


def test_a_device_that_another_server_uses_says_so() -> None:
    assert shown(devices_table([*DEVICES, HELD_ELSEWHERE]), width=80) == text(
        """
        Device  Name                  Memory (GB)  Busy  Job
        ────────────────────────────────────────────────────────────────────────────────
        cuda:0  NVIDIA H100 80GB HB…  62.0 / 85.0   97%  9b2d51ff
        cpu:0   CPU                                      free
        cuda:1  NVIDIA H100 80GB HB…                     used by job ab12cd34 of the
                                                         server with pid 77
        """
    )


def test_jobs_that_finish_early_and_a_failure_without_an_exception() -> None:
    assert shown(live_table([FINISHING, PARTIAL, HUNG], now=NOW)) == text(
        """
        1 running, 1 failed, 1 cancelled

        Job       Model      Tasks        Status       Progress                                              Score  Time  Device
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        3b2d51ff  internvl2  digits_read  ● running    ━───── 120/450, attempt 2, finishing,                        4:03  cuda:1
                                                       scoring
        2b2d51ff  internvl2  digits_read  ⊘ cancelled  partial: 120/450                              0.873 ± 0.016  1:00  cuda:1
        1b2d51ff  internvl2  digits_read  ✗ failed     No chunk of samples was finished for 1,800 s
        """
    )


def test_partial_scores_are_marked_below_the_table() -> None:
    assert shown(results_table([PARTIAL])) == text(
        """
        Job       Model      Task         Metric           Score  Std. error  Samples
        ─────────────────────────────────────────────────────────────────────────────
        2b2d51ff  internvl2  digits_read  exact_match  ↑  0.8733    ± 0.0157      120
        2b2d51ff is partial: 120 of 450 samples
        """
    )


def test_all_about_a_job_lists_its_attempts() -> None:
    lines = shown(job_details(FINISHING, NOW))
    assert "Progress  120/450, attempt 2, finishing, scoring" in lines
    assert lines.endswith(
        text(
            """
            Attempts  Attempt 1 on cuda:0 failed after 0:40, 64 samples answered (out of memory): CUDA out of memory. Tried to
                      allocate 9.31 GiB.
                      Attempt 2 on cuda:1 with batch size 4 runs
            """
        )
    )


def test_all_about_a_failure_without_an_exception() -> None:
    assert "Error    No chunk of samples was finished for 1,800 s\n" in shown(job_details(HUNG, NOW))


def test_all_about_a_failed_job() -> None:
    lines = shown(job_details(FAILED, NOW))
    assert lines.startswith(
        text(
            """
            Job      5b2d51ff-2
            Status   ✗ failed
            Error    OutOfMemoryError: CUDA out of memory.
                     More of it.
            Advice   Lower --batch_size.
            Request  model = internvl2
                     tasks = ["digits_read"]
            """
        )
    )
    assert "Time     0:09" in lines


def test_all_about_a_completed_job_ends_with_its_scores() -> None:
    lines = shown(job_details(COMPLETED, NOW))
    assert "Progress  900/900, 3 errors logged" in lines
    assert lines.endswith(shown(results_table([COMPLETED])))


def test_all_about_a_server() -> None:
    health = {"status": "healthy", "version": "0.1.0", "pid": 123}
    queue = {"queue_size": 2, "running_job": "abc", "queued_jobs": [], "completed_jobs": 4, "failed_jobs": 0}
    assert shown(server_details("http://127.0.0.1:8800", health, queue)) == text(
        """
        Server     http://127.0.0.1:8800
        Status     healthy
        Version    0.1.0
        Process    123
        Running    abc
        Queued     2
        Completed  4
        Failed     0
        """
    )


def test_what_a_person_should_know_of_a_server_is_a_warning() -> None:
    health = {"status": "healthy", "notices": ["The database was damaged; it was made anew.", "The disk is full."]}
    assert shown(server_details("http://127.0.0.1:8800", health, {})).endswith(
        text(
            """
            Status    healthy
            Warnings  The database was damaged; it was made anew.
                      The disk is full.
            """
        )
    )


def test_markup_in_names_is_text() -> None:
    job = make_job("1", "failed", error="[red]no[/]", request={"model": "[bold]m", "tasks": ["[/]"]})
    assert "[bold]m" in shown(live_table([job], now=NOW))
    assert "[red]no[/]" in shown(live_table([job], now=NOW))
    assert "[red]no[/]" in shown(job_details(job, NOW))


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"position_in_queue": 0}, "next"),
        ({"position_in_queue": 3}, "3 before it"),
        ({"position_in_queue": 3, "wait_reason": "no GPU is free"}, "no GPU is free"),
        ({}, ""),
        ({"status": "running"}, ""),
        ({"status": "running", "progress": {"phase": "starting"}}, "starting"),
        (
            {"status": "running", "progress": {"phase": "scoring", "samples_done": 9, "samples_total": 9}},
            "9/9, scoring",
        ),
        ({"status": "running", "progress": {"phase": "answering", "errors_logged": 1}}, "1 error logged"),
        ({"status": "failed", "error": "Traceback\n  File\nKeyError: 'x'\n"}, "KeyError: 'x'"),
        ({"status": "failed"}, ""),
        ({"status": "failed", "error": "word " * 100}, "word " * 23 + "…"),
        ({"status": "failed", "failure": {"cause": "crash", "type": "SIGKILL", "message": " "}}, "SIGKILL"),
        ({"status": "cancelled", "progress": {"phase": "answering", "samples_total": 9}}, ""),
        ({"status": "completed", "progress": {"phase": "done"}}, ""),
    ],
)
def test_notes(changes: dict[str, Any], note: str) -> None:
    assert cells.job_row(make_job(**changes), NOW).note == note


def test_a_row_of_each_state() -> None:
    rows = {job.status: cells.job_row(job, NOW) for job in (QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED)}
    assert [row.status for row in rows.values()] == [
        "○ queued",
        "● running",
        "✓ completed",
        "✗ failed",
        "⊘ cancelled",
    ]
    assert rows[RUNNING.status].fraction == pytest.approx(0.5526, abs=1e-4)
    assert cells.job_row(LOADING, NOW).fraction is None
    assert (rows[RUNNING.status].title, rows[QUEUED.status].tasks) == ("step 2000", "mmmu_val +1")
