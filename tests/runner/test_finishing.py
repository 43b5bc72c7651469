"""Stories of evaluations that are told to finish: what is complete is scored, the rest can be asked later."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_lmms_eval.protocol.jobs import FailureCause
from jupyter_lmms_eval.protocol.run import JournalEntry
from jupyter_lmms_eval.runner import journal

from .conftest import Attempt, Runner

pytestmark = pytest.mark.evaluation


def keep_answers(attempt: Attempt, wanted: Callable[[JournalEntry], bool]) -> None:
    """Leave a job as if it had come only so far."""
    kept = [entry for entry in journal.read(attempt.files.journal) if wanted(entry)]
    attempt.files.journal.unlink()
    journal.Journal(attempt.files.journal).append(kept)


def scored(attempt: Attempt) -> dict[str, int | None]:
    return {task: count.effective for task, count in attempt.outcome.n_samples.items()}


def metrics(attempt: Attempt, task: str) -> dict[str, object]:
    return {name: value for name, value in attempt.results["results"][task].items() if "," in name}


def test_what_is_complete_is_scored_and_the_rest_is_asked_later(runner: Runner) -> None:
    """Half a group, no sample of another, a choice without its last option, one of two generations."""
    tasks = ["tiny_numbers", "tiny_choices", "tiny_rounds"]
    first = runner.run(tasks, job="finished")
    assert first.outcome.status == "ok", first.outcome
    complete = first.results["results"]

    def answered(entry: JournalEntry) -> bool:
        doc = int(entry.doc_id)
        return {
            "tiny_ten": doc < 3,
            "tiny_four": False,
            "tiny_choice": doc == 0 and entry.idx < 3,
            "tiny_rounds": doc == 0 or (doc == 1 and entry.repeat == 0),
        }[entry.task]

    keep_answers(first, answered)
    kept = first.files.journal.read_bytes()
    first.files.finish.touch()
    second = runner.run(tasks, job="finished", attempt=2)
    assert second.process.returncode == 0, second.outcome
    assert second.outcome.partial
    assert scored(second) == {"tiny_ten": 3, "tiny_four": 0, "tiny_choice": 0, "tiny_rounds": 1}
    assert {task: len(samples) for task, samples in second.samples.items()} == {"tiny_ten": 3, "tiny_rounds": 1}
    assert second.results["n-samples"]["tiny_ten"] == {"original": 10, "effective": 3}
    assert second.files.journal.read_bytes() == kept, "nothing was asked, and nothing made up"
    assert metrics(second, "tiny_rounds")
    for without in ("tiny_four", "tiny_choice", "tiny_choices"):
        assert metrics(second, without) == {}
    assert metrics(second, "tiny_numbers") == pytest.approx(
        {name: metrics(second, "tiny_ten")[name] for name in metrics(second, "tiny_numbers")}, nan_ok=True
    )

    first.files.finish.unlink()
    third = runner.run(tasks, job="finished", attempt=3)
    assert not third.outcome.partial
    assert third.results["results"] == complete


@pytest.mark.parametrize(("ranks", "documents"), [(1, [0]), (2, [0, 1])], ids=["alone", "two ranks"])
def test_it_ends_after_the_question_it_was_at(runner: Runner, ranks: int, documents: list[int]) -> None:
    attempt = runner.run(["tiny_choice", "tiny_finish"], ranks=ranks)
    assert attempt.process.returncode == 0, attempt.outcome
    assert attempt.outcome.partial
    assert scored(attempt) == {"tiny_finish": len(documents), "tiny_choice": 0}
    assert sorted(sample["doc_id"] for sample in attempt.samples["tiny_finish"]) == documents
    assert sorted(entry.doc_id for entry in journal.read(attempt.files.journal)) == documents
    done = {event.rank: event.done for event in attempt.events if event.event == "progress"}
    assert done == {rank: {"tiny_finish": 1, "tiny_choice": 0} for rank in range(ranks)}


def test_a_rank_without_a_complete_sample_does_not_spoil_those_of_another(runner: Runner) -> None:
    first = runner.run(["tiny_four"], job="one-sided", ranks=2)
    assert first.outcome.status == "ok", first.outcome
    keep_answers(first, lambda entry: entry.doc_id == 2)
    first.files.finish.touch()
    second = runner.run(["tiny_four"], job="one-sided", ranks=2, attempt=2)
    assert second.process.returncode == 0, second.outcome
    assert second.outcome.partial
    assert scored(second) == {"tiny_four": 1}
    assert [sample["doc_id"] for sample in second.samples["tiny_four"]] == [2]


def test_without_a_complete_sample_it_says_so(runner: Runner) -> None:
    (runner.folder / "nothing").mkdir()
    (runner.folder / "nothing" / "finish").touch()
    attempt = runner.run(["tiny_four"], job="nothing")
    assert attempt.process.returncode == 1
    failure = attempt.outcome.failure
    assert failure is not None
    assert (failure.cause, failure.type) == (FailureCause.ERROR, "NothingComplete")
    assert journal.read(attempt.files.journal) == []
