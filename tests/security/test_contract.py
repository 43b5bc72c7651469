"""Whatever is sent to any route: no failure of the server, and every answer is as the documentation says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval import ServerArgs, create_app
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.api.seeding import waiting_jobs
from tests.conftest import Server, run_server

schemathesis = pytest.importorskip("schemathesis", reason="Schemathesis is not installed")
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from schemathesis.generation import GenerationMode  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
EXAMPLES = 15
KNOWN_JOB = "00000000-0000-4000-8000-000000000001"
# They answer until the server stops.
STREAMS = ("/events",)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two jobs that wait for ever."""
    state_dir: Path = tmp_path_factory.mktemp("described")
    waiting_jobs(state_dir, 2)
    with run_server(state_dir, "--include-path", str(TASKS_DIR), "--cpu-slots", "1") as server:
        server.client.list_tasks()
        yield server


SCHEMA = schemathesis.openapi.from_dict(create_app(ServerArgs(token="t")).openapi())
ROUTES = [
    (path, method) for path, methods in SCHEMA.raw_schema["paths"].items() for method in methods if path not in STREAMS
]
# The same examples each time: what they find is to be found again.
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def _can_be_invalid(path: str, method: str) -> bool:
    return bool(SCHEMA[path][method].query or SCHEMA[path][method].body)


VALID = [pytest.param(*route, GenerationMode.POSITIVE, id=f"{route[1]} {route[0]} valid") for route in ROUTES]
INVALID = [
    pytest.param(*route, GenerationMode.NEGATIVE, id=f"{route[1]} {route[0]} invalid")
    for route in ROUTES
    if _can_be_invalid(*route)
]


@pytest.mark.parametrize(("path", "method", "mode"), [*VALID, *INVALID])
def test_every_answer_is_as_described(described: Server, path: str, method: str, mode: Any) -> None:
    operation = SCHEMA[path][method]

    @BOUNDED
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        query = case.query if isinstance(case.query, dict) else {}
        for name in {"wait", "follow"} & query.keys():  # their answers are held back
            del query[name]
        if "job_id" in (case.path_parameters or {}) and len(case.path_parameters["job_id"]) % 2:
            case.path_parameters["job_id"] = KNOWN_JOB
        if path == "/evaluate" and isinstance(case.body, dict) and len(str(case.body)) % 2:
            case.body |= {"model": "dummy", "tasks": ["digits_read"]}  # or no request would come as far as the queue
        headers = {"Authorization": f"Bearer {described.token}"}
        answer = case.call(base_url=described.url, headers=headers, timeout=60)
        assert answer.status_code != 500, answer.text
        case.validate_response(answer, checks=CHECKS)

    ask()
    assert "Traceback" not in described.log.read_text()
