"""What may be asked through Jupyter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval import ServerArgs, create_app
from jupyter_lmms_eval.serverext.allowing import Patience, patience, target
from jupyter_lmms_eval.serverext.refusal import Refusal


def operations() -> list[tuple[str, str]]:
    paths = create_app(ServerArgs(token="t")).openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_route_of_the_api_is_reached(method: str, path: str) -> None:
    # A new route that only looks at a job is reached by itself; one that changes something is to be added.
    raw = re.sub(r"\{[^}]*\}", "some-id", path).lstrip("/")
    assert target(method, raw, "").path == "/" + raw


@pytest.mark.parametrize(
    "path", ["", "nothing", "jobs/", "/jobs", "jobs//x", "health/../jobs", "api/contents", "jobs;x"]
)
def test_nothing_else_is(path: str) -> None:
    with pytest.raises(Refusal) as refused:
        target("GET", path, "")
    assert refused.value.status_code in (400, 404)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "jobs"), ("PUT", "jobs/x"), ("DELETE", "evaluate"), ("GET", "merge")]
)
def test_a_verb_that_a_route_does_not_have_is_refused_with_those_it_has(method: str, path: str) -> None:
    with pytest.raises(Refusal, match="only with") as refused:
        target(method, path, "")
    assert refused.value.status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "jobs/..",
        "jobs/../health",
        "jobs/%2e%2e/health",
        "jobs/%2E%2E/health",
        "jobs/.",
        "jobs/a%2fb",
        "jobs/a%2Fb",
        "jobs/a%5cb",
        "jobs/a%252fb",
        "jobs/a%00b",
        "jobs/a%0d%0aHost:%20evil",
        "jobs/%ff",
    ],
)
def test_a_path_that_somebody_could_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(Refusal) as refused:
        target("GET", path, "")
    assert refused.value.status_code == 400


@given(st.text(min_size=1, max_size=60))
def test_whatever_is_let_through_stays_where_it_is(text: str) -> None:
    try:
        allowed = target("GET", f"jobs/{text}", "")
    except Refusal:
        return
    assert re.fullmatch(rb"/jobs(/[A-Za-z0-9._~%-]+)+", allowed.raw)
    assert not {"", ".", ".."} & set(allowed.path.split("/")[1:])


def test_what_is_meant_for_jupyter_does_not_travel_on() -> None:
    asked = target("GET", "jobs", "token=secret&status=queued&status=running&_xsrf=x&no_track_activity=1&model=a%20b")
    assert asked.raw == b"/jobs?status=queued&status=running&model=a+b"


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("jobs", "", Patience(30, 30)),
        ("jobs", "since=3&wait=25", Patience(55, 30)),
        ("jobs", "since=3&wait=1e9", Patience(30, 30)),
        ("jobs", "since=3&wait=nan", Patience(30, 30)),
        ("events", "", Patience(30, 45)),
        ("jobs/x/logs", "follow=true", Patience(30, None)),
        ("jobs/x/logs", "follow=false", Patience(30, 30)),
        ("jobs/x/samples", "", Patience(30, 30)),
        ("jobs/x/samples/t/3/media", "", Patience(120, 30)),
        ("jobs/x/samples/t/3/media/0", "", Patience(120, 30)),
    ],
)
def test_how_long_an_answer_may_take(path: str, query: str, expected: Patience) -> None:
    assert patience(target("GET", path, query), 30) == expected
