"""What happens when the disk is full: no answer is lost that was given, and it is said what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.protocol.jobs import FailureCause
from jupyter_lmms_eval.protocol.run import EXIT_DISK_FULL, JournalEntry, RunEvent
from jupyter_lmms_eval.runner import journal
from jupyter_lmms_eval.runner.events import EventLog
from jupyter_lmms_eval.runner.failure import classify
from jupyter_lmms_eval.runner.joblog import JobLog
from jupyter_lmms_eval.runner.records import write_atomically
from jupyter_lmms_eval.runner.saving import SavingFailed, save

from .conftest import Runner, SmallDisk


def entry(number: int, length: int) -> JournalEntry:
    return JournalEntry(key=f"key-{number}", task="t", doc_id=number, idx=0, attempt=1, answer="x" * length)


def test_answers_that_do_not_fit_are_a_failure_and_later_ones_are_whole(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "journal.jsonl"
    here, other_rank = journal.Journal(path), journal.Journal(path)
    here.append([entry(0, 10)])
    small_disk.fill()
    with pytest.raises(OSError, match="No space left"):
        here.append([entry(1, 100), entry(2, 100_000)])
    assert not path.read_bytes().endswith(b"\n"), "the disk took only a part of the line"
    small_disk.make_room()
    other_rank.append([entry(3, 10)])
    here.append([entry(4, 10)])
    assert [found.key for found in journal.read(path)] == ["key-0", "key-1", "key-3", "key-4"]


def test_an_evaluation_goes_on_when_its_reports_do_not_fit(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "events.jsonl"
    events = EventLog(path, 1)
    events.phase("answering")
    small_disk.fill()
    for done in range(200):
        events.progress({"t": done}, 0, force=True)
    events.phase("scoring")
    small_disk.make_room()
    events.notice("made room")
    told = []
    for line in path.read_bytes().splitlines():
        try:
            told.append(RunEvent.model_validate_json(line))
        except ValueError:
            continue
    assert [event.phase or event.message for event in told if event.event != "progress"] == [
        "answering",
        "scoring",
        "made room",
    ]


def test_the_log_goes_on_when_there_is_room_again(small_disk: SmallDisk) -> None:
    log = JobLog(small_disk.folder / "log.txt")
    small_disk.fill()
    log.write("this is lost\n" * 1000)
    small_disk.make_room()
    log.write("and this is not\n")
    log.close()
    assert (small_disk.folder / "log.txt").read_text().splitlines()[-1] == "and this is not"


def test_a_record_that_does_not_fit_leaves_the_old_one(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "outcome.json"
    write_atomically(path, "old")
    small_disk.fill()
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new" * 100_000)
    assert {file.name for file in small_disk.folder.iterdir()} == {"outcome.json", "ballast"}
    assert path.read_text() == "old"


def test_results_that_lmms_eval_lost_in_silence_are_a_full_disk(small_disk: SmallDisk) -> None:
    class Tracker:
        """Leaves its file to be closed by chance, as lmms-eval's does."""

        output_path = str(small_disk.folder)

        class general_config_tracker:  # noqa: N801
            model_name_sanitized = "m"

        def save_results_aggregated(self, results: Any, datetime_str: str, **_: Any) -> None:
            folder = Path(self.output_path, "m")
            folder.mkdir()
            (folder / f"{datetime_str}_results.json").open("w").write(json.dumps(results))

    small_disk.fill()
    with pytest.raises(SavingFailed) as failed:
        save(Tracker(), {"configs": {}, "scores": "x" * 5000}, None, "now")
    assert classify(failed.value)[0] == FailureCause.DISK_FULL


@pytest.mark.evaluation
def test_no_room_for_answers_nor_outcome_ends_with_a_code_and_is_made_good_later(
    runner: Runner, small_disk: SmallDisk
) -> None:
    how: dict[str, Any] = {"job": small_disk.folder / "job", "model_args": {"response": "x" * 200_000}}
    first = runner.run(["tiny_ten"], **how, chunk_seconds=0.001)
    assert first.process.returncode == EXIT_DISK_FULL
    assert not first.files.outcome(1).exists()
    assert small_disk.free == 0
    kept = len(journal.read(first.files.journal))
    assert 0 < kept < 10
    small_disk.grow("64m")
    second = runner.run(["tiny_ten"], **how, attempt=2)
    assert second.process.returncode == 0, second.outcome
    entries = journal.read(second.files.journal)
    assert [found.attempt for found in entries] == [1] * kept + [2] * (10 - kept)


@pytest.mark.evaluation
def test_no_room_for_the_copy_of_the_results_is_said(runner: Runner, small_disk: SmallDisk) -> None:
    small_disk.fill()
    attempt = runner.run(["tiny_four"], output_dir=str(small_disk.folder))
    assert attempt.process.returncode == 1
    failure = attempt.outcome.failure
    assert failure is not None
    assert failure.cause == FailureCause.DISK_FULL
    assert "No space left" in failure.message
    assert "try again" in failure.advice
