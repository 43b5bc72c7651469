"""Databases that were really damaged, and the jobs that come back."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_lmms_eval.engine.errors import StateDirTaken, StoreTooNew
from jupyter_lmms_eval.engine.job_card import Submission
from jupyter_lmms_eval.engine.recovery import open_store
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import Arrival, JobStore
from jupyter_lmms_eval.protocol.jobs import JobInfo, JobStatus
from jupyter_lmms_eval.protocol.run import RunFiles, RunSpec

STATUSES = ["completed", "failed", "cancelled", "completed", "running", "queued", "queued"]
COUNT = 14


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    held = StateDir(tmp_path / "state")
    yield held
    held.close()


def make_job(state: StateDir, number: int) -> JobInfo:
    job_id = f"job{number:02}"
    directory = state.job_dir("eval_", job_id)
    directory.mkdir(parents=True, exist_ok=True)
    return JobInfo.model_validate(
        {
            "job_id": job_id,
            "status": STATUSES[number % len(STATUSES)],
            "created_at": "2026-11-22T10:00:00.000+00:00",
            "request": {"model": "dummy", "tasks": ["mme", "mmmu_val"], "name": f"number {number}"},
            "revision": 10 + number,
            "warnings": ["w" * 300],
            "job_dir": str(directory),
        }
    )


def make_jobs(state: StateDir) -> dict[str, JobInfo]:
    store = JobStore(state.database)
    jobs = {}
    for number in range(COUNT):
        info = make_job(state, number)
        jobs[info.job_id] = info
        store.add(info, Submission.of(f"cell {number}", info.request) if number % 2 else None)
    store.close()
    return jobs


def content(store: JobStore) -> dict[str, JobInfo]:
    return {stored.info.job_id: stored.info for stored in reversed(store.page(limit=1000))}


def assert_all_there(store: JobStore, jobs: dict[str, JobInfo]) -> None:
    assert content(store) == jobs
    assert list(content(store)) == list(jobs), "in order of arrival"
    assert [stored.info.job_id for stored in store.unfinished()] == [
        name for name, info in jobs.items() if not info.status.finished
    ]
    for number, (name, info) in enumerate(jobs.items()):
        expected = (name, Submission.of(f"cell {number}", info.request).digest) if number % 2 else None
        assert store.submitted(f"cell {number}") == expected
    assert [stored.info.job_id for stored in reversed(store.page(task="mme", limit=1000))] == list(jobs)
    assert store.last_revision() == max(info.revision for info in jobs.values())
    assert sum(store.counts().values()) == len(jobs)


def set_aside(state: StateDir) -> list[str]:
    found = (path.name for path in state.root.glob("jobs.sqlite.damaged-*"))
    return sorted(name for name in found if not name.endswith(("-wal", "-shm")))


def test_a_sound_database_is_opened_without_a_word(state: StateDir) -> None:
    jobs = make_jobs(state)
    store, notices = open_store(state)
    assert notices == []
    assert_all_there(store, jobs)
    store.close()
    assert set_aside(state) == []


def test_the_first_start_is_no_loss(state: StateDir) -> None:
    store, notices = open_store(state)
    assert (store.page(), notices) == ([], [])
    store.close()
    store, notices = open_store(state)
    assert (store.page(), notices) == ([], [])
    store.close()


def spoil_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 17)


def keep_ten_bytes(path: Path) -> None:
    os.truncate(path, 10)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def replace_by_text(path: Path) -> None:
    path.write_text("Dear diary, today I looked into the folder of a server.\n" * 300)


def drop_table(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE job_task")
    database.close()


def drop_index(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP INDEX job_by_status")
    database.close()


def spoil_row(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE job SET info = substr(info, 1, 40) WHERE seq = 3")
    database.close()


def spoil_status(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE job SET status = 'qveued' WHERE status = 'queued'")
    database.close()


def spoil_tasks(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM job_task WHERE seq = 4")
    database.close()


def spend_counter(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE sqlite_sequence SET seq = 9223372036854775807")
    database.close()


def absurd_version(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = -559038737")
    database.close()


def forget_version(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 0")
    database.close()


DAMAGES = [
    spoil_header,
    truncate,
    keep_ten_bytes,
    empty,
    replace_by_text,
    drop_table,
    drop_index,
    spoil_row,
    spoil_status,
    spoil_tasks,
    spend_counter,
    absurd_version,
    forget_version,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_database_is_set_aside_and_its_jobs_come_back(
    damage: Callable[[Path], None], state: StateDir
) -> None:
    jobs = make_jobs(state)
    damage(state.database)
    left = state.database.read_bytes()
    store, notices = open_store(state)
    assert_all_there(store, jobs)
    [notice] = notices
    assert re.fullmatch(
        r"The job database was (empty|damaged \(.+\)); it was set aside as jobs\.sqlite\.damaged-\d{8}T\d{6}Z "
        r"and 14 of 14 jobs were rebuilt from their directories",
        notice,
    )
    [aside] = set_aside(state)
    assert aside in notice
    assert (state.root / aside).read_bytes() == left
    assert (state.root / aside).stat().st_mode & 0o077 == 0
    assert store.add(make_job(state, 99)) == COUNT + 1, "the next job comes after them"
    store.close()
    store, notices = open_store(state)
    assert notices == [], "the rebuilt one is sound"
    store.close()


def test_a_deleted_database_is_made_anew(state: StateDir) -> None:
    jobs = make_jobs(state)
    state.database.unlink()
    store, [notice] = open_store(state)
    assert_all_there(store, jobs)
    assert notice == "The job database was missing; 14 of 14 jobs were rebuilt from their directories"
    store.close()


def test_an_earlier_database_that_was_set_aside_is_never_overwritten(state: StateDir) -> None:
    jobs = make_jobs(state)
    for number in range(4):
        state.database.write_text(f"damage {number}")
        store, _ = open_store(state)
        assert_all_there(store, jobs)
        store.close()
    texts = sorted((state.root / name).read_text() for name in set_aside(state))
    assert texts == [f"damage {number}" for number in range(4)]


@pytest.mark.parametrize("seed", range(120))
def test_noise_anywhere_is_found_or_does_no_harm(seed: int, state: StateDir) -> None:
    jobs = make_jobs(state)
    chance = random.Random(seed)
    size = state.database.stat().st_size
    # The first page holds what everything else depends on: every fourth attempt goes there.
    offset = chance.randrange(min(size, 4096) if seed % 4 == 0 else size)
    with state.database.open("r+b") as file:
        file.seek(offset)
        file.write(chance.randbytes(chance.choice([4, 16, 64, 512])))
    try:
        store, notices = open_store(state)
    except StoreTooNew:
        assert offset < 64, "the number of the version lies there"
        return
    assert_all_there(store, jobs)
    assert len(notices) == len(set_aside(state)) <= 1
    store.close()


def leave_uncleanly(state: StateDir, change: Callable[[JobStore], None]) -> None:
    """Change the database, and leave it as a killed server does: the changes only in the log."""
    copy = state.root / "copy"
    copy.mkdir()
    store = JobStore(state.database)
    change(store)
    for part in ("jobs.sqlite", "jobs.sqlite-wal"):
        shutil.copy(state.root / part, copy / part)
    store.close()
    for part in ("jobs.sqlite", "jobs.sqlite-wal"):
        shutil.copy(copy / part, state.root / part)
    shutil.rmtree(copy)


@pytest.mark.parametrize("share", [0, 10, 0.5, 1.0], ids=["from the start", "header", "half", "not at all"])
def test_jobs_of_a_log_that_was_lost_come_back(share: float, state: StateDir) -> None:
    jobs = make_jobs(state)

    def change(store: JobStore) -> None:
        added = make_job(state, COUNT)
        store.add(added)
        jobs[added.job_id] = added
        for name, status in (("job04", JobStatus.COMPLETED), ("job01", JobStatus.QUEUED)):
            jobs[name] = jobs[name].model_copy(update={"status": status, "revision": 500 + len(name)})
            store.save(jobs[name])

    leave_uncleanly(state, change)
    log = state.root / "jobs.sqlite-wal"
    size = log.stat().st_size
    begin = int(share if share >= 1 and share != 1.0 else share * size)
    with log.open("r+b") as file:
        file.seek(begin)
        file.write(random.Random(1).randbytes(size - begin))
    store, notices = open_store(state)
    assert_all_there(store, jobs)
    assert set_aside(state) == []
    if share == 1.0:
        assert notices == []
    else:
        assert re.fullmatch(
            r"The job database had lost its last changes; (1 job was|\d+ jobs were) brought back from "
            r"(its directory|their directories)",
            notices[0],
        )
    store.close()


def test_a_damaged_database_keeps_its_log_with_it(state: StateDir) -> None:
    jobs = make_jobs(state)
    leave_uncleanly(state, lambda store: store.save(jobs["job00"]))
    log = (state.root / "jobs.sqlite-wal").read_bytes()
    replace_by_text(state.database)
    store, _ = open_store(state)
    assert_all_there(store, jobs)
    [aside] = set_aside(state)
    assert (state.root / f"{aside}-wal").read_bytes() == log
    store.close()


def test_a_job_without_a_card_is_known_by_what_it_was_told_to_run(state: StateDir) -> None:
    jobs = make_jobs(state)
    running = jobs["job04"]
    files = RunFiles(str(running.job_dir))
    files.card.write_text("{")
    spec = RunSpec(job_id="job04", attempt=2, job_dir=str(files.job_dir), request=running.request)
    files.spec.write_text(spec.model_dump_json())
    RunFiles(str(jobs["job01"].job_dir)).card.unlink()
    state.database.unlink()
    store, [notice] = open_store(state)
    assert notice == "The job database was missing; 13 of 14 jobs were rebuilt from their directories"
    back = store.get("job04")
    assert back is not None
    assert (back.request, back.attempt, back.job_dir) == (running.request, 2, running.job_dir)
    assert back.status is JobStatus.RUNNING, "what may be left of it is ended before it goes on"
    assert back.revision > max(info.revision for info in jobs.values())
    assert store.get("job01") is None
    assert Path(str(jobs["job01"].job_dir)).is_dir(), "left alone"
    store.close()
    store, notices = open_store(state)
    assert (notices, store.get("job04")) == ([], back)
    store.close()


def test_rows_that_can_be_read_stand_in_for_cards_that_were_never_written(state: StateDir) -> None:
    jobs = make_jobs(state)
    for info in jobs.values():
        RunFiles(str(info.job_dir)).card.unlink()
    spoil_row(state.database)
    store, [notice] = open_store(state)
    assert "13 of 14 jobs were rebuilt" in notice
    assert content(store) == {name: info for name, info in jobs.items() if name != "job02"}
    store.close()


def test_jobs_from_before_there_were_cards_get_one(state: StateDir) -> None:
    jobs = make_jobs(state)
    for info in jobs.values():
        RunFiles(str(info.job_dir)).card.unlink()
    open_store(state)[0].close()
    state.database.unlink()
    store, _ = open_store(state)
    assert_all_there(store, jobs)
    store.close()


def test_a_copy_of_a_job_is_not_a_second_one(state: StateDir) -> None:
    jobs = make_jobs(state)
    for copy in ("a copy", "z copy"):
        shutil.copytree(str(jobs["job02"].job_dir), state.jobs / copy)
    store, notices = open_store(state)
    assert notices == []
    store.close()
    state.database.unlink()
    store, _ = open_store(state)
    assert_all_there(store, jobs)
    store.close()


def test_jobs_whose_state_directory_was_moved_know_where_they_are(tmp_path: Path) -> None:
    before = StateDir(tmp_path / "before")
    jobs = make_jobs(before)
    before.close()
    (tmp_path / "before").rename(tmp_path / "after")
    after = StateDir(tmp_path / "after")
    after.database.unlink()
    store, _ = open_store(after)
    for name, info in content(store).items():
        assert info.job_dir == str(tmp_path / "after" / "jobs" / f"eval_{name}")
    assert len(content(store)) == len(jobs)
    store.close()
    after.close()


@pytest.mark.parametrize("moment", ["rename", "restore", "fsync"])
def test_an_interrupted_rebuild_is_done_again(moment: str, state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = make_jobs(state)
    replace_by_text(state.database)
    names = {"rename": (Path, "rename"), "restore": (JobStore, "_restore"), "fsync": (os, "fsync")}
    owner, name = names[moment]
    original, calls = getattr(owner, name), iter(range(1000))

    def die(*arguments: object) -> object:
        if next(calls) == 1 or moment == "fsync":
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, die)
        with pytest.raises(KeyboardInterrupt):
            open_store(state)
    store, _ = open_store(state)
    assert_all_there(store, jobs)
    assert len(set_aside(state)) == 1
    assert list(state.root.glob("*rebuilding*")) == []
    store.close()


def test_a_newer_database_is_no_damage(state: StateDir) -> None:
    make_jobs(state)
    with sqlite3.connect(state.database) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreTooNew, match="version 99"):
        open_store(state)
    assert set_aside(state) == []


def test_a_database_that_another_program_holds_is_no_damage(state: StateDir) -> None:
    make_jobs(state)
    other = sqlite3.connect(state.database, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_store(state)
    assert set_aside(state) == []
    other.close()


# ------------------------------------------------------------------------------------------- who has the directory


def take(root: Path, barrier: object, answers: object, over: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        held = StateDir(root)
    except StateDirTaken as error:
        answers.put((os.getpid(), str(error)))  # type: ignore[attr-defined]
    else:
        answers.put((os.getpid(), None))  # type: ignore[attr-defined]
        over.wait()  # type: ignore[attr-defined]
        os.kill(os.getpid(), 9) if held else None


def test_of_many_servers_one_wins_and_the_others_say_who(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(10):  # the lock still holds the name of the one before, who was killed
        barrier, answers, over = context.Barrier(12), context.Queue(), context.Event()
        servers = [context.Process(target=take, args=(tmp_path / "state", barrier, answers, over)) for _ in range(12)]
        for server in servers:
            server.start()
        told = [answers.get(timeout=30) for _ in servers]
        over.set()
        for server in servers:
            server.join()
        [winner] = [pid for pid, refusal in told if refusal is None]
        for refusal in (refusal for _, refusal in told if refusal is not None):
            assert f"in use by the server with pid {winner} (since " in refusal
            assert "--state-dir" in refusal


def test_a_state_dir_belongs_to_one_server_and_says_to_which(tmp_path: Path) -> None:
    first = StateDir(tmp_path)
    with pytest.raises(StateDirTaken, match=rf"in use by the server with pid {os.getpid()} \(since .*--state-dir"):
        StateDir(tmp_path)
    first.close()
    StateDir(tmp_path).close()


def test_a_job_whose_server_was_killed_right_after_it_was_accepted_gets_its_directory(state: StateDir) -> None:
    info = make_job(state, 0).model_copy(update={"status": JobStatus.QUEUED})
    Path(str(info.job_dir)).rmdir()
    killed = JobStore(state.database)
    assert killed.add_group([Arrival(info)]) == [1]
    killed._db.close()  # it could write no card any more
    store, notices = open_store(state)
    assert notices == []
    store.close()
    state.database.unlink()
    store, notices = open_store(state)
    assert "1 of 1 job was rebuilt" in notices[0]
    assert content(store) == {info.job_id: info}
    store.close()
