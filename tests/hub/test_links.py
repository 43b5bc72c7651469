"""The links of a server's card lead through the hub, for the one whose notebook it is."""

from __future__ import annotations

import httpx
import pytest

from jupyter_lmms_eval import EvalClient
from tests.hub.conftest import Served
from tests.hub.people import Person, xsrf
from tests.hub.running import BASE

ANSWERS = ("openapi.json", "jobs", "health", "static-offline-docs/swagger-ui-bundle.js")


def test_the_card_names_the_way_through_the_hub_and_no_other(ann: Person, served: Served) -> None:
    assert served.way.startswith(f"{BASE}/user/ann@example.org/lmms-eval/servers/")
    assert served.links == [f"{served.way}docs"]
    assert f">{served.way}</a>  (through Jupyter)" in served.card


def test_a_person_who_follows_it_is_led_through_the_login(ann: Person, served: Served, logged_in: httpx.Client) -> None:
    # The browser knows the hub and not yet the person's Jupyter: the hub tells one of the other.
    answer = logged_in.get(ann.hub.origin + served.way)
    assert str(answer.url) == f"{ann.hub.origin}{served.way}docs"
    assert "swagger-ui" in answer.text
    assert any("/oauth2/authorize" in str(step.url) for step in answer.history)
    for path in ANSWERS:
        assert logged_in.get(ann.hub.origin + served.way + path).status_code == 200, path


@pytest.mark.evaluation
def test_a_job_is_submitted_by_a_page_and_its_log_is_read(ann: Person, served: Served, logged_in: httpx.Client) -> None:
    logged_in.base_url = httpx.URL(ann.hub.origin + served.way)
    logged_in.get("docs")
    request = {"model": "dummy", "tasks": ["digits_read"], "limit": 4}
    for headers in ({}, {"X-XSRFToken": "2|0|0|0"}):
        refused = logged_in.post("evaluate", json=request, headers=headers)
        assert refused.status_code == 403
    answer = logged_in.post("evaluate", json=request, headers={"X-XSRFToken": xsrf(logged_in, ann)})
    job = answer.raise_for_status().json()["job_id"]
    with logged_in.stream("GET", f"jobs/{job}/logs", params={"follow": "true"}) as log:
        assert "digits_read" in log.read().decode()
    assert logged_in.get(f"jobs/{job}").json()["status"] == "completed"


def test_nobody_gets_there_without_a_login(ann: Person, served: Served) -> None:
    with httpx.Client(base_url=ann.hub.origin + served.way, timeout=60, trust_env=False) as stranger:
        for page in ("", "docs", "redoc"):
            answer = stranger.get(page)
            assert answer.status_code == 302, page
            assert answer.headers["location"].startswith(f"{BASE}/hub/api/oauth2/authorize?")
            login = stranger.get(ann.hub.origin + answer.headers["location"])
            assert login.headers["location"].startswith(f"{BASE}/hub/login?")
        for path in ANSWERS:
            answer = stranger.get(path)
            assert answer.status_code == 403, path
            assert "log in to Jupyter" in answer.json()["message"]
        assert stranger.post("evaluate", json={}).status_code == 403


def test_another_person_of_the_hub_is_refused(ann: Person, bob: Person, served: Served) -> None:
    with bob.browser() as browser:
        browser.base_url = httpx.URL(ann.hub.origin + served.way)
        for path in ("", "docs", *ANSWERS):
            answer = browser.get(path)
            assert answer.status_code == 403, path
            assert served.id not in answer.text
        assert browser.post("evaluate", json={}, headers={"X-XSRFToken": "any"}).status_code == 403
    for token in (bob.token(), "no token of this hub"):
        with (
            EvalClient(ann.hub.origin + served.way, token=token) as script,
            pytest.raises(httpx.HTTPStatusError, match=r"Authorization: token TOKEN|is not allowed") as refusal,
        ):
            script.list_jobs()
        assert refusal.value.response.status_code == 403
