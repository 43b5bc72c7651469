"""A person's way on a hub: log in, open a notebook, watch the table, cancel a job, read the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.notebook import Notebook
from tests.hub.conftest import Served
from tests.hub.people import Person

pytestmark = [pytest.mark.browser, pytest.mark.evaluation, pytest.mark.timeout(300)]

CONNECT = """%load_ext jupyter_lmms_eval
server = %lmms_eval_server connect {id}
server"""
SUBMIT = """constant = {"response": "7"}
server.client.evaluate(name="a baseline", model="dummy", model_args=constant, tasks=["digits_read"])
slow = {"asked": "asked", "delay": 0.1}
server.client.evaluate(name="a long one", model="troubled", model_args=slow, tasks=["digits_read"])
print("submitted")"""
TABLE = "%lmms_eval_server jobs"


def test_from_the_login_to_a_cancelled_job(ann: Person, served: Served, page: Any, pictures: Path) -> None:
    page.goto(ann.hub.url)
    page.get_by_label("Username").fill(ann.name)
    page.get_by_label("Password").fill("any")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{ann.url}/lab**")
    # A second notebook, beside the one in which the server runs.
    notebook = Notebook.open(ann, page, (CONNECT.format(id=served.id), SUBMIT, TABLE), "python3")
    for cell in range(3):
        notebook.run(cell)
    table = notebook.table
    table.get_by_role("row", name="a baseline").get_by_text("completed").wait_for(timeout=60_000)
    table.get_by_role("row", name="a long one").get_by_text("running").wait_for(timeout=60_000)
    page.screenshot(path=pictures / "hub_running.png")
    table.get_by_role("row", name="a long one").get_by_role("button", name="Cancel job").click()
    table.get_by_role("row", name="a long one").get_by_text("cancelled").wait_for()
    table.get_by_role("row", name="a baseline").get_by_role("button", name="Results of job").click()
    table.get_by_text("exact_match").first.wait_for()
    page.screenshot(path=pictures / "hub_results.png")
    with page.expect_popup() as opened:
        page.get_by_role("link", name=served.way).click()
    try_it_out(opened.value, pictures)
    assert page.errors == []
    notebook.shut_down()


def try_it_out(docs: Any, pictures: Path) -> None:
    """Ask and change something by the documentation's own buttons."""
    for operation, answer in (
        ("#operations-server-health", '"server_id"'),
        ("#operations-server-free_devices", '"freed"'),
    ):
        section = docs.locator(operation)
        section.locator("button.opblock-summary-control").click()
        section.get_by_role("button", name="Try it out").click()
        section.get_by_role("button", name="Execute").click()
        section.locator(".live-responses-table").get_by_text(answer).first.wait_for()
    docs.screenshot(path=pictures / "hub_docs.png")
