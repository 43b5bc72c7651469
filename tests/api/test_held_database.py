"""While another program holds the database, a submission is refused in a sentence, and nothing of it is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from jupyter_lmms_eval.api.errors import RETRY_SECONDS
from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import IMPORTS_NOTHING, Server

WAITS = {"model": "dummy", "tasks": ["digits_read"], "device": "cpu", "idempotency_key": "once"}


def test_a_submission_is_to_be_tried_again(start_server: Callable[..., Server]) -> None:
    server = start_server(IMPORTS_NOTHING, "--include-path", str(TASKS_DIR), "--cpu-slots", "1")
    server.client.list_tasks()
    with closing(sqlite3.connect(server.state_dir / "jobs.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(EvalServerError, match="Another program holds the database of the jobs") as refused:
            server.client.evaluate(**WAITS)
        assert refused.value.status_code == 503
        assert refused.value.response.headers["Retry-After"] == str(RETRY_SECONDS)
        assert server.client.list_jobs()["jobs"] == [], "who only looks does not wait"
        holder.execute("ROLLBACK")
    answer = server.client.evaluate(**WAITS)
    assert answer["created"] is True, "the key was not used up"
    server.client.cancel_job(answer["job_id"])
