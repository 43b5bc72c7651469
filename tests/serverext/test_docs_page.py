"""The pages of an evaluation server in a real browser, through Jupyter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.conftest import Server
from tests.serverext.conftest import BASE, Jupyter, queued

pytestmark = pytest.mark.browser


@pytest.fixture
def page(jupyter: Jupyter) -> Iterator[Any]:
    """A page of a browser that is logged in; it remembers every address that answered, and every complaint."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        opened = chromium.new_page()
        opened.set_default_timeout(60_000)
        opened.addresses, opened.complaints = [], []
        opened.on("response", lambda response: opened.addresses.append(response.url))
        opened.on("console", lambda said: said.type == "error" and opened.complaints.append(said.text))
        opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.goto(f"{jupyter.url}/lmms-eval/?token={jupyter.token}")
        opened.addresses.clear()
        yield opened
        chromium.close()


def test_try_it_out_works_for_questions_and_for_changes(page: Any, jupyter: Jupyter, waiting: Server) -> None:
    job = queued(waiting)["job_id"]
    below = f"{jupyter.url}/lmms-eval/servers/{waiting.record.id}"
    page.goto(f"{below}/")
    page.wait_for_url(f"{below}/docs")
    health = page.locator("#operations-server-health")
    health.locator("button.opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    health.locator(".live-responses-table").get_by_text(waiting.record.id).first.wait_for()
    cancel = page.locator("#operations-jobs-cancel_job")
    cancel.locator("button.opblock-summary-control").click()
    cancel.get_by_role("button", name="Try it out").click()
    cancel.get_by_placeholder("job_id").fill(job)
    cancel.get_by_role("button", name="Execute").click()
    cancel.locator(".live-responses-table").get_by_text(f"Job {job} cancelled").first.wait_for()
    assert waiting.client.get_job(job)["status"] == "cancelled"
    assert page.complaints == []
    elsewhere = [one for one in page.addresses if not one.startswith((below, "data:", "blob:"))]
    assert elsewhere == []


def test_the_other_page_shows_the_routes(page: Any, jupyter: Jupyter, waiting: Server) -> None:
    below = f"{jupyter.url}/lmms-eval/servers/{waiting.record.id}"
    page.goto(f"{below}/redoc")
    page.get_by_text("Submit an evaluation").first.wait_for(state="attached")
    page.get_by_text(f"{BASE}/lmms-eval/servers/{waiting.record.id}/evaluate").first.wait_for(state="attached")
    # Its logo lies on the network: blocked, and reported to Jupyter.
    assert [one for one in page.complaints if "cdn.redoc.ly" not in one or "blocked" not in one] == []
    own = (below, f"{jupyter.url}/api/security/csp-report", "data:", "blob:")
    assert [one for one in page.addresses if not one.startswith(own)] == []
