"""The documentation describes every route, and is closed like everything else."""

from __future__ import annotations

import httpx
import pytest

from jupyter_lmms_eval import ServerArgs, create_app
from tests.conftest import Server


def test_every_route_is_described() -> None:
    paths = create_app(ServerArgs(token="t")).openapi()["paths"]
    operations = [(path, method, found) for path, methods in paths.items() for method, found in methods.items()]
    assert {(path, method) for path, method, _ in operations} >= {
        ("/health", "get"),
        ("/evaluate", "post"),
        ("/jobs", "get"),
        ("/jobs/{job_id}", "get"),
        ("/jobs/{job_id}", "delete"),
        ("/jobs/{job_id}/logs", "get"),
        ("/jobs/{job_id}/results", "get"),
        ("/events", "get"),
        ("/queue", "get"),
        ("/devices", "get"),
        ("/tasks", "get"),
        ("/models", "get"),
        ("/merge", "post"),
    }
    for path, method, found in operations:
        assert found.get("summary"), (path, method)
        assert found.get("description"), (path, method)
        for parameter in found.get("parameters", []):
            assert parameter.get("description"), (path, parameter["name"])


def test_a_request_has_an_example_and_every_field_a_description() -> None:
    schema = create_app(ServerArgs(token="t")).openapi()["components"]["schemas"]["EvaluateRequest"]
    assert schema["examples"][0]["model"] == "qwen2_5_vl"
    assert all(field.get("description") for field in schema["properties"].values())


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_documentation_needs_the_token_and_no_other_host(server: Server, path: str) -> None:
    assert httpx.get(server.url + path).status_code == 401
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(server.url + path, params={"token": server.token})
        assert page.status_code == 200
        assert "token=" not in str(page.url)
        assert "https://" not in page.text.replace("https://github.com/EvolvingLMMs-Lab", "")
        assert browser.get(server.url + path).status_code == 200  # the cookie


def test_the_token_is_asked_for_everywhere(server: Server) -> None:
    for path in ("/health", "/jobs", "/queue", "/nothing-here"):
        answer = httpx.get(server.url + path)
        assert answer.status_code == 401
        assert "token" in answer.json()["detail"]


def test_two_apps_share_nothing() -> None:
    one, two = create_app(ServerArgs()), create_app(ServerArgs())
    assert one.state.token != two.state.token
    assert one.state.server_id != two.state.server_id
