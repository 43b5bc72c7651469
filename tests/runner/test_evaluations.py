"""Stories of whole evaluations, from the spec to the outcome, in real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.protocol.jobs import FailureCause
from jupyter_lmms_eval.runner import journal

from .conftest import SECRET, Attempt, Runner, group_of, wait_until

pytestmark = pytest.mark.evaluation


@pytest.fixture(scope="module")
def success(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    """Two tasks of different size, half of each, with a copy of the results, started in an unlucky folder."""
    copies = tmp_path_factory.mktemp("copies")
    notebooks = tmp_path_factory.mktemp("notebooks")
    for module in ("evaluate", "torch", "utils"):
        (notebooks / f"{module}.py").write_text("raise RuntimeError('the notebook folder was imported')")
    return runner.run(
        ["tiny_tag"],
        limit=0.5,
        output_dir=str(copies),
        model_args={
            "response": "1",
            "model": "a,b/c=d",
            "number": "0123",
            "api_key": "sesame-open-123",
            "nothing": None,
        },
        seed="7",
        gen_kwargs={"until": ["a,b"], "max_new_tokens": 3},
        environment={"RANK": "3", "WORLD_SIZE": "8", "MASTER_PORT": "1"},
        cwd=notebooks,
    )


def test_a_job_succeeds(success: Attempt) -> None:
    assert success.process.returncode == 0
    outcome = success.outcome
    assert outcome.status == "ok"
    assert outcome.failure is None
    assert success.results["results"]["tiny_ten"]["exact_match,none"] == pytest.approx(0.2)
    assert outcome.versions["adapter"] == "simple"
    assert outcome.versions["lmms_eval"].startswith("0.7")
    assert outcome.versions["tasks"] == {"tiny_ten": 1.0, "tiny_four": 1.0}


def test_a_fraction_is_of_each_task(success: Attempt) -> None:
    assert {task: count.effective for task, count in success.outcome.n_samples.items()} == {
        "tiny_ten": 5,
        "tiny_four": 2,
    }
    assert {task: len(samples) for task, samples in success.samples.items()} == {"tiny_ten": 5, "tiny_four": 2}
    assert success.results["n-samples"]["tiny_four"]["effective"] == 2


def test_results_are_copied_under_the_models_name(success: Attempt) -> None:
    results = Path(success.outcome.results_path or "")
    assert results.parent.name == "a,b__c=d"
    assert "copies" in str(results)
    private = success.files.output(1) / results.parent.name / results.name
    assert private.read_bytes() == results.read_bytes()


def test_phases_and_progress_are_told(success: Attempt) -> None:
    phases = [event.phase for event in success.events if event.event == "phase"]
    assert phases == ["starting", "loading model", "loading data", "answering", "scoring", "saving", "done"]
    assert set(success.outcome.timings) == {*phases[:-1], "total"}
    plans = {event.task: event.total for event in success.events if event.event == "plan"}
    assert plans == {"tiny_ten": 5, "tiny_four": 2}
    last = [event for event in success.events if event.event == "progress"][-1]
    assert last.done == {"tiny_ten": 5, "tiny_four": 2}


def test_every_answer_is_journaled(success: Attempt) -> None:
    entries = journal.read(success.files.journal)
    assert len(entries) == 7
    assert {entry.answer for entry in entries} == {"1"}
    assert len({entry.key for entry in entries}) == 7


def test_the_log_is_readable(success: Attempt) -> None:
    assert "tiny_ten" in success.log
    assert "\x1b" not in success.log
    assert "\r" not in success.log
    for secret in (SECRET, "sesame-open-123"):
        assert secret not in success.log
        assert secret not in Path(success.outcome.results_path or "").read_text()


def test_typed_arguments_arrive(success: Attempt) -> None:
    config = success.results["configs"]["tiny_ten"]["generation_kwargs"]
    assert config["until"] == ["a,b"]
    assert success.results["config"]["random_seed"] == 7


def test_every_kind_of_request_is_answered(runner: Runner) -> None:
    """Also choices (as plain pairs, which lmms-eval garbles), repetitions and conversations."""
    attempt = runner.run(
        ["tiny_choice", "tiny_rounds", "tiny_complains", "tiny_agent"], model_args="response=7,pretrained=x/y"
    )
    assert attempt.outcome.failure is None
    assert len(attempt.samples["tiny_choice"]) == 4
    assert Path(attempt.outcome.results_path or "").parent.name == "x__y"
    assert [event.done for event in attempt.events if event.event == "progress"][-1] == {
        "tiny_choice": 4,
        "tiny_rounds": 4,
        "tiny_complains": 4,
        "tiny_agent": 4,
    }
    assert len(journal.read(attempt.files.journal)) == 4 * 4 + 4 * 2 + 4 + 4
    assert attempt.outcome.errors_logged == 4
    notices = [event.message or "" for event in attempt.events if event.event == "notice"]
    assert len(notices) == 1
    assert notices[0].startswith("4 errors were only written to the log")


def test_a_task_that_is_written_out_inside_its_group(runner: Runner) -> None:
    """lmms-eval forgets its name, and ends with a TypeError."""
    attempt = runner.run(["tiny_written_out"], limit=2)
    assert attempt.outcome.failure is None
    assert {task: len(samples) for task, samples in attempt.samples.items()} == {"tiny_ten": 2, "tiny_own": 2}
    assert {entry.task for entry in journal.read(attempt.files.journal)} == {"tiny_ten", "tiny_own"}


def test_a_second_attempt_asks_for_nothing_that_is_answered(runner: Runner) -> None:
    first = runner.run(["tiny_choice", "tiny_ten"], job="resumed")
    expected = first.samples
    lines = first.files.journal.read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace('"answer": "7"', '"answer": "0"').replace("[0.0, false]", "[-5.0, true]")
    kept = lines[:-2]
    first.files.journal.write_text("".join(kept) + lines[-2][:20])
    second = runner.run(["tiny_choice", "tiny_ten"], job="resumed", attempt=2)
    entries = journal.read(second.files.journal)
    assert [entry.attempt for entry in entries] == [1] * len(kept) + [2, 2]
    samples = second.samples
    assert [len(samples[task]) for task in samples] == [len(expected[task]) for task in expected]
    changed = [task for task in samples if samples[task] != expected[task]]
    assert len(changed) == 1, "the altered answer came from the journal, all others are equal"


@pytest.mark.parametrize(
    ("request_", "cause", "type_", "message"),
    [
        ({"tasks": ["tiny_fails"]}, FailureCause.ERROR, "NameError", "no such metric here"),
        ({"tasks": ["tiny_engine_dies"]}, FailureCause.OUT_OF_MEMORY, "RuntimeError", "CUDA out of memory"),
        ({"tasks": ["tiny_leaves"]}, FailureCause.CRASH, "SystemExit", r"sys.exit(3)"),
        ({"tasks": ["tiny_dies"]}, FailureCause.CRASH, "SIGKILL", "SIGKILL"),
        ({"tasks": ["tiny_ten", "tiny_x*"]}, FailureCause.BAD_INPUT, "ValueError", "tiny_x*"),
        (
            {"tasks": ["tiny_four"], "model": "qwen2_vl", "model_args": {"nonsense": 1}},
            FailureCause.BAD_INPUT,
            "AssertionError",
            "nonsense",
        ),
    ],
    ids=["scoring", "engine", "exit", "kill", "task", "argument"],
)
def test_a_failure_says_what_really_happened(
    runner: Runner, request_: dict[str, Any], cause: FailureCause, type_: str, message: str
) -> None:
    attempt = runner.run(**request_)
    assert attempt.process.returncode == 1
    failure = attempt.outcome.failure
    assert failure is not None
    assert (failure.cause, failure.type) == (cause, type_), failure
    assert message in failure.message
    assert failure.advice


def test_nothing_outlives_the_server(runner: Runner) -> None:
    reader, writer = os.pipe()
    attempt = runner.start(["tiny_waits"], parent_fd=reader)
    os.close(reader)
    assert wait_until(lambda: "token is" in attempt.log, 60)
    assert SECRET not in attempt.log
    assert "[redacted]" in attempt.log
    assert "\x1b" not in attempt.log
    assert len(group_of(attempt.process.pid)) >= 2
    os.close(writer)
    assert attempt.wait(30) == 143
    assert wait_until(lambda: not group_of(attempt.process.pid), 30)
    assert not attempt.files.outcome(1).exists(), "an interrupted attempt says nothing about the job"


def test_two_ranks_share_the_samples(runner: Runner) -> None:
    attempt = runner.run(["tiny_ten"], ranks=2)
    assert attempt.process.returncode == 0, attempt.outcome
    assert len(attempt.samples["tiny_ten"]) == 10
    assert {event.rank: event.total for event in attempt.events if event.event == "plan"} == {0: 5, 1: 5}
    assert len(journal.read(attempt.files.journal)) == 10


def test_the_failure_of_any_rank_is_the_jobs(runner: Runner) -> None:
    attempt = runner.start(["tiny_rank_1_fails"], ranks=2)
    assert attempt.wait(60) == 1
    failure = attempt.outcome.failure
    assert failure is not None
    assert (failure.type, failure.message) == ("NameError", "only here")
    assert not group_of(attempt.process.pid)


def test_a_rank_that_somebody_ends_is_a_failure(runner: Runner) -> None:
    attempt = runner.start(["tiny_waits"])
    assert wait_until(lambda: "token is" in attempt.log, 60)
    attempt.ranks[0].terminate()
    assert attempt.wait(30) == 1
    failure = attempt.outcome.failure
    assert failure is not None
    assert (failure.cause, failure.type) == (FailureCause.CRASH, "SIGTERM")


def test_a_terminated_job_ends_quickly(runner: Runner) -> None:
    attempt = runner.start(["tiny_ten"])
    assert wait_until(attempt.files.events.exists, 30)
    os.killpg(attempt.process.pid, signal.SIGTERM)
    assert attempt.wait(30) == 143
    assert not group_of(attempt.process.pid)
