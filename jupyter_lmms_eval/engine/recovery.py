"""Open the database of jobs, rebuilt from the jobs' directories if it was damaged."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..protocol.jobs import JobInfo, JobStatus
from ..protocol.run import RunFiles, RunSpec
from .disk import means_full_disk
from .errors import DiskFull
from .job_card import LARGEST_NUMBER, JobCard, keep_card, read_card
from .schema import MIGRATIONS, migrate
from .state_dir import StateDir
from .store import JobStore

# No release will have a version beyond it: damage wrote it.
_CREDIBLE_VERSION = 1000


class _Damaged(Exception):
    """The database cannot be used; the text says what it was."""


@dataclass(frozen=True)
class _Known:
    """What is compared of a job with its card; the jobs themselves would be too many to hold."""

    job_id: str
    # By its name alone: the whole state directory may have been moved.
    directory: str | None
    revision: int
    finished: bool

    @classmethod
    def of(cls, info: JobInfo) -> _Known:
        directory = None if info.job_dir is None else os.path.basename(info.job_dir)  # noqa: PTH119  (many times faster)
        return cls(info.job_id, directory, info.revision, info.status.finished)


def open_store(state_dir: StateDir) -> tuple[JobStore, list[str]]:
    """Open the database of a state directory, and bring back what it has lost.

    A damaged database is set aside, never deleted, and a new one is made of the cards in the jobs' directories.
    Queued and running jobs come back as such, so that they are continued. Jobs whose card is newer than their row,
    which happens where the end of a write-ahead log was lost, are as their card says.

    Blocking: about a tenth of a second for 1000 jobs.

    Parameters
    ----------
    state_dir
        The directory, held by this process.

    Returns
    -------
    tuple of JobStore and list of str
        The store, and a sentence for people about each thing that was amiss.

    Raises
    ------
    StoreTooNew
        If a newer version of this package made the database; it is left alone.
    DiskFull
        If there is no room for it.
    sqlite3.OperationalError
        If the database cannot be read for a reason that is not damage, such as a lock that another program holds.
    """
    database = state_dir.database
    unclean = _size(_beside(database, "-wal")) > 0  # a store that was closed leaves no log behind
    try:
        known = _examine(database, state_dir.jobs)
    except _Damaged as damage:
        return _rebuild(state_dir, str(damage))
    store = JobStore(database)
    try:
        return store, _reconcile(store, known, state_dir.jobs, every_card=unclean)
    except BaseException:
        store.close()
        raise


# ------------------------------------------------------------------------------------------- examination


def _examine(database: Path, jobs: Path) -> list[_Known]:
    """Read all rows of a sound database; whatever is not sound raises `_Damaged`."""
    if _size(database) == 0:
        left = (read_card(files.card) or _read_spec(files.spec) for files in _directories(jobs))
        if _size(_beside(database, "-wal")) or any(left):
            raise _Damaged("empty" if database.exists() else "missing")
        JobStore(database).close()
        return []
    # What one may not open is no damage: the error is the user's to see.
    os.close(os.open(database, os.O_RDWR))
    try:
        _check_file(database)
        JobStore(database).close()  # only a sound file is brought to the present version
        with closing(_connect(database)) as db:
            _check_schema(db)
            return [_Known.of(card.info) for card in _rows(db)]
    except sqlite3.Error as error:
        if means_full_disk(error, database.parent):
            raise DiskFull(database.parent) from error
        if _is_environment(error):
            raise
        raise _Damaged(f"damaged ({_plain(str(error))})") from error
    except UnicodeDecodeError as error:  # SQLite quotes what it found, and Python cannot read it
        raise _Damaged("damaged (its schema is noise)") from error


def _check_file(database: Path) -> None:
    with closing(_connect(database, read_only=True)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not 0 <= version <= _CREDIBLE_VERSION or (version == 0 and tables > 0):
            raise _Damaged(f"damaged (its version is {version})")
        if version > len(MIGRATIONS):
            return  # JobStore refuses it, in words
        # Twice the time of quick_check, but that one overlooks an index which no longer leads to its rows.
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise _Damaged(f"damaged ({_plain(str(verdict).splitlines()[-1])})")


def _check_schema(db: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        wanted, found = (
            set(each.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")) for each in (fresh, db)
        )
    if missing := sorted(name for _, name, _ in wanted - found):
        raise _Damaged(f"damaged ({missing[0]} is missing or not as it was made)")
    # A counter at its end, or a file that takes no more changes, shows in the attempt to add a job.
    db.execute("BEGIN IMMEDIATE")
    try:
        query = "INSERT INTO job (job_id, status, model, revision, info) VALUES ('', '', '', 0, '')"
        if not 0 < int(db.execute(query).lastrowid or 0) < LARGEST_NUMBER:
            raise _Damaged("damaged (its count of jobs is lost)")
    except (sqlite3.IntegrityError, sqlite3.OperationalError) as error:
        if isinstance(error, sqlite3.OperationalError) and not _counter_spent(db):
            raise
        raise _Damaged(f"damaged (no job can be added: {error})") from error
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _counter_spent(db: sqlite3.Connection) -> bool:
    """Tell whether the next job's number is beyond what SQLite can count; it says "disk is full" then."""
    row = db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'job'").fetchone()
    return not isinstance(row[0], int | None) or (row[0] or 0) >= LARGEST_NUMBER


