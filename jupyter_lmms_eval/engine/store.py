"""Jobs on disk: one SQLite database in the state directory.

A job that was accepted is a row here before its client hears of it. The store is synchronous and is used
from one thread; the scheduler gives it one.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..protocol.jobs import EvaluateRequest, JobInfo, JobStatus

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE job (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id    TEXT NOT NULL UNIQUE,
    status    TEXT NOT NULL,
    model     TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    info      TEXT NOT NULL,
    submission_key     TEXT UNIQUE,
    submission_digest  TEXT
);
CREATE INDEX job_by_status ON job (status, seq);
CREATE INDEX job_by_model ON job (model, seq);
CREATE INDEX job_by_revision ON job (revision);
CREATE TABLE job_task (
    task  TEXT NOT NULL,
    seq   INTEGER NOT NULL REFERENCES job (seq) ON DELETE CASCADE,
    PRIMARY KEY (task, seq)
) WITHOUT ROWID;
"""

# What only the running server can say is never stored.
_VOLATILE = {"position_in_queue", "wait_reason"}


@dataclass(frozen=True)
class StoredJob:
    """A job and its place in the order of arrival."""

    seq: int
    info: JobInfo


@dataclass(frozen=True)
class Submission:
    """What makes two submissions the same one.

    Parameters
    ----------
    key
        The client's name for it.
    digest
        Digest of the request.
    """

    key: str
    digest: str

    @classmethod
    def of(cls, key: str, request: EvaluateRequest) -> Submission:
        """Digest a request, whatever the order of its fields."""
        text = json.dumps(request.model_dump(mode="json"), sort_keys=True)
        return cls(key, hashlib.sha256(text.encode()).hexdigest())


class JobStore:
    """The jobs of one state directory.

    Parameters
    ----------
    path
        The database file; created, with its folder, if missing. Both are private to the user.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # WAL: readers never wait. FULL: an answered submission survives a power cut.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._migrate()

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise ValueError(
                f"The job database has version {version}, this package understands up to {SCHEMA_VERSION}: "
                "use the newer jupyter_lmms_eval or another --state-dir"
            )
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add(self, info: JobInfo, submission: Submission | None = None) -> int | None:
        """Store a new job durably.

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
        key, digest = (submission.key, submission.digest) if submission else (None, None)
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO job (job_id, status, model, revision, info, submission_key, submission_digest) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (submission_key) DO NOTHING",
                (info.job_id, info.status.value, info.request.model, info.revision, _dump(info), key, digest),
            )
            if cursor.rowcount == 0:
                return None
            seq = int(cursor.lastrowid or 0)
            self._db.executemany(
                "INSERT OR IGNORE INTO job_task (task, seq) VALUES (?, ?)",
                [(task, seq) for task in info.request.tasks],
            )
        return seq

    def save(self, info: JobInfo) -> None:
        """Store the present state of a known job."""
        with self._transaction():
            self._db.execute(
                "UPDATE job SET status = ?, revision = ?, info = ? WHERE job_id = ?",
                (info.status.value, info.revision, _dump(info), info.job_id),
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

    def changed(self, since: int) -> list[JobInfo]:
        """Return the jobs whose stored state is newer than a revision."""
        rows = self._db.execute("SELECT info FROM job WHERE revision > ? ORDER BY revision", (since,)).fetchall()
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
        where: list[str] = []
        values: list[object] = []
        if statuses:
            where.append(f"status IN ({', '.join('?' * len(statuses))})")
            values += [status.value for status in statuses]
        if model is not None:
            where.append("model = ?")
            values.append(model)
        if task is not None:
            where.append("seq IN (SELECT seq FROM job_task WHERE task = ?)")
            values.append(task)
        if before is not None:
            where.append("seq < ?")
            values.append(before)
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        rows = self._db.execute(
            f"SELECT seq, info FROM job {condition} ORDER BY seq DESC LIMIT ?",  # noqa: S608  (only our own words)
            (*values, limit),
        ).fetchall()
        return [StoredJob(seq, _load(info)) for seq, info in rows]

    def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs are in each status."""
        rows: Iterable[tuple[str, int]] = self._db.execute("SELECT status, count(*) FROM job GROUP BY status")
        found = {JobStatus(status): count for status, count in rows}
        return {status: found.get(status, 0) for status in JobStatus}

    def last_revision(self) -> int:
        """Return the highest revision any job has had."""
        (revision,) = self._db.execute("SELECT coalesce(max(revision), 0) FROM job").fetchone()
        return int(revision)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK on any error."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _dump(info: JobInfo) -> str:
    return info.model_dump_json(exclude=_VOLATILE)


def _load(text: str) -> JobInfo:
    return JobInfo.model_validate_json(text)
