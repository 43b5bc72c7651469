"""Jobs on disk: one SQLite database in the state directory.

A job that was accepted is a row here before its client hears of it. The store is synchronous and is used
from one thread; the scheduler gives it one.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..protocol.jobs import JobInfo, JobStatus
from .disk import needing_room
from .job_card import VOLATILE, JobCard, Submission, keep_card
from .schema import migrate, rolled_back_on_error

# So many jobs of a group go into one statement: older SQLite takes 999 values, and a job has eight.
_MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Arrival:
    """A job that asks to be stored.

    Parameters
    ----------
    info
        The job.
    submission
        Its idempotency key, if it has one.
    """

    info: JobInfo
    submission: Submission | None = None


@dataclass(frozen=True)
class StoredJob:
    """A job and its place in the order of arrival."""

    seq: int
    info: JobInfo


class JobStore:
    """The jobs of one state directory.

    Every change is also written to the job's card, for the day on which the database is damaged; that of a new job
    a moment after the job itself (`write_cards`).

    Parameters
    ----------
    path
        The database file; created, with its folder, if missing. Both are private to the user.

    Attributes
    ----------
    folder
        Where the database is.

    Raises
    ------
    StoreTooNew
        If a newer version of this package made it.
    DiskFull
        Here and from every method that stores: nothing of what it was to store is kept, and the store works again
        once there is room.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        # New jobs without directory and card, in order of arrival.
        self._due: dict[str, JobCard] = {}
        with needing_room(self.folder):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                # WAL: readers never wait. FULL: an answered submission survives a power cut.
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                migrate(self._db)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Write the cards that are due, and close the database."""
        self.write_cards()
        self._db.close()

    def add(self, info: JobInfo, submission: Submission | None = None) -> int | None:
        """Store a new job durably, and its card.

        Parameters
        ----------
        info
            The job.
        submission
            Its idempotency key, if it has one.

        Returns
        -------
        int or None
            Its place in the order of arrival; None, and nothing is stored, if the key was used before.
        """
        (place,) = self.add_group([Arrival(info, submission)])
        if isinstance(place, Exception):
            raise place
        self.write_cards()
        return place

    def add_group(self, arrivals: Sequence[Arrival]) -> list[int | Exception | None]:
        """Store new jobs durably, in one transaction: they share its wait for the disk.

        Their directories and cards are due, see `write_cards`.

        Parameters
        ----------
        arrivals
            The jobs. What keeps one from being stored leaves the others alone.

        Returns
        -------
        list of int, None or Exception
            For each its place in the order of arrival; None if its key was used before, also by one before it in this
            group; or why it could not be stored. Nothing is left of one that is not stored.
        """
        places = self._insert_group(arrivals)
        for arrival, place in zip(arrivals, places, strict=True):
            if isinstance(place, int):
                self._due[arrival.info.job_id] = JobCard(seq=place, submission=arrival.submission, info=arrival.info)
        return places

    def _insert_group(self, arrivals: Sequence[Arrival]) -> list[int | Exception | None]:
        found: list[int | Exception | None] = []
        try:
            with self._transaction():
                for start in range(0, len(arrivals), _MOST_AT_ONCE):
                    found += self._insert(arrivals[start : start + _MOST_AT_ONCE])
        except Exception as error:  # noqa: BLE001  (it is told to whoever submitted)
            if len(arrivals) == 1 or isinstance(error, sqlite3.OperationalError):
                return [error] * len(arrivals)  # another program holds the database: it does so for each of them
            # It is not said which of them is at fault.
            return [place for arrival in arrivals for place in self._insert_group([arrival])]
        return found

    def _insert(self, arrivals: Sequence[Arrival]) -> list[int | None]:
        """Insert some jobs by as few statements as possible: each may wait for the interpreter's lock."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'").fetchone()
        first = (row[0] if row else 0) + 1
        values: list[object] = []
        for seq, arrival in enumerate(arrivals, start=first):
            info, submission = arrival.info, arrival.submission
            key, digest = (submission.key, submission.digest) if submission else (None, None)
            values += (seq, info.job_id, info.status.value, info.request.model, info.revision, _dump(info), key, digest)
        rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(arrivals))
        columns = "seq, job_id, status, model, revision, info, submission_key, submission_digest"
        query = f"INSERT INTO job ({columns}) VALUES {rows} ON CONFLICT (submission_key) DO NOTHING"  # noqa: S608  (only our own words)
        cursor = self._db.execute(query, values)
        stored = set(range(first, first + len(arrivals)))
        if cursor.rowcount < len(arrivals):
            stored = {seq for (seq,) in self._db.execute("SELECT seq FROM job WHERE seq >= ?", (first,))}
        tasks = [
            (task, seq)
            for seq, arrival in enumerate(arrivals, start=first)
            if seq in stored
            for task in arrival.info.request.tasks
        ]
        for start in range(0, len(tasks), _MOST_AT_ONCE):
            part = tasks[start : start + _MOST_AT_ONCE]
            self._db.execute(
                f"INSERT OR IGNORE INTO job_task (task, seq) VALUES {', '.join(['(?, ?)'] * len(part))}",  # noqa: S608
                [value for pair in part for value in pair],
            )
        return [seq if seq in stored else None for seq in range(first, first + len(arrivals))]

    @property
    def cards_due(self) -> int:
        """Number of new jobs that have no directory yet, and no card in it."""
        return len(self._due)

    def write_cards(self, most: int | None = None) -> None:
        """Make the directories of new jobs and write their cards, the oldest first.

        Made later than the job is stored, as it takes longer than that: a job whose directory is missing has not
        begun. One that cannot be made is logged, and made when the job starts.

        Parameters
        ----------
        most
            So many at most; None for all.
        """
        for job_id in list(itertools.islice(self._due, most)):
            keep_card(self._due.pop(job_id), new=True)

    def save(self, info: JobInfo) -> None:
        """Store the present state of a known job."""
        with self._transaction():
            self._db.execute(
                "UPDATE job SET status = ?, revision = ?, info = ? WHERE job_id = ?",
                (info.status.value, info.revision, _dump(info), info.job_id),
            )
        new = self._due.pop(info.job_id, None) is not None
        keep_card(self._card(info), new=new)

    def card(self, job_id: str) -> JobCard:
        """Return all that is stored of a known job."""
        info = self.get(job_id)
        assert info is not None  # noqa: S101  (it is known)
        return self._card(info)

    def _card(self, info: JobInfo) -> JobCard:
        seq, key, digest = self._db.execute(
            "SELECT seq, submission_key, submission_digest FROM job WHERE job_id = ?", (info.job_id,)
        ).fetchone()
        return JobCard(seq=seq, submission=None if key is None else Submission(key, digest), info=info)

    def restore(self, cards: Iterable[JobCard]) -> None:
        """Store jobs as their cards tell of them, all or none; a job that is known already is replaced.

        Parameters
        ----------
        cards
            The jobs. One whose place in the order of arrival is taken becomes the last; an idempotency key that
            another job has is left out.
        """
        with self._transaction():
            for card in cards:
                self._restore(card)

    def _restore(self, card: JobCard) -> None:
        info, submission = card.info, card.submission

        def free(column: str, value: object) -> bool:
            query = f"SELECT 1 FROM job WHERE {column} = ? AND job_id <> ?"  # noqa: S608  (only our own words)
            return self._db.execute(query, (value, info.job_id)).fetchone() is None

        seq = card.seq if free("seq", card.seq) else None
        key, digest = (submission.key, submission.digest) if submission else (None, None)
        if key is not None and not free("submission_key", key):
            key, digest = None, None
        self._db.execute(
            "INSERT INTO job (seq, job_id, status, model, revision, info, submission_key, submission_digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE SET status = excluded.status, "
            "revision = excluded.revision, info = excluded.info",
            (seq, info.job_id, info.status.value, info.request.model, info.revision, _dump(info), key, digest),
        )
        self._add_tasks(info, self.place_of(info.job_id))

    def _add_tasks(self, info: JobInfo, seq: int) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO job_task (task, seq) VALUES (?, ?)", [(task, seq) for task in info.request.tasks]
        )

    def get(self, job_id: str) -> JobInfo | None:
        """Return a job, or None if there is none with this id."""
        row = self._db.execute("SELECT info FROM job WHERE job_id = ?", (job_id,)).fetchone()
        return _load(row[0]) if row else None

    def place_of(self, job_id: str) -> int:
        """Return the place of a known job in the order of arrival."""
        (seq,) = self._db.execute("SELECT seq FROM job WHERE job_id = ?", (job_id,)).fetchone()
        return int(seq)

    def submitted(self, key: str) -> tuple[str, str] | None:
        """Return the job id and the digest that an idempotency key stands for, or None if it was never used."""
        found: tuple[str, str] | None = self._db.execute(
            "SELECT job_id, submission_digest FROM job WHERE submission_key = ?", (key,)
        ).fetchone()
        return found

    def revision_of(self, job_id: str) -> int | None:
        """Return the revision of a job's stored state, or None if there is none with this id."""
        row = self._db.execute("SELECT revision FROM job WHERE job_id = ?", (job_id,)).fetchone()
        return int(row[0]) if row else None

    def changed(self, since: int, most: int | None = None) -> list[JobInfo]:
        """Return the jobs whose stored state is newer than a revision, in the order of their changes.

        Parameters
        ----------
        since
            The revision.
        most
            No more than so many; None for all.
        """
        rows = self._db.execute(
            "SELECT info FROM job WHERE revision > ? ORDER BY revision LIMIT ?", (since, -1 if most is None else most)
        ).fetchall()
        return [_load(info) for (info,) in rows]

    def unfinished(self) -> list[StoredJob]:
        """Return the queued and running jobs in order of arrival."""
        rows = self._db.execute(
            "SELECT seq, info FROM job WHERE status IN ('queued', 'running') ORDER BY seq"
        ).fetchall()
        return [StoredJob(seq, _load(info)) for seq, info in rows]

    def page(
        self,
        *,
        statuses: Sequence[JobStatus] = (),
        model: str | None = None,
        task: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[StoredJob]:
        """Return at most ``limit`` jobs, newest first.

        Parameters
        ----------
        statuses
            Only jobs in one of these; all if empty.
        model, task
            Only jobs of this model, or with this task among theirs.
        before
            Only jobs that arrived before this place: the ``seq`` of the last job of the previous page.
        limit
            Size of the page.
        """
        # A part for each status: an index gives each of them newest first, and what is read of all is a few pages.
        # One query with `status IN (...)` would sort all jobs that match, or go through all jobs.
        found: list[tuple[int, str]] = []
        for status in dict.fromkeys(statuses) or [None]:
            query, values = page_query(status, model, task, before)
            found += self._db.execute(query, (*values, limit)).fetchall()
        if len(statuses) > 1:
            found = sorted(found, reverse=True)[:limit]
        return [StoredJob(seq, _load(info)) for seq, info in found]

    def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs are in each status."""
        rows: Iterable[tuple[str, int]] = self._db.execute("SELECT status, count(*) FROM job GROUP BY status")
        found = {JobStatus(status): count for status, count in rows}
        return {status: found.get(status, 0) for status in JobStatus}

    def last_revision(self) -> int:
        """Return the highest revision any job has had."""
        (revision,) = self._db.execute("SELECT coalesce(max(revision), 0) FROM job").fetchone()
        return int(revision)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK on any error, one of the COMMIT too."""
        with needing_room(self.folder), rolled_back_on_error(self._db):
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")


def page_query(
    status: JobStatus | None, model: str | None, task: str | None, before: int | None
) -> tuple[str, list[object]]:
    """Write the query for jobs of at most one status, newest first.

    Parameters
    ----------
    status, model, task, before
        As for `JobStore.page`.

    Returns
    -------
    tuple of str and list of object
        The query and its values, but for the last, which is the size of the page.
    """
    # CROSS JOIN: SQLite keeps this order, in which the rows come sorted.
    tables, place = ("job", "seq") if task is None else ("job_task CROSS JOIN job USING (seq)", "job_task.seq")
    given = {
        "task = ?": task,
        "status = ?": None if status is None else status.value,
        "model = ?": model,
        f"{place} < ?": before,
    }
    where = " AND ".join(text for text, value in given.items() if value is not None)
    query = f"SELECT {place}, info FROM {tables} {'WHERE ' + where if where else ''} ORDER BY {place} DESC LIMIT ?"  # noqa: S608  (only our own words)
    return query, [value for value in given.values() if value is not None]


def _dump(info: JobInfo) -> str:
    return info.model_dump_json(exclude=VOLATILE)


def _load(text: str) -> JobInfo:
    return JobInfo.model_validate_json(text)
