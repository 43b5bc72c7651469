"""Two who want the same thing at once: one gets it, and the other hears who has it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from jupyter_lmms_eval.client.errors import EvalServerError
from tests.conftest import Server, eventually

from .conftest import Place, answering, finished, gone, kill

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]


def test_two_servers_for_one_state_directory(tmp_path: Path, start_server: Callable[..., Server]) -> None:
    command = [sys.executable, "-m", "jupyter_lmms_eval.launch_server", "--port", "0", "--state-dir", str(tmp_path)]
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ.copy())
        for _ in range(4)
    ]
    losers = eventually(lambda: (ended := [r for r in racers if r.poll() is not None]) and len(ended) == 3 and ended)
    (winner,) = set(racers) - set(losers)
    try:
        for loser in losers:
            said, _ = loser.communicate()
            assert loser.returncode == 1
            assert f"is in use by the server with pid {winner.pid}" in said
            assert "--state-dir" in said
            assert "Traceback" not in said
    finally:
        winner.terminate()
        winner.communicate(timeout=20)


def test_two_servers_for_one_device(place: Place) -> None:
    one = place.start(state_dir=place.root / "one")
    two = place.start(state_dir=place.root / "two")
    first = one.client.evaluate(**place.request(100))["job_id"]
    answering(one, first)
    second = two.client.evaluate(**place.request(4, delay=0))["job_id"]
    reason = f"waits for cpu:0: used by job {first[:8]} of the server with pid {one.process.pid}"
    eventually(lambda: two.client.get_job(second)["wait_reason"] == reason)
    assert two.client.devices()[0]["held_by"] == reason.removeprefix("waits for cpu:0: ")
    ended = datetime.fromisoformat(finished(one, first)["completed_at"])
    began = datetime.fromisoformat(finished(two, second)["started_at"])
    # The device is given on only when the first evaluation is gone.
    assert (began - ended).total_seconds() > -0.5


def test_a_killed_server_gives_its_device_back(place: Place) -> None:
    one = place.start(state_dir=place.root / "one")
    job = answering(one, one.client.evaluate(**place.request(400, delay=0.2))["job_id"])
    two = place.start(state_dir=place.root / "two")
    second = two.client.evaluate(**place.request(4, delay=0))["job_id"]
    kill(one)
    gone(job)
    assert finished(two, second)["status"] == "completed"


def test_a_hundred_clients_with_the_same_key(place: Place) -> None:
    server = place.start()
    server.client.list_tasks()
    request = place.request(4, delay=0)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.client.evaluate(**request, idempotency_key="once"), range(100)))
    assert len({answer["job_id"] for answer in answers}) == 1
    assert [answer["created"] for answer in answers].count(True) == 1
    assert len(server.client.list_jobs()["jobs"]) == 1
    assert len(eventually(lambda: list((server.state_dir / "jobs").glob("*")))) == 1
    with pytest.raises(EvalServerError, match="whose request is another; use a new key") as refused:
        server.client.evaluate(**{**request, "limit": 5}, idempotency_key="once")
    assert refused.value.status_code == 409


@pytest.mark.parametrize("sent", ["half", "whole"])
def test_a_client_that_hangs_up_while_it_submits(place: Place, sent: str) -> None:
    server = place.start()
    server.client.list_tasks()
    request = place.request(4, delay=0)
    body = json.dumps(request).encode()
    head = (
        f"POST /evaluate HTTP/1.1\r\nHost: localhost:{server.record.port}\r\nAuthorization: Bearer {server.token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: cut\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.record.port)) as connection:
        connection.sendall(head + (body[: len(body) // 2] if sent == "half" else body))
    if sent == "whole":
        eventually(lambda: server.client.list_jobs()["jobs"])
    # Whoever did not hear the answer asks again and gets one job, whole.
    answer = server.client.evaluate(**request, idempotency_key="cut")
    assert answer["created"] is (sent == "half")
    assert len(server.client.list_jobs()["jobs"]) == 1
    assert finished(server, answer["job_id"])["status"] == "completed"
