"""The tables of the job database, and the steps that bring an older one up to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from .errors import StoreTooNew

_VERSION_1 = """
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

_VERSION_2 = """
CREATE INDEX job_by_model_and_status ON job (model, status, seq);
"""

# Version 3 knows of jobs whose device failed.
_VERSION_3 = ""

# MIGRATIONS[n] brings a database of version n to version n + 1. A step that was released is never edited. A new
# value of an existing field of `JobInfo` (a status, a cause) needs a step too, if only an empty one: an older
# package must refuse such rows, and not take them for damage.
MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
SCHEMA_VERSION = len(MIGRATIONS)


def migrate(db: sqlite3.Connection, steps: Sequence[str] = MIGRATIONS) -> None:
    """Bring a database to the present version, step by step, each step wholly or not at all.

    Parameters
    ----------
    db
        The database; an empty one has version 0.
    steps
        What brings version n to version n + 1.

    Raises
    ------
    StoreTooNew
        If it is beyond the present version.
    sqlite3.Error
        If a step fails; the database is as that step found it.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise StoreTooNew(
            f"The job database has version {version}, this package understands up to {len(steps)}: "
            "use the newer jupyter_lmms_eval or another --state-dir"
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        with rolled_back_on_error(db):
            db.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")


@contextmanager
def rolled_back_on_error(db: sqlite3.Connection) -> Iterator[None]:
    """Leave no transaction open behind an error.

    Parameters
    ----------
    db
        The database.
    """
    try:
        yield
    except BaseException:
        # SQLite ends the transaction of some errors by itself. One that stayed open would block every later one.
        if db.in_transaction:
            with suppress(sqlite3.Error):  # the first error is the one to tell
                db.execute("ROLLBACK")
        raise