def _rows(db: sqlite3.Connection) -> Iterator[JobCard]:
    """Read every job, each checked against its own columns and tasks."""
    tasks: dict[int, set[str]] = {}
    for seq, task in db.execute("SELECT seq, task FROM job_task"):
        tasks.setdefault(seq, set()).add(task)
    for row in db.execute(
        "SELECT seq, job_id, status, model, revision, info, submission_key, submission_digest FROM job ORDER BY seq"
    ):
        card = _card_of(row)
        if card is None or tasks.pop(card.seq, set()) != set(card.info.request.tasks):
            raise _Damaged(f"damaged (job number {row[0]} cannot be read)")
        yield card
    if tasks:
        raise _Damaged("damaged (it has tasks of jobs that it does not have)")


def _card_of(row: tuple[Any, ...]) -> JobCard | None:
    seq, job_id, status, model, revision, text, key, digest = row
    try:
        info = JobInfo.model_validate_json(text)
        submission = None if key is None and digest is None else {"key": key, "digest": digest}
        card = JobCard.model_validate({"seq": seq, "info": info, "submission": submission})
    except (TypeError, ValueError):  # a damaged row may hold anything; a ValidationError is a ValueError
        return None
    columns = (info.job_id, info.status.value, info.request.model, info.revision)
    return card if columns == (job_id, status, model, revision) else None


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def _is_environment(error: sqlite3.Error) -> bool:
    """Tell whether an error speaks of the machine rather than of the file."""
    texts = ("disk I/O error", "is locked", "unable to open", "out of memory", "permission")
    return isinstance(error, sqlite3.OperationalError) and any(text in str(error) for text in texts)


# ------------------------------------------------------------------------------------------- what was lost


def _reconcile(store: JobStore, known: list[_Known], jobs: Path, *, every_card: bool) -> list[str]:
    """Bring back jobs, or states of jobs, that only their cards know; write the cards that are missing."""
    rows = {job.directory: job for job in known if job.directory is not None}
    ids = {job.job_id for job in known}
    # Accepted by a server that was killed before it made their directories.
    bare = {job.directory: job for job in known if not job.finished}
    lost = []
    for files in _directories(jobs):
        row = rows.get(files.job_dir.name)
        bare.pop(files.job_dir.name, None)
        if row is None:
            card = read_card(files.card)
            if card is not None and card.info.job_id not in ids:
                lost.append(_at(card, files))
            continue
        # After a clean end only unfinished jobs are worth a look into the card: reading every one takes its time.
        if every_card or not row.finished:
            card = read_card(files.card)
            if card is not None and card.info.job_id == row.job_id and card.info.revision > row.revision:
                lost.append(_at(card, files))
            missing = card is None
        else:
            missing = not files.card.exists()
        if missing:
            keep_card(store.card(row.job_id))
    for row in bare.values():
        card = store.card(row.job_id)
        keep_card(card, new=Path(str(card.info.job_dir)).parent == jobs)
    store.restore(sorted(lost, key=lambda card: card.seq))
    if not lost:
        return []
    whose = "its directory" if len(lost) == 1 else "their directories"
    return [f"The job database had lost its last changes; {_jobs(len(lost))} brought back from {whose}"]


def _rebuild(state_dir: StateDir, reason: str) -> tuple[JobStore, list[str]]:
    """Set the database aside and make a new one; may be interrupted anywhere, and done again."""
    database = state_dir.database
    cards, unknown = _gather(state_dir)
    rebuilt = _beside(database, ".rebuilding")
    for part in ("", "-wal", "-shm"):
        _beside(rebuilt, part).unlink(missing_ok=True)
    # Complete before the old one moves: in between there is a moment without a database, which counts as missing.
    with closing(JobStore(rebuilt)) as store:
        store.restore(cards)
    aside = _set_aside(database)
    rebuilt.rename(database)
    _sync_folder(database.parent)
    total = len(cards) + unknown
    told = f"The job database was {reason}; "
    told += f"it was set aside as {aside.name} and " if aside else ""
    told += f"{len(cards)} of {_jobs(total)} rebuilt from {'its directory' if total == 1 else 'their directories'}"
    store = JobStore(database)
    _reconcile(
        store, [_Known.of(card.info) for card in cards], state_dir.jobs, every_card=True
    )  # cards that were missing are written
    return store, [told]


