"""The magic's subcommands against a real HTTP server, without a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_lmms_eval.client import EvalClient, JobCancelled
from jupyter_lmms_eval.notebook import commands
from jupyter_lmms_eval.notebook.failing import one_line
from jupyter_lmms_eval.notebook.job import JobHandle
from jupyter_lmms_eval.notebook.session import session
from tests.cli.examples import CANCELLED, COMPLETED, FINISHING, HUNG, PARTIAL, RUNNING
from tests.client.speaking_server import SpeakingServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SpeakingServer]:
    """The server that the notebook talks to."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with SpeakingServer() as running, EvalClient(running.url, token=running.token) as client:
        monkeypatch.setattr(session, "_chosen", client)
        yield running


def typed(line: str) -> Any:
    """Run what stands after the magic's name."""
    with one_line():
        return commands.run(None, line.split())


def handle(server: SpeakingServer, job_id: str) -> JobHandle:
    return JobHandle(session.client(), job_id)


def test_cancel_finish_lets_the_job_score_what_it_has(server: SpeakingServer) -> None:
    server.add(RUNNING)
    shown = typed("cancel 9b2d --finish")
    assert server.cancellations == ["mode=finish"]
    assert "finishing" in repr(shown)
    assert repr(shown).endswith("\nJob 9b2d51ff-2 answers no more; what is complete is scored.")
    assert "what is complete is scored." in shown._repr_html_()


def test_a_handle_can_be_told_to_finish(server: SpeakingServer) -> None:
    server.add(RUNNING)
    job = handle(server, RUNNING.job_id)
    assert job.cancel(finish=True) is job
    assert job.info.finishing
    job.cancel()
    assert server.cancellations == ["mode=finish", ""]


def test_cancelling_again_tells_what_the_server_says(server: SpeakingServer) -> None:
    server.add(RUNNING)
    server.add(CANCELLED)
    shown = repr(typed("cancel 9b2d 4b2d"))
    assert shown.endswith("\nJob 9b2d51ff-2 is cancelled. Job 4b2d51ff-2 was cancelled before.")
    assert shown.count("⊘ cancelled") == 2


def test_partial_results_are_marked_and_do_not_look_like_success(server: SpeakingServer) -> None:
    server.add(PARTIAL)
    server.add(COMPLETED)
    scores = typed("results 2b2d 6b2d")
    assert repr(scores).endswith("\n2b2d51ff is partial: 120 of 450 samples")
    assert "2b2d51ff is partial: 120 of 450 samples" in scores._repr_html_()
    assert [row["partial"] for row in scores.rows] == [True, False, False, False, False]
    job = handle(server, PARTIAL.job_id)
    assert job.results["digits_read"] == 0.8733
    assert (
        repr(job) == "Job 2b2d51ff cancelled: internvl2 on digits_read; exact_match 0.8733 ± 0.0157, partial: 120/450"
    )
    assert ">partial: 120/450<" in job._repr_html_()
    with pytest.raises(JobCancelled, match="the scores of 120 of 450 samples are in results"):
        job.wait(verbose=False)
    with (
        pytest.raises(UsageError, match=r"`%lmms_eval_server results 2b2d51ff-2` shows the scores of 120 of 450"),
        one_line(),
    ):
        job.wait(verbose=False)


def test_a_job_lists_its_attempts(server: SpeakingServer) -> None:
    server.add(FINISHING)
    shown = typed("status 3b2d")
    first, *told = repr(shown).splitlines()
    assert first == "Job 3b2d51ff running: internvl2 on digits_read; 120/450 samples, attempt 2, finishing, scoring"
    assert told[0].startswith("Attempt 1 on cuda:0 failed after 0:40, 64 samples answered (out of memory): CUDA out")
    assert told[1:] == ["Attempt 2 on cuda:1 with batch size 4 runs"]
    assert f"{told[0]}<br>{told[1]}" in shown._repr_html_()


def test_a_failure_without_an_exception_is_told_in_its_words(server: SpeakingServer) -> None:
    server.add(HUNG)
    assert repr(typed("status 1b2d")).endswith("; No chunk of samples was finished for 1,800 s")


def test_a_time_limit_is_submitted(server: SpeakingServer) -> None:
    typed("submit --model dummy --tasks mme --timeout 3600")
    assert server.bodies[-1]["timeout"] == 3600


def test_a_full_disk_and_lost_results_are_one_line(server: SpeakingServer) -> None:
    server.disk_is_full = True
    with pytest.raises(UsageError, match=r"^The disk of the jobs is full: make room on the disk of /jobs"):
        typed("submit --model dummy --tasks mme")
    server.results_gone.add(server.add(COMPLETED))
    with pytest.raises(UsageError, match=r"^The results of job 6b2d51ff-2 cannot be read"):
        typed("results 6b2d")


def test_what_a_person_should_know_of_the_server_is_a_warning(server: SpeakingServer) -> None:
    server.notices = ["The database was <damaged>; it was made anew.", "The disk is full."]
    shown = typed("status")
    assert repr(shown).splitlines()[-2:] == [
        "Warning: The database was <damaged>; it was made anew.",
        "Warning: The disk is full.",
    ]
    html = shown._repr_html_()
    assert "The database was &lt;damaged&gt;; it was made anew.<br>The disk is full." in html
    assert html.count("Warning") == 1
    server.notices = []
    assert "Warning" not in repr(shown) + shown._repr_html_()


def test_devices_say_who_else_uses_them(server: SpeakingServer) -> None:
    server.held_by = "used by job ab12cd34 of the server with pid 77"
    assert "used by job ab12cd34 of the server with pid 77" in repr(typed("devices"))
    assert "(used by job ab12cd34 of the server with pid 77)" in typed("status")._repr_html_()
