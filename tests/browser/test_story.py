"""A person's whole way in JupyterLab: start a server, submit, watch, read the scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .notebook import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.evaluation, pytest.mark.timeout(600)]

START = """%load_ext jupyter_lmms_eval
from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR
server = %lmms_eval_server start --port 0 --cpu-slots 2 --include-path {TASKS_DIR}"""
SUBMIT = """for name, model in MODELS.items():
    server.client.evaluate(
        name=name, model=model.model, model_args=dict(model.model_args), tasks=model.tasks,
        batch_size=model.batch_size, force_simple=model.force_simple, limit=120,
    )
server.client.evaluate(name="a baseline", model="dummy", model_args={"response": "7"}, tasks=["digits_read"])
server.client.evaluate(
    name="a typing error", model="qwen2_5_vl", tasks=["digits_read"], model_args={"pretrained": "no/such/checkpoint"}
)
print("submitted")"""
TABLE = "%lmms_eval_server jobs"


def test_from_start_to_scores(notebook: Callable[..., Notebook], pictures: Path) -> None:
    opened = notebook(START, SUBMIT, TABLE)
    page = opened.page
    opened.run(0)
    opened.run(1)
    opened.run(2)
    table = opened.table
    table.get_by_role("row", name="tiny_qwen2_5_vl").get_by_text("completed").wait_for(timeout=150_000)
    table.get_by_role("row", name="tiny_llava").get_by_text("running").wait_for()
    table.screenshot(path=pictures / "story_running.png")
    table.get_by_role("row", name="a typing error").get_by_text("failed").wait_for(timeout=150_000)
    table.get_by_role("row", name="a baseline").get_by_text("completed").wait_for(timeout=150_000)
    table.get_by_role("row", name="tiny_llava").get_by_text("completed").wait_for(timeout=150_000)
    table.get_by_role("button", name="Results of job").last.click()
    table.get_by_text("exact_match").first.wait_for()
    page.screenshot(path=pictures / "story_results.png")
    assert page.errors == []
