"""What a job's own directory tells of it."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from jupyter_lmms_eval.engine.job_card import JobCard, Submission, read_card, write_card
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus
from jupyter_lmms_eval.protocol.run import RunFiles


def job(directory: Path | None, **changes: object) -> JobInfo:
    fields = {
        "job_id": "a",
        "status": "queued",
        "created_at": "2026-11-22T10:00:00.000+00:00",
        "request": {"model": "dummy", "tasks": ["mme"], "name": "müde"},
        "job_dir": str(directory) if directory else None,
    }
    return JobInfo.model_validate(fields | changes)


def test_a_card_tells_all_that_is_stored_of_a_job(tmp_path: Path) -> None:
    info = job(tmp_path, revision=7, warnings=["a"])
    submission = Submission.of("cell 7", info.request)
    write_card(JobCard(seq=3, submission=submission, info=info))
    assert read_card(RunFiles(tmp_path).card) == JobCard(seq=3, submission=submission, info=info)
    assert stat.S_IMODE(RunFiles(tmp_path).card.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_a_card_does_not_tell_what_only_a_running_server_can_say(tmp_path: Path) -> None:
    write_card(JobCard(seq=1, info=job(tmp_path, position_in_queue=4, wait_reason="all devices are busy")))
    text = RunFiles(tmp_path).card.read_text()
    assert "position_in_queue" not in text
    assert "wait_reason" not in text


def test_the_store_writes_a_card_with_every_change(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    store = JobStore(tmp_path / "jobs.sqlite")
    info = job(tmp_path / "job")
    submission = Submission.of("cell 7", info.request)
    seq = store.add(info, submission)
    card = read_card(RunFiles(tmp_path / "job").card)
    assert card == JobCard(seq=int(seq or 0), submission=submission, info=info)
    finished = info.model_copy(update={"status": JobStatus.COMPLETED, "revision": 9})
    store.save(finished)
    assert read_card(RunFiles(tmp_path / "job").card) == JobCard(
        seq=int(seq or 0), submission=submission, info=finished
    )
    store.close()


def test_a_submission_that_made_no_job_writes_no_card(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        info = job(tmp_path / name, job_id=name)
        store.add(info, Submission.of("cell 7", info.request))
    store.close()
    assert read_card(RunFiles(tmp_path / "a").card) is not None
    assert list((tmp_path / "b").iterdir()) == []


def test_a_job_without_a_directory_is_stored_all_the_same(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    for info in (job(None), job(tmp_path / "removed", job_id="b")):
        store.add(info)
        if info.job_dir is not None:
            shutil.rmtree(info.job_dir)
        store.save(info.model_copy(update={"revision": 5}))
    assert store.last_revision() == 5
    store.close()
    assert not (tmp_path / "removed").exists()


def test_a_card_that_cannot_be_written_does_not_fail_its_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "job").write_text("a person put a file where the directory was")
    with pytest.raises(NotADirectoryError):
        write_card(JobCard(seq=1, info=job(tmp_path / "job")))
    store = JobStore(tmp_path / "jobs.sqlite")
    assert store.add(job(tmp_path / "job")) == 1
    assert store.get("a") is not None
    assert "The card of job a could not be written" in caplog.text
    store.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"seq": 1}', b'{"seq": 0, "info": null}', bytes(range(256))],
    ids=["empty", "half", "list", "null", "bytes", "no job", "no place", "noise"],
)
def test_what_is_no_card_is_none(content: bytes, tmp_path: Path) -> None:
    RunFiles(tmp_path).card.write_bytes(content)
    assert read_card(RunFiles(tmp_path).card) is None


@pytest.mark.parametrize(("seq", "revision"), [(2**60, 1), (1, 2**70)])
def test_a_card_with_numbers_that_no_job_reaches_is_none(seq: int, revision: int, tmp_path: Path) -> None:
    whole = JobCard(seq=1, info=job(tmp_path)).model_dump_json()
    RunFiles(tmp_path).card.write_text(
        whole.replace('"seq":1', f'"seq":{seq}').replace('"revision":0', f'"revision":{revision}')
    )
    assert read_card(RunFiles(tmp_path).card) is None


def test_no_card_and_no_directory_are_none(tmp_path: Path) -> None:
    assert read_card(RunFiles(tmp_path).card) is None
    assert read_card(RunFiles(tmp_path / "missing").card) is None


def test_the_digest_of_a_request_does_not_depend_on_how_it_was_written() -> None:
    first = EvaluateRequest.model_validate({"model": "dummy", "tasks": ["mme"], "limit": 8})
    second = EvaluateRequest.model_validate({"limit": 8.0, "tasks": [" mme "], "model": "dummy", "timeout": None})
    assert Submission.of("a", first) == Submission.of("a", second)
    assert Submission.of("a", first) != Submission.of("a", first.model_copy(update={"timeout": 60}))
