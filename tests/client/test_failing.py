"""Failures in a sentence, without a traceback."""

from __future__ import annotations

import pytest

from jupyter_lmms_eval.client import EvalClient, EvalServerError, JobCancelled, JobFailed
from jupyter_lmms_eval.client.failing import sentence

from .speaking_server import SpeakingServer, make_job


def test_a_full_disk_and_lost_results_are_the_servers_sentence(client: EvalClient, server: SpeakingServer) -> None:
    server.disk_is_full = True
    with pytest.raises(EvalServerError) as full:
        client.evaluate("dummy", ["mme"])
    assert full.value.status_code == 507
    assert sentence(full.value) == ("The disk of the jobs is full: make room on the disk of /jobs, then try again")
    server.results_gone.add(server.add(make_job("lost", "completed")))
    with pytest.raises(EvalServerError) as gone:
        client.results("lost")
    assert gone.value.status_code == 410
    assert sentence(gone.value) == "The results of job lost cannot be read (no such file); try it again"


def test_a_job_that_was_told_to_finish_says_where_its_scores_are() -> None:
    progress = {"phase": "done", "samples_done": 1200, "samples_total": 4500}
    early = make_job("early", "cancelled", partial=True, progress=progress).model_dump(mode="json")
    assert sentence(JobCancelled(early)) == (
        "Job early was told to finish early; `jupyter lmms-eval results early` shows the scores of "
        "1,200 of 4,500 samples."
    )
    assert sentence(JobCancelled(early | {"progress": None})) == (
        "Job early was told to finish early; `jupyter lmms-eval results early` shows the scores of "
        "the samples that were answered."
    )
    assert sentence(JobCancelled({"job_id": "gone"})) == "Job gone was cancelled."


def test_a_failure_comes_with_what_to_do() -> None:
    failure = {"cause": "timeout", "type": "", "message": "The job's time was over", "advice": "Try it again."}
    failed = JobFailed({"error": "The job's time was over", "failure": failure})
    assert sentence(failed) == "Job failed: The job's time was over. Try it again."


def test_an_error_of_this_program_keeps_its_traceback() -> None:
    assert sentence(KeyError("x")) is None
