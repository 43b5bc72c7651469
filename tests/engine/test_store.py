"""Jobs on disk."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_lmms_eval.engine.clock import now
from jupyter_lmms_eval.engine.disk import means_full_disk
from jupyter_lmms_eval.engine.errors import DiskFull, StoreTooNew
from jupyter_lmms_eval.engine.job_card import JobCard, Submission
from jupyter_lmms_eval.engine.schema import MIGRATIONS, SCHEMA_VERSION, migrate
from jupyter_lmms_eval.engine.store import Arrival, JobStore, page_query
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus
from tests.disks import fill, mounted

DATABASES = Path(__file__).parent / "databases"


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
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"version 99.*use the newer"):
        JobStore(path)
    assert path.read_bytes() == before


def test_jobs_are_restored_in_their_places(store: JobStore) -> None:
    store.restore([JobCard(seq=7, info=info("b")), JobCard(seq=3, submission=Submission("k", "d"), info=info("a"))])
    assert [(stored.seq, stored.info.job_id) for stored in store.page()] == [(7, "b"), (3, "a")]
    assert store.submitted("k") == ("a", "d")
    assert [stored.info.job_id for stored in store.page(task="mme")] == ["b", "a"]
    assert store.add(info("c")) == 8, "the next job comes after them"


def test_a_restored_job_takes_neither_the_place_nor_the_key_of_another(store: JobStore) -> None:
    store.add(info("a"), Submission("k", "d"))
    store.restore([JobCard(seq=1, submission=Submission("k", "e"), info=info("b"))])
    assert [(stored.seq, stored.info.job_id) for stored in store.page()] == [(2, "b"), (1, "a")]
    assert store.submitted("k") == ("a", "d")


# ------------------------------------------------------------------------------------------- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "1m") as folder:
        yield folder


def test_what_a_full_disk_refused_was_not_stored_and_the_store_works_on(small_disk: Path) -> None:
    store = JobStore(small_disk / "jobs.sqlite")
    (small_disk / "a").mkdir()
    first = info("a").model_copy(update={"job_dir": str(small_disk / "a"), "error": "x" * 10_000})
    store.add(first, Submission("k", "d"))
    ballast = fill(small_disk)
    stored: list[str] = []

    def add_many() -> None:
        for number in range(1000):  # some fit into what the log had reserved
            store.add(info(f"job{number}"), Submission(f"key{number}", "d"))
            stored.append(f"job{number}")

    with pytest.raises(DiskFull, match=r"disk of the jobs is full: make room on the disk of .*/disk, then try again"):
        add_many()
    with pytest.raises(DiskFull):
        store.save(first.model_copy(update={"status": JobStatus.COMPLETED, "error": "y" * 900_000}))

    assert [row.info.job_id for row in store.page(limit=1000)] == [*reversed(stored), "a"]
    assert store.get("a") == first
    assert store.submitted(f"key{len(stored)}") is None
    assert not (small_disk / "a" / "job.json.new").exists()

    ballast.unlink()
    again = store.add(info("later"), Submission(f"key{len(stored)}", "d"))
    assert again == len(stored) + 2
    finished = first.model_copy(update={"status": JobStatus.COMPLETED, "revision": 99})
    store.save(finished)
    store.close()
    reopened = JobStore(small_disk / "jobs.sqlite")
    assert [row.info.job_id for row in reopened.page(limit=1000)] == ["later", *reversed(stored), "a"]
    assert reopened.get("a") == finished
    reopened.close()


@pytest.mark.parametrize("room", [0, 4096, 8192, 16384, 40960, 65536])
def test_a_store_on_a_full_disk_says_so_and_opens_once_there_is_room(small_disk: Path, room: int) -> None:
    ballast = fill(small_disk, leave=room)
    try:
        store = JobStore(small_disk / "state" / "jobs.sqlite")
    except DiskFull:
        pass
    else:
        assert store.page() == []
        store.close()
    ballast.unlink()
    store = JobStore(small_disk / "state" / "jobs.sqlite")
    assert store.add(info("a")) == 1
    store.close()


def test_a_commit_that_fails_leaves_no_transaction_open(small_disk: Path) -> None:
    store = JobStore(small_disk / "jobs.sqlite")
    ballast = fill(small_disk)
    big = info("big").model_copy(update={"error": "x" * 500_000})
    for _ in range(3):
        with pytest.raises(DiskFull):
            store.add(big)
    assert store.page() == []
    ballast.unlink()
    assert store.add(big) == 1
    store.close()


def test_a_full_disk_is_told_from_a_broken_one(tmp_path: Path, small_disk: Path) -> None:
    # Python 3.10 has no error codes; there the text tells.
    full, broken = sqlite3.OperationalError("database or disk is full"), sqlite3.OperationalError("disk I/O error")
    assert means_full_disk(full, tmp_path)
    assert not means_full_disk(broken, tmp_path)
    assert not means_full_disk(sqlite3.OperationalError("database is locked"), tmp_path)
    fill(small_disk)
    assert means_full_disk(broken, small_disk)


def test_an_error_of_a_caller_leaves_no_transaction_open(store: JobStore) -> None:
    store.add(info("a"))
    with pytest.raises(sqlite3.IntegrityError):
        store.add(info("a"))
    assert store.add(info("b")) is not None


# ------------------------------------------------------------------------------------------- groups


def test_jobs_that_arrive_together_are_stored_in_their_order(store: JobStore) -> None:
    names = [f"job{number}" for number in range(250)]  # more than one statement takes
    assert store.add_group([Arrival(info(name, tasks=("mme", "mmmu"))) for name in names]) == list(range(1, 251))
    assert [row.info.job_id for row in store.page(task="mmmu", limit=500)] == names[::-1]
    assert store.add(info("next")) == 251


def test_what_is_wrong_with_one_job_leaves_those_that_arrived_with_it_alone(store: JobStore) -> None:
    store.add(info("known"))
    noise = info("noise").model_copy(update={"error": "\ud800"})  # no text that could be written
    names = ["first", "known", "noise", "last"]
    group = [Arrival(noise if name == "noise" else info(name)) for name in names]
    first, known, unwritable, last = store.add_group(group)
    assert (first, last) == (2, 3)
    assert isinstance(known, sqlite3.IntegrityError)
    assert isinstance(unwritable, ValueError)
    assert [row.info.job_id for row in store.page()] == ["last", "first", "known"]


def test_of_jobs_with_one_key_that_arrive_together_the_first_is_stored(store: JobStore) -> None:
    store.add(info("old"), Submission("used", "d"))
    keys = ["used", "new", "new", None, "new"]
    group = [Arrival(info(str(n)), Submission(key, "d") if key else None) for n, key in enumerate(keys)]
    places = store.add_group(group)
    assert [place is not None for place in places] == [False, True, False, True, False]
    assert store.submitted("new") == ("1", "d")
    assert [store.place_of(name) for name in ("1", "3")] == [places[1], places[3]]
    assert len(store.page(task="mme")) == 3


def test_of_jobs_that_arrive_together_on_a_full_disk_each_is_stored_or_refused(small_disk: Path) -> None:
    store = JobStore(small_disk / "jobs.sqlite")
    ballast = fill(small_disk, leave=200_000)
    group = [Arrival(info(f"job{n}").model_copy(update={"error": "x" * 50_000})) for n in range(20)]
    places = store.add_group(group)
    stored = [arrival.info.job_id for arrival, place in zip(group, places, strict=True) if isinstance(place, int)]
    assert all(isinstance(place, int | DiskFull) for place in places)
    assert len(stored) < 20
    assert [row.info.job_id for row in store.page()] == stored[::-1]
    ballast.unlink()
    store.close()


def test_directory_and_card_of_a_new_job_come_a_moment_later(store: JobStore, tmp_path: Path) -> None:
    folders = [tmp_path / "jobs" / str(n) for n in range(3)]
    store.add_group([Arrival(info(str(n)).model_copy(update={"job_dir": str(f)})) for n, f in enumerate(folders)])
    assert store.cards_due == 3
    store.write_cards(1)
    assert [(folder / "job.json").exists() for folder in folders] == [True, False, False]
    changed = store.get("1")
    assert changed is not None
    store.save(changed)
    assert [(folder / "job.json").exists() for folder in folders] == [True, True, False]
    assert stat.S_IMODE(folders[1].stat().st_mode) == 0o700
    store.write_cards()
    assert folders[2].exists()
    assert store.cards_due == 0


# ------------------------------------------------------------------------------------------- earlier versions


@pytest.mark.parametrize("dump", sorted(DATABASES.glob("*.sql")), ids=lambda path: path.stem)
def test_a_database_of_every_version_opens_with_all_its_jobs(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(dump.read_text())
    rows = database.execute("SELECT job_id, info, submission_key FROM job ORDER BY seq").fetchall()
    database.close()
    store = JobStore(path)
    known = {stored.info.job_id: stored.info for stored in store.page()}
    assert list(reversed(known)) == [job_id for job_id, _, _ in rows]
    for job_id, text, key in rows:
        written, read = json.loads(text), known[job_id].model_dump(mode="json")
        assert {name: read[name] for name in written} == with_later_fields(written, read)
        if key is not None:
            submitted = store.submitted(key)
            assert submitted is not None
            assert submitted[0] == job_id
            assert submitted[1] == Submission.of(key, known[job_id].request).digest, "the cell finds its job again"
        store.save(known[job_id])
    assert store.counts()[JobStatus.COMPLETED] == 1
    assert [stored.info.status.value for stored in store.unfinished()] == ["running", "queued", "queued"]
    assert store.add(info("next")) == len(rows) + 1
    store.close()
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    database.close()


def with_later_fields(written: dict, read: dict) -> dict:
    """Add the defaults that fields inside a job have got since it was written."""
    return {
        name: with_later_fields(value, read[name]) | {k: v for k, v in read[name].items() if k not in value}
        if isinstance(value, dict) and isinstance(read.get(name), dict)
        else value
        for name, value in written.items()
    }


def test_a_step_that_fails_half_way_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    store.add(info("a"))
    store.close()
    database = sqlite3.connect(path, isolation_level=None)
    before = list(database.iterdump())
    broken = "ALTER TABLE job ADD COLUMN owner TEXT; UPDATE job SET owner = 'me'; INSERT INTO nowhere VALUES (1)"
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(database, [*MIGRATIONS, broken])
    assert list(database.iterdump()) == before
    assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)

    good = "ALTER TABLE job ADD COLUMN owner TEXT"
    with pytest.raises(sqlite3.OperationalError):
        migrate(database, [*MIGRATIONS, good, broken])
    assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,), "whole steps are kept"
    migrate(database, [*MIGRATIONS, good])
    assert database.execute("SELECT job_id, owner FROM job").fetchall() == [("a", None)]
    database.close()


# ------------------------------------------------------------------------------------------- many jobs


@pytest.mark.parametrize("before", [None, 7])
@pytest.mark.parametrize("task", [None, "mme"])
@pytest.mark.parametrize("model", [None, "dummy"])
@pytest.mark.parametrize("status", [None, JobStatus.FAILED])
def test_no_listing_sorts_or_goes_through_all_jobs(
    store: JobStore, status: JobStatus | None, model: str | None, task: str | None, before: int | None
) -> None:
    query, values = page_query(status, model, task, before)
    plan = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {query}", (*values, 50))]
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
    if status or model or task or before:
        assert not [step for step in plan if step.startswith("SCAN")], plan
    else:
        assert plan == ["SCAN job"], "from the newest on, and no further than the page"


def test_no_other_question_goes_through_all_jobs(store: JobStore) -> None:
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    store.get("a")
    store.revision_of("a")
    store.submitted("key")
    store.changed(5, 10)
    store.last_revision()
    store.page(statuses=list(JobStatus), limit=10)
    store._db.set_trace_callback(None)
    assert len(asked) == 5 + len(JobStatus)
    for query in asked:
        plan = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN job")], (query, plan)


def test_pages_of_several_statuses_join_without_gap_or_overlap(store: JobStore) -> None:
    kinds = ["queued", "failed", "completed", "failed", "cancelled", "queued", "failed"]
    for number, status in enumerate(kinds):
        store.add(info(f"job{number}", status=status, tasks=("mme",) if number % 2 else ("mmmu",)))
    wanted = [JobStatus.FAILED, JobStatus.QUEUED, JobStatus.FAILED]
    first = store.page(statuses=wanted, limit=2)
    second = store.page(statuses=wanted, limit=9, before=first[-1].seq)
    assert [stored.info.job_id for stored in [*first, *second]] == ["job6", "job5", "job3", "job1", "job0"]
    both = store.page(statuses=wanted, model="dummy", task="mme")
    assert [stored.info.job_id for stored in both] == ["job5", "job3", "job1"]
