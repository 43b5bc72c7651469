"""The table lives on, and hears clicks, while a cell keeps the kernel busy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import IMPORTS_NOTHING, Server, run_server
from tests.tasks import write_gated_task

from .notebook import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.evaluation]

# Nobody waits for its end: the kernel ends before.
SECONDS = 120
CELL = """import time
from jupyter_lmms_eval.widget import JobTable
table = JobTable({url!r})
display(table)
end = time.time() + {seconds}
{block}"""
BLOCKS = {"sleep": "time.sleep(end - time.time())", "loop": "while time.time() < end: pass"}
Open = Callable[..., Notebook]
GATED = "gated_digits"


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Server]:
    """A server whose first job runs for as long as the others are to wait."""
    folder = write_gated_task(tmp_path / "tasks", GATED).folder
    with run_server(tmp_path / "state", "--include-path", str(folder), IMPORTS_NOTHING) as server:
        yield server


def submit(server: Server, name: str, task: str = "digits_read") -> str:
    answer = server.client.evaluate(model="dummy", model_args={"response": "7"}, tasks=[task], limit=4, name=name)
    return str(answer["job_id"])


@pytest.mark.parametrize("block", BLOCKS)
def test_updates_and_clicks_come_through_while_a_cell_runs(block: str, notebook: Open, one_slot: Server) -> None:
    code = CELL.format(url=one_slot.url_with_token, seconds=SECONDS, block=BLOCKS[block])
    opened = notebook(code)
    first, second = submit(one_slot, f"first {block}"), submit(one_slot, f"second {block}")
    third = submit(one_slot, f"third {block}")
    opened.run()
    table = opened.table
    cancel = table.get_by_role("button", name=f"Cancel job {third[:8]}")
    cancel.click()
    table.get_by_text(f"Job {third[:8]} third {block} is cancelled.").wait_for()
    assert opened.running()
    assert one_slot.client.get_job(third)["status"] == "cancelled"
    table.get_by_role("row", name=f"{first[:8]}").get_by_text("completed").wait_for(timeout=90_000)
    assert opened.running()
    table.get_by_role("button", name=f"Log of job {first[:8]}").click()
    table.locator(".lmms-log").get_by_text("digits_read").first.wait_for()
    assert opened.running()
    one_slot.client.wait_for_job(second, verbose=False)


@pytest.mark.skipif(not os.environ.get("LMMS_EVAL_TEST_OLD_KERNEL"), reason="no Python with ipykernel 6 is named")
def test_on_an_old_kernel_a_click_says_that_it_waits_and_then_counts(notebook: Open, gated: Server) -> None:
    code = CELL.format(url=gated.url_with_token, seconds=25, block=BLOCKS["sleep"])
    opened = notebook(code, kernel="old")
    submit(gated, "running", GATED)
    second = submit(gated, "waiting", GATED)
    opened.run()
    table = opened.table
    table.get_by_role("button", name=f"Cancel job {second[:8]}").click()
    table.get_by_text("waits for the cell").wait_for()
    table.get_by_text("The kernel is busy: the click counts when the running cell ends.").wait_for()
    assert opened.running()
    assert gated.client.get_job(second)["status"] == "queued"
    table.get_by_text(f"Job {second[:8]} waiting is cancelled.").wait_for(timeout=60_000)
    assert not opened.running()
