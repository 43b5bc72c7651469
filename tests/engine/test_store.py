"""Jobs on disk."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from jupyter_lmms_eval.engine.clock import now
from jupyter_lmms_eval.engine.errors import StateDirTaken
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus


def info(job_id: str, *, model: str = "dummy", tasks: tuple[str, ...] = ("mme",), status: str = "queued") -> JobInfo:
    request = EvaluateRequest(model=model, tasks=list(tasks))
    return JobInfo(job_id=job_id, status=JobStatus(status), created_at=now(), request=request)


@pytest.fixture
def store(tmp_path: Path):
    opened = JobStore(tmp_path / "state" / "jobs.sqlite")
    yield opened
    opened.close()


def test_a_job_is_found_by_the_next_server(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    first = JobStore(path)
    first.add(info("a"))
    first.add(info("b", status="completed"))
    first.close()
    second = JobStore(path)
    assert [stored.info.job_id for stored in second.unfinished()] == ["a"]
    found = second.get("b")
    assert found is not None
    assert found.status is JobStatus.COMPLETED
    assert second.get("c") is None
    second.close()


def test_a_stored_job_outlives_a_process_that_dies_without_closing(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    store.add(info("a"))
    copy = sqlite3.connect(tmp_path / "jobs.sqlite")
    assert copy.execute("SELECT job_id FROM job").fetchall() == [("a",)]
    copy.close()
    store.close()


def test_pages_are_newest_first_and_join_without_gap_or_overlap(store: JobStore) -> None:
    for number in range(7):
        store.add(info(f"job{number}"))
    first = store.page(limit=3)
    second = store.page(limit=3, before=first[-1].seq)
    third = store.page(limit=3, before=second[-1].seq)
    names = [stored.info.job_id for page in (first, second, third) for stored in page]
    assert names == [f"job{number}" for number in reversed(range(7))]


def test_pages_filter_by_status_model_and_task(store: JobStore) -> None:
    store.add(info("a", model="llava_hf", tasks=("mme", "mmmu")))
    store.add(info("b", model="dummy", tasks=("mmmu",), status="failed"))
    assert [stored.info.job_id for stored in store.page(task="mmmu")] == ["b", "a"]
    assert [stored.info.job_id for stored in store.page(task="mme")] == ["a"]
    assert [stored.info.job_id for stored in store.page(model="dummy")] == ["b"]
    assert [stored.info.job_id for stored in store.page(statuses=[JobStatus.QUEUED])] == ["a"]
    assert store.page(statuses=[JobStatus.RUNNING]) == []


def test_changes_are_kept_and_counted(store: JobStore) -> None:
    store.add(info("a"))
    store.save(info("a", status="completed").model_copy(update={"revision": 9}))
    assert store.counts()[JobStatus.COMPLETED] == 1
    assert store.last_revision() == 9


def test_database_and_folder_are_private(tmp_path: Path, store: JobStore) -> None:
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "jobs.sqlite").stat().st_mode) == 0o600


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    JobStore(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ValueError, match=r"version 99.*use the newer"):
        JobStore(path)


def test_a_state_dir_belongs_to_one_server_and_says_to_which(tmp_path: Path) -> None:
    first = StateDir(tmp_path)
    with pytest.raises(StateDirTaken, match=r"in use by the server with pid \d+ \(since .*--state-dir"):
        StateDir(tmp_path)
    first.close()
    StateDir(tmp_path).close()
