"""The live table as a person meets it, in JupyterLab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.protocol.jobs import JobStatus
from tests.conftest import eventually
from tests.widget.examples import devices, job, many_states
from tests.widget.scripted_server import ScriptedServer

from .conftest import Lab
from .notebook import Notebook

pytestmark = pytest.mark.browser

SHOW = "from jupyter_lmms_eval.widget import JobTable\ntable = JobTable({url!r})\ntable"
Open = Callable[..., Notebook]


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        server.devices = devices()
        for each in many_states():
            server.put(each)
        done = server.jobs["5cc0b9a7-done"]
        server.results[done.job_id] = {
            "job_id": done.job_id,
            "status": "completed",
            "model": "llava",
            "metrics": [each.model_dump() for each in done.metrics or []],
            "n_samples": {},
            "timings": {},
            "results_path": "/state/jobs/5cc0b9a7/results/20261122_101500_results.json",
            "samples_paths": [],
        }
        line = "2026-11-22 10:00:{:02} | INFO | {} samples answered, 12.3 samples per second, errors so far: none"
        lines = [line.format(second, second * 12) for second in range(60)]
        server.logs["9b2d51ff-running"] = "\n".join(lines) + "\n10%\r20%\r30%\n"
        yield server


@pytest.fixture
def shown(notebook: Open, scripted: ScriptedServer) -> Notebook:
    opened = notebook(SHOW.format(url=scripted.url))
    opened.run()
    opened.table.get_by_role("row").nth(1).wait_for()
    return opened


def names(shown: Notebook) -> list[str]:
    return [str(name) for name in shown.table.locator("tbody .lmms-name").all_inner_texts()]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_looks_at_home_in_both_themes(
    theme: str, lab: Lab, notebook: Open, scripted: ScriptedServer, pictures: Path
) -> None:
    lab.theme(f"JupyterLab {theme}")
    shown = notebook(SHOW.format(url=scripted.url))
    shown.run()
    page, table = shown.page, shown.table
    table.get_by_role("row").nth(1).wait_for()
    page.screenshot(path=str(pictures / f"table_{theme}.png"))
    assert table.get_by_role("table", name="Evaluation jobs").count() == 1
    assert (
        table.get_by_role("progressbar", name="Progress of job 9b2d51ff step 2000").get_attribute("aria-valuenow")
        == "27"
    )
    # A name with markup is a name.
    assert "<img src=x onerror=alert(1)>" in names(shown)
    assert table.locator("img").count() == 0
    contrast = page.evaluate(
        """(element) => {
            const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
            const light = (text) => rgb(text).reduce((sum, value, i) => sum + value * [0.299, 0.587, 0.114][i], 0);
            const style = getComputedStyle(element);
            return Math.abs(light(style.color) - light(style.backgroundColor));
        }""",
        table.element_handle(),
    )
    assert contrast > 120
    table.get_by_role("button", name="Log of job 9b2d51ff step 2000", exact=True).click()
    table.get_by_text("708 samples answered").wait_for()
    page.screenshot(path=str(pictures / f"log_{theme}.png"))
    assert "30%" in table.locator(".lmms-log").inner_text()
    assert "10%" not in table.locator(".lmms-log").inner_text()
    table.get_by_role("button", name="Close the log of job 9b2d51ff step 2000").click()
    table.get_by_role("button", name="Results of job 5cc0b9a7 baseline 7B").click()
    table.get_by_text("1580.21").wait_for()
    table.get_by_role("checkbox", name="Select job c0ffee12 step 4000").check()
    page.screenshot(path=str(pictures / f"results_{theme}.png"))
    page.set_viewport_size({"width": 1900, "height": 900})
    page.screenshot(path=str(pictures / f"wide_{theme}.png"))
    assert page.errors == []


def test_changes_appear_and_transitions_are_spoken(shown: Notebook, scripted: ScriptedServer) -> None:
    live = shown.table.locator("[aria-live=polite]")
    assert live.inner_text() == ""
    running = scripted.jobs["9b2d51ff-running"]
    scripted.put(running, progress={"phase": "answering", "samples_done": 2387, "samples_total": 4774})
    shown.table.get_by_text("2,387 / 4,774").wait_for()
    assert live.inner_text() == ""  # progress is seen, not spoken
    scripted.put(running, status=JobStatus.COMPLETED)
    live.get_by_text("Job 9b2d51ff step 2000 is completed.").wait_for()
    scripted.put(job("feedbeef-new", request={"name": "new"}))
    live.get_by_text("Job feedbeef new is queued.").wait_for()
    assert "new" in names(shown)


def test_filter_and_sort(shown: Notebook) -> None:
    table = shown.table
    everything = names(shown)
    assert everything[:2] == ["step 2000", "a1b7e0c2"]
    table.get_by_role("searchbox").fill("llava mmmu")
    assert names(shown) == ["baseline 7B"]
    table.get_by_role("searchbox").fill("no such job")
    assert table.get_by_text("No job matches the filter.").is_visible()
    table.get_by_role("searchbox").fill("")
    table.get_by_role("button", name="queued 2").click()
    assert names(shown) == ["step 4000", "<img src=x onerror=alert(1)>"]
    table.get_by_role("button", name="queued 2").click()
    assert names(shown) == everything
    time = table.get_by_role("columnheader", name="Time")
    time.get_by_role("button").click()
    assert time.get_attribute("aria-sort") == "descending"
    assert names(shown)[0] == "baseline 7B"
    time.get_by_role("button").click()
    assert time.get_attribute("aria-sort") == "ascending"
    started = 5  # those that did not start have no time and stay last
    assert names(shown)[started - 1] == "baseline 7B"
    assert table.get_by_role("columnheader", name="Status").get_attribute("aria-sort") == "none"


def test_selected_jobs_are_cancelled_and_retried_together(shown: Notebook, scripted: ScriptedServer) -> None:
    table = shown.table
    for name in ("c0ffee12 step 4000", "d00dfeed", "3fa1c2d4"):
        table.get_by_role("checkbox", name=f"Select job {name}").check()
    assert table.get_by_text("3 selected").is_visible()
    table.get_by_role("button", name="Cancel 2 jobs").click()
    table.get_by_text("Job c0ffee12 step 4000 is cancelled.").wait_for()
    assert {line for line in scripted.asked if line.startswith("DELETE")} == {
        "DELETE /jobs/c0ffee12-queued",
        "DELETE /jobs/d00dfeed-evil",
    }
    table.get_by_role("button", name="Retry job 3fa1c2d4 internvl bs 64").click()
    table.get_by_text("Job 3fa1c2d4 internvl bs 64 is queued.").wait_for()
    table.get_by_role("button", name="queued 1").wait_for()


def test_a_refusal_is_told_where_news_are_told(shown: Notebook, scripted: ScriptedServer) -> None:
    scripted.refusal = "Job already finished or cancelled"
    cancel = shown.table.get_by_role("button", name="Cancel job 9b2d51ff step 2000")
    cancel.click()
    shown.table.locator("[aria-live=polite]").get_by_text("Job already finished or cancelled").wait_for()
    assert cancel.is_enabled()


def test_the_keyboard_is_enough(shown: Notebook) -> None:
    page, table = shown.page, shown.table
    table.get_by_role("searchbox").focus()
    page.keyboard.type("step")
    assert names(shown) == ["step 2000", "step 4000"]
    for _ in range(40):
        page.keyboard.press("Tab")
        if _focused(page) == "Select job 9b2d51ff step 2000":
            break
    assert _focused(page) == "Select job 9b2d51ff step 2000"
    page.keyboard.press("ArrowDown")
    assert _focused(page) == "Select job c0ffee12 step 4000"
    page.keyboard.press("Space")
    assert table.get_by_text("1 selected").is_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    assert _focused(page) == "Log of job 9b2d51ff step 2000"
    page.keyboard.press("Enter")
    table.get_by_text("708 samples answered").wait_for()
    page.keyboard.press("Escape")
    assert table.locator(".lmms-log").count() == 0
    assert _focused(page) == "Log of job 9b2d51ff step 2000"
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def _focused(page: Any) -> str:
    return str(
        page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName")
    )


def test_the_focus_stays_when_rows_move(shown: Notebook, scripted: ScriptedServer) -> None:
    shown.table.get_by_role("button", name="Log of job d00dfeed").focus()
    scripted.put(scripted.jobs["d00dfeed-evil"], status=JobStatus.RUNNING, started_at=many_states()[0].started_at)
    eventually(lambda: names(shown)[0] == "<img src=x onerror=alert(1)>")
    assert "Log of job d00dfeed" in _focused(shown.page)


def test_a_device_leads_to_its_job(shown: Notebook) -> None:
    table = shown.table
    table.get_by_role("button", name="failed 1").click()
    table.get_by_role("button", name="cuda:2 runs job a1b7e0c2: show it").click()
    assert "a1b7e0c2" in str(shown.page.evaluate("() => document.activeElement.textContent"))
    assert table.get_by_role("meter", name="cuda:0 memory").get_attribute("aria-valuenow") == "73"


def test_a_model_is_taken_out_of_memory(shown: Notebook, scripted: ScriptedServer) -> None:
    place = shown.table.get_by_label("Devices").get_by_role("listitem").nth(3)
    assert "free, qwen2_5_vl in memory" in place.inner_text()
    free = place.get_by_role("button", name="Take qwen2_5_vl out of the memory of cuda:3")
    free.click()
    free.wait_for(state="hidden")
    assert scripted.devices[3]["model"] is None
    assert "in memory" not in place.inner_text()


def test_a_thousand_jobs(notebook: Open, scripted: ScriptedServer) -> None:
    for number in range(993):
        scripted.put(job(f"{number:08x}-many", minutes=993 - number, request={"name": f"run {number}"}))
    shown = notebook(SHOW.format(url=scripted.url))
    shown.run()
    table = shown.table
    table.get_by_text("100 of 1,000 jobs").wait_for()
    assert table.locator("tbody tr").count() == 100
    table.get_by_role("button", name="Show 200 more").click()
    assert table.locator("tbody tr").count() == 300
    table.get_by_role("searchbox").fill("run 992")
    assert names(shown) == ["run 992"]


def test_a_server_that_goes_away_is_told_with_its_age(
    shown: Notebook, scripted: ScriptedServer, pictures: Path
) -> None:
    scripted.__exit__()
    table = shown.table
    table.get_by_text(re.compile(r"Not heard from the server for 0:\d\d.*lmms_eval_server start")).wait_for()
    assert table.locator("[aria-live=polite]").inner_text() == "The server does not answer."
    assert "step 2000" in names(shown)
    shown.page.screenshot(path=str(pictures / "stale.png"))


def test_a_notebook_that_is_opened_again_without_its_kernel_shows_the_table_as_it_was_last(
    shown: Notebook, scripted: ScriptedServer, pictures: Path
) -> None:
    page = shown.page
    assert page.locator(".lmms-keepsake").count() == 1
    assert not page.locator(".lmms-keepsake").is_visible()
    page.wait_for_timeout(11_000)  # it is kept up to date, but not all the time
    scripted.put(scripted.jobs["c0ffee12-queued"], status=JobStatus.RUNNING)
    page.locator(".lmms-keepsake tr", has_text="c0ffee12").get_by_text("running").wait_for(state="attached")
    assert page.locator(".lmms-jobs").count() == 1
    shown.save()
    shown.shut_down()
    shown.reopen()
    kept = page.locator(".lmms-keepsake")
    kept.get_by_role("row", name="c0ffee12 step 4000").get_by_text("running").wait_for()
    assert kept.get_by_text("<img src=x onerror=alert(1)>").is_visible()
    page.screenshot(path=str(pictures / "reopened.png"))


def test_a_second_view_shows_the_same_and_the_last_one_ends_the_asking(
    notebook: Open, scripted: ScriptedServer
) -> None:
    shown = notebook(SHOW.format(url=scripted.url), "table", "1")
    shown.run(0)
    shown.page.locator(".lmms-jobs").first.wait_for()
    shown.run(1)
    eventually(lambda: shown.page.locator(".lmms-jobs").count() == 2)
    scripted.put(scripted.jobs["c0ffee12-queued"], wait_reason="starts soon")
    eventually(lambda: shown.page.get_by_text("starts soon").count() == 2)
    shown.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs') }")
    eventually(lambda: shown.page.locator(".lmms-jobs").count() == 0)

    def still() -> bool:
        before = len(scripted.asked)
        shown.page.wait_for_timeout(3000)
        return len(scripted.asked) == before

    assert eventually(still)
