"""Nothing that a client names leads out of a job's directory, and no other user of the machine reads what is in it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.discovery.records import record_path
from jupyter_lmms_eval.engine.logs import read_log
from jupyter_lmms_eval.protocol.run import RunFiles
from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server, run_server
from tests.security.raw import request

JOB = "00000000-0000-4000-8000-000000000001"
ELSEWHERE = [
    "..",
    "%2e%2e",
    "../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cetc",
    f"{JOB}/../{JOB}",
    f"{JOB}%2f..%2f..",
    f"{JOB}%00",
    "%00",
    ".",
    "%252e%252e%252f",
    "waiting-1",
    "*",
    "' OR 1=1 --",
    "a" * 5000,
]


@pytest.mark.parametrize("job_id", ELSEWHERE)
@pytest.mark.parametrize("rest", ["", "/logs", "/results"])
def test_a_job_id_names_a_job_and_nothing_else(guarded: Server, job_id: str, rest: str) -> None:
    target = job_id.replace(" ", "%20")
    answer = request(guarded, f"GET /jobs/{target}{rest} HTTP/1.1")
    assert answer.status == 404, answer
    assert b"root:" not in answer.body


@pytest.mark.parametrize("offset", [-1, -(10**18), 10**18, 0, 7])
def test_an_offset_stays_within_the_log(guarded: Server, offset: int) -> None:
    folder = Path(guarded.client.get_job(JOB)["job_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    RunFiles(folder).log.write_text("first line\n")
    read = guarded.client.logs(JOB, offset=offset)
    assert read["text"] in "first line\n"
    assert 0 <= read["offset"] <= read["next_offset"] <= 11


@pytest.mark.parametrize("offset", ["9" * 400, "-" + "9" * 400, "1e3", "0x10", "%00", ""])
def test_a_number_that_is_none_is_refused(guarded: Server, offset: str) -> None:
    answer = request(guarded, f"GET /jobs/{JOB}/logs?offset={offset} HTTP/1.1")
    assert answer.status in (200, 422), answer


def test_a_log_that_is_a_link_is_not_followed(guarded: Server, tmp_path: Path) -> None:
    """An evaluation runs code of tasks and models, and may leave anything in its directory."""
    (tmp_path / "private").write_text("of somebody else")
    folder = Path(guarded.client.get_job(JOB)["job_dir"])
    log = RunFiles(folder).log
    log.unlink(missing_ok=True)
    log.symlink_to(tmp_path / "private")
    with pytest.raises(EvalServerError, match="is a link") as refused:
        guarded.client.logs(JOB)
    assert refused.value.status_code == 410
    log.unlink()
    os.mkfifo(log)
    with pytest.raises(EvalServerError, match="is not a file"):
        guarded.client.logs(JOB)
    log.unlink()
    assert read_log(log, 0, finished=False).text == ""


def test_static_files_of_the_documentation_are_all_there_is(guarded: Server) -> None:
    for path in ("../app.py", "%2e%2e/%2e%2e/setup.py", "..%2fapp.py", "/etc/passwd", "%00", ""):
        answer = request(guarded, f"GET /static-offline-docs/{path} HTTP/1.1")
        assert answer.status in (404, 400), (path, answer)


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_no_other_user_reads_jobs_or_records(strict_umask: None, tmp_path: Path) -> None:
    """Also where the user's files are readable by all, and the folder was there before."""
    state_dir = tmp_path / "state"
    state_dir.mkdir(mode=0o755)
    waiting_jobs(state_dir, 1)
    with run_server(state_dir, IMPORTS_NOTHING, "--cpu-slots", "1") as server:
        answer = httpx.post(
            f"{server.url}/evaluate",
            json={"model": "dummy", "tasks": ["mme"], "model_args": {"api_key": "key-of-the-user"}},
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        job_dir = Path(server.client.get_job(answer.json()["job_id"])["job_dir"])
        server.client.cancel_job(answer.json()["job_id"])
        private = [
            record_path(server.record.id),
            state_dir / "jobs.sqlite",
            state_dir / "server.lock",
            state_dir / "secrets",
            state_dir / "secrets" / "key",
            job_dir,
            RunFiles(job_dir).card,
            *state_dir.glob("jobs.sqlite-*"),
        ]
        loose = [str(path) for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert loose == []


def test_a_record_that_others_may_write_is_not_believed(
    start_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from jupyter_lmms_eval.discovery.records import read_record

    server = start_server(IMPORTS_NOTHING)
    path = record_path(server.record.id)
    assert json.loads(path.read_bytes())["token"] == server.token
    path.chmod(0o622)
    assert read_record(path) is None
