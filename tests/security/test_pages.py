"""What a browser is told it may do with an answer, and that the documentation works under it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from jupyter_lmms_eval.api.policies import page_policy
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.conftest import Server


@pytest.mark.parametrize("path", ["/health", "/jobs", "/docs", "/redoc", "/openapi.json", "/nowhere"])
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_is_for_who_asked_and_is_what_it_says(guarded: Server, path: str, known: bool) -> None:
    answer = httpx.get(guarded.url + path, headers={"Authorization": f"Bearer {guarded.token}"} if known else {})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect"])
def test_a_page_runs_its_own_scripts_only(guarded: Server, path: str) -> None:
    answer = httpx.get(guarded.url + path, headers={"Authorization": f"Bearer {guarded.token}"})
    policy = answer.headers["content-security-policy"]
    (scripts,) = [part for part in policy.split("; ") if part.startswith("script-src")]
    assert "unsafe" not in scripts
    assert scripts.count("sha256-") == answer.text.count("<script>")


def test_a_script_that_somebody_put_in_changes_no_policy() -> None:
    page = b"<html><script>ours()</script></html>"
    injected = page.replace(b"</html>", b"<script src=//evil></script><img onerror=evil()></html>")
    assert page_policy(injected) == page_policy(page)


@pytest.mark.parametrize("prefix", ['"><script>evil()</script>', "//evil.example", "/a'b", "/a b", "javascript:x"])
def test_what_a_proxy_says_of_its_path_gets_into_no_page(guarded: Server, prefix: str) -> None:
    headers = {"Authorization": f"Bearer {guarded.token}", "X-Forwarded-Prefix": prefix}
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "evil" not in httpx.get(guarded.url + path, headers=headers).text


@pytest.mark.browser
def test_the_documentation_works_under_its_policy(guarded: Server) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page: Any = chromium.new_page()
        page.set_default_timeout(60_000)
        complaints: list[str] = []
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{guarded.url}/docs?token={guarded.token}")
        assert "token" not in page.url
        health = page.locator("#operations-server-health")
        health.locator("button.opblock-summary-control").click()
        health.get_by_role("button", name="Try it out").click()
        health.get_by_role("button", name="Execute").click()
        health.locator(".live-responses-table").get_by_text(guarded.record.id).first.wait_for()
        assert complaints == []
        assert page.evaluate("document.cookie") == "", "no script sees the token"
        page.goto(f"{guarded.url}/redoc")
        page.get_by_text("Submit an evaluation").first.wait_for(state="attached")
        # Its logo lies on the network, and is blocked.
        assert [one for one in complaints if "cdn.redoc.ly" not in one] == []
        chromium.close()