def _gather(state_dir: StateDir) -> tuple[list[JobCard], int]:
    """Collect all jobs in order of arrival, and count the directories that tell of none."""
    found: dict[str, JobCard] = {}
    started: list[tuple[RunFiles, RunSpec]] = []
    unknown: set[str] = set()
    for files in _directories(state_dir.jobs):
        if card := read_card(files.card):
            # A copy of a job's directory is not a second job.
            original = card.info.job_dir is not None and Path(card.info.job_dir).name == files.job_dir.name
            if original or card.info.job_id not in found:
                found[card.info.job_id] = _at(card, files)
        elif spec := _read_spec(files.spec):
            started.append((files, spec))
        else:
            unknown.add(files.job_dir.name)
    # Rows that are still legible: jobs of before there were cards, or whose directory was removed.
    for card in _legible_rows(state_dir.database):
        found.setdefault(card.info.job_id, card)
        unknown.discard(Path(str(card.info.job_dir)).name)
    revision = max((card.info.revision for card in found.values()), default=0)
    last = max((card.seq for card in found.values()), default=0)
    started.sort(key=lambda each: each[0].spec.stat().st_mtime_ns)
    for number, (files, spec) in enumerate(started, start=1):
        if spec.job_id not in found:
            found[spec.job_id] = _job_of(files, spec, last + number, revision + number)
    return sorted(found.values(), key=lambda card: card.seq), len(unknown)


def _legible_rows(database: Path) -> Iterator[JobCard]:
    try:
        with closing(_connect(database, read_only=True)) as db:
            db.text_factory = lambda raw: raw.decode(errors="surrogateescape")  # no row like it is believed
            for row in db.execute(
                "SELECT seq, job_id, status, model, revision, info, submission_key, submission_digest "
                "FROM job NOT INDEXED ORDER BY seq"
            ):
                if card := _card_of(row):
                    yield card
    except (sqlite3.Error, UnicodeDecodeError):  # as far as it goes
        return


def _job_of(files: RunFiles, spec: RunSpec, seq: int, revision: int) -> JobCard:
    """Make a job of what an evaluation was told; it counts as running, so that what is left of it is ended first."""
    began = datetime.fromtimestamp(files.spec.stat().st_mtime, timezone.utc).isoformat(timespec="milliseconds")
    info = JobInfo(
        job_id=spec.job_id,
        status=JobStatus.RUNNING,
        created_at=began,
        started_at=began,
        request=spec.request,
        attempt=spec.attempt,
        revision=revision,
        job_dir=str(files.job_dir),
    )
    return JobCard(seq=seq, info=info)


def _read_spec(path: Path) -> RunSpec | None:
    try:
        return RunSpec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _at(card: JobCard, files: RunFiles) -> JobCard:
    """Tell where the job's directory is now."""
    return card.model_copy(update={"info": card.info.model_copy(update={"job_dir": str(files.job_dir)})})


def _directories(jobs: Path) -> Iterator[RunFiles]:
    if not jobs.is_dir():
        return
    with os.scandir(jobs) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    for name in names:
        yield RunFiles(jobs / name)


# ------------------------------------------------------------------------------------------- files


def _connect(database: Path, *, read_only: bool = False) -> sqlite3.Connection:
    # A connection that may write would, when it closes, write the log into a file that is perhaps damaged.
    mode = "ro" if read_only else "rw"
    return sqlite3.connect(f"{database.as_uri()}?mode={mode}", uri=True, isolation_level=None)


def _set_aside(database: Path) -> Path | None:
    """Rename the database and what belongs to it; None if there was nothing."""
    parts = [part for part in ("", "-wal", "-shm") if _beside(database, part).exists()]
    if not parts:
        return None
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    aside, number = _beside(database, f".damaged-{stamp}"), 1
    while any(_beside(aside, part).exists() for part in ("", "-wal", "-shm")):
        number += 1
        aside = _beside(database, f".damaged-{stamp}-{number}")
    for part in parts:
        _beside(database, part).rename(_beside(aside, part))
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _jobs(number: int) -> str:
    return "1 job was" if number == 1 else f"{number} jobs were"
