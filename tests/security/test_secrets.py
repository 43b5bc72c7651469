"""What a request keeps secret reaches the evaluation, and nobody and nothing else."""

from __future__ import annotations

import json
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.protocol.run import RunFiles
from tests.conftest import Server, eventually, run_server
from tests.processes import GONE
from tests.security.conftest import everything_in

pytestmark = pytest.mark.evaluation
Start = Callable[..., Server]
PLUGIN = Path(__file__).parent / "plugin"

KEY = "key-of-the-user-4711"
OTHER_KEY = "key-of-the-user-4712"
BEARER = "bearer-of-the-user-0815"
JUDGE = "key-of-the-judge-9999"
SECRETS = (KEY, OTHER_KEY, BEARER, JUDGE)


SETTINGS = ("--include-path", str(TASKS_DIR), "--cpu-slots", "1")
ENVIRONMENT = {"PYTHONPATH": str(PLUGIN), "LMMS_EVAL_PLUGINS": "talkative_model", "JUDGE_API_KEY": JUDGE}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(tmp_path_factory.mktemp("talkative"), *SETTINGS, **ENVIRONMENT) as running:
        yield running


def request(seen: Path, key: str = KEY, *, text: bool = False, **more: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {BEARER}"}
    arguments: Any = {"seen": str(seen), "api_key": key, "headers": headers, **more}
    if text:
        arguments = ",".join(f"{name}={value}" for name, value in arguments.items() if name != "headers")
        arguments += f',headers={{"Authorization":"Bearer {BEARER}"}}'
    return {"model": "talkative", "model_args": arguments, "tasks": ["digits_read"], "limit": 2}


def heard(server: Server, job_id: str) -> str:
    """All that any route tells of a job."""
    answers = [
        server.client.list_jobs(),
        server.client.get_job(job_id),
        server.client.changed_jobs(0),
        server.client.logs(job_id),
        server.client.get_queue_status(),
        server.client.health(),
    ]
    headers = {"Authorization": f"Bearer {server.token}", "Last-Event-ID": "0"}
    with httpx.stream("GET", f"{server.url}/events", headers=headers, timeout=20) as stream:
        events = ""
        for part in stream.iter_text():
            events += part
            if job_id in events:
                break
    return json.dumps(answers) + events


def told(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [secret for secret in SECRETS if secret.encode() in raw]


@pytest.mark.parametrize("text", [False, True], ids=["object", "text"])
def test_a_secret_reaches_the_evaluation_and_nothing_else(server: Server, tmp_path: Path, text: bool) -> None:
    job = server.client.evaluate(**request(tmp_path / "seen", text=text), idempotency_key=f"cell {text}")
    job_id = job["job_id"]
    waiting = server.client.get_job(job_id)
    assert "[redacted" in json.dumps(waiting["request"]["model_args"])
    ended = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert ended["status"] == "completed", ended["error"]
    seen = (tmp_path / "seen").read_text()
    assert told(seen) == [KEY, BEARER, JUDGE], "the model was given them"
    assert told(heard(server, job_id)) == []
    assert server.client.logs(job_id)["text"].count("[redacted]") >= 2
    eventually(lambda: told(everything_in(server.state_dir, but="output" if text else "")) == [], patience=GONE)
    assert list((server.state_dir / "secrets").glob("*.json")) == []
    again = server.client.evaluate(**request(tmp_path / "seen", text=text), idempotency_key=f"cell {text}")
    assert (again["job_id"], again["created"]) == (job_id, False)
    assert told(json.dumps(again)) == []


def test_while_a_job_waits_its_secrets_lie_in_one_private_file(server: Server, tmp_path: Path) -> None:
    first, second = (server.client.evaluate(**request(tmp_path / "seen", fail=True))["job_id"] for _ in range(2))
    kept = server.state_dir / "secrets"
    holding = [path for path in server.state_dir.rglob("*.*") if path.is_file() and told(path.read_bytes())]
    holding = [path for path in holding if "output" not in path.parts]
    assert kept / f"{second}.json" in holding
    assert {path.parent for path in holding} == {kept}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    for job_id in (second, first):
        server.client.cancel_job(job_id)
    assert list(kept.glob("*.json")) == []


def test_a_killed_server_leaves_a_job_that_still_has_its_secrets(start_server: Start, tmp_path: Path) -> None:
    first = start_server(*SETTINGS, "--fresh-processes", state_dir=tmp_path / "state", **ENVIRONMENT)
    job_id = first.client.evaluate(**request(tmp_path / "seen"))["job_id"]
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    stranger = tmp_path / "state" / "secrets" / "of-a-job-that-is-over.json"
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("{}")
    second = start_server(*SETTINGS, "--fresh-processes", state_dir=tmp_path / "state", **ENVIRONMENT)
    assert second.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)["status"] == "completed"
    assert KEY in (tmp_path / "seen").read_text()
    eventually(lambda: told(everything_in(tmp_path / "state")) == [], patience=GONE)
    assert not stranger.exists()


def test_a_failed_job_tells_no_secret_and_needs_it_again(server: Server, tmp_path: Path) -> None:
    wanted = request(tmp_path / "seen", fail=True)
    job_id = server.client.evaluate(**wanted)["job_id"]
    with pytest.raises(RuntimeError):
        server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    failed = server.client.get_job(job_id)
    assert failed["failure"]["message"].startswith("401 for [redacted]")
    assert told(heard(server, job_id)) == []
    eventually(lambda: told(everything_in(server.state_dir, but="output")) == [], patience=GONE)
    with pytest.raises(EvalServerError, match=r"secrets in model_args of job .* were deleted when it ended") as refused:
        server.client.retry_job(job_id)
    assert refused.value.status_code == 422
    with pytest.raises(EvalServerError, match="tried again as it was"):
        server.client.retry_job(job_id, model_args={**wanted["model_args"], "fail": False})
    # The user has a new key by now.
    server.client.retry_job(job_id, model_args={**wanted["model_args"], "api_key": OTHER_KEY})
    with pytest.raises(RuntimeError):
        server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert OTHER_KEY in (tmp_path / "seen").read_text()
    eventually(lambda: told(everything_in(server.state_dir, but="output")) == [], patience=GONE)


def test_a_model_in_memory_is_not_used_with_the_key_of_another(server: Server, tmp_path: Path) -> None:
    for key in (KEY, OTHER_KEY, OTHER_KEY):
        job_id = server.client.evaluate(**request(tmp_path / "seen", key))["job_id"]
        job = server.client.wait_for_job(job_id, poll_interval=0.1, verbose=False)
        start_of = job["attempts"][-1]["start"]
    lines = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    built = [line["api_key"] for line in lines if "api_key" in line]
    assert built[:2] == [KEY, OTHER_KEY]
    assert start_of == "warm" or len(built) == 3


def test_what_was_redacted_is_not_taken_for_a_secret(server: Server, tmp_path: Path) -> None:
    with pytest.raises(EvalServerError, match="stands for a secret, which this server gives to nobody"):
        server.client.evaluate(**request(tmp_path / "seen", "[redacted:0123456789abcdef]"))


def test_secrets_of_generation_arguments_are_kept_too(server: Server, tmp_path: Path) -> None:
    wanted = {**request(tmp_path / "seen"), "gen_kwargs": f"max_new_tokens=4,auth_token={OTHER_KEY}"}
    job_id = server.client.evaluate(**wanted)["job_id"]
    server.client.cancel_job(job_id)
    assert not RunFiles(server.client.get_job(job_id)["job_dir"]).spec.exists()
    assert told(heard(server, job_id)) == []
    assert list((server.state_dir / "secrets").glob("*.json")) == []


def test_results_and_logs_hold_no_secret_of_any_argument(server: Server, tmp_path: Path) -> None:
    wanted = {**request(tmp_path / "seen", text=True), "gen_kwargs": f"max_new_tokens=4,auth_token={OTHER_KEY}"}
    job_id = server.client.evaluate(**wanted)["job_id"]
    job = server.client.wait_for_job(job_id, poll_interval=0.2, verbose=False)
    assert OTHER_KEY in (tmp_path / "seen").read_text(), "the model was given it"
    assert told(everything_in(Path(job["job_dir"]))) == []
