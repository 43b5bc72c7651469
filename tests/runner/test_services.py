"""Models that are services: many requests on the way at once, over connections that are kept."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import Server, eventually

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]
LIMIT = 200


class Endpoint(ThreadingHTTPServer):
    """Speaks OpenAI's protocol, answers 7, and remembers what it was asked.

    Attributes
    ----------
    asked
        How often each question came.
    broken
        Whether it refuses all questions.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[bytes] = Counter()
        self.broken = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    server: Endpoint

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked[question] += 1
        time.sleep(0.01)
        message = {"role": "assistant", "content": "7"}
        answer: dict[str, Any] = {
            "id": "answer",
            "object": "chat.completion",
            "created": 0,
            "model": "stub",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
        }
        if self.server.broken:
            answer = {"error": {"message": "out of order", "type": "server_error"}}
        body = json.dumps(answer).encode()
        self.send_response(400 if self.server.broken else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def over(server: Server, endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    host, port = endpoint.server_address[:2]
    arguments = {"base_url": f"http://{host!s}:{port}/v1", "api_key": "none", "model_version": "stub", **more}
    job_id = server.client.evaluate(model="async_openai", model_args=arguments, tasks=["digits_read"], limit=LIMIT)[
        "job_id"
    ]

    def look() -> Any:
        job = server.client.get_job(job_id)
        return job["status"] not in ("queued", "running") and job

    job: dict[str, Any] = eventually(look, patience=90)
    return job


def test_no_request_is_lost_between_two_chunks_or_two_jobs(
    start_server: Callable[..., Server], endpoint: Endpoint
) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    first, second = over(server, endpoint), over(server, endpoint)
    assert [job["status"] for job in (first, second)] == ["completed", "completed"], first["error"] or second["error"]
    assert second["attempts"][0]["start"] == "warm"
    for job in (first, second):
        log = Path(job["job_dir"], "log.txt").read_text()
        assert "Event loop is closed" not in log
        assert len(set(Path(job["job_dir"], "journal.jsonl").read_text().splitlines())) == LIMIT
    assert sum(endpoint.asked.values()) == 2 * LIMIT


def test_what_failed_is_no_answer(start_server: Callable[..., Server], endpoint: Endpoint) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    endpoint.broken = True
    job = over(server, endpoint, max_retries=1)
    journal = Path(job["job_dir"], "journal.jsonl")
    assert not journal.exists() or not journal.read_text()
    assert any("too low" in warning for warning in job["warnings"]), job["warnings"]
