"""The installed wheel in a real browser: JupyterLab of one environment, evaluations of another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import run_lab
from tests.browser.evaluations import Evaluations

from .conftest import Environment

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_jupyter_without_torch_starts_a_server_where_torch_is(
    environment: Environment, page: Any, tmp_path: Path, pictures: Path
) -> None:
    where = f"--LmmsEvalExtension.python={sys.executable}"
    with run_lab(tmp_path, tmp_path / "runtime", environment.program("python"), [where]) as lab:
        evaluations = Evaluations(page, lab)
        evaluations.open()
        panel = evaluations.show()
        panel.get_by_role("button", name="Start a server", exact=True).click()
        panel.get_by_role("heading", name="alive").wait_for(timeout=60_000)
        page.screenshot(path=pictures / "lab_wheel.png")
        panel.get_by_role("button", name="More actions for").first.click()
        page.get_by_role("menuitem", name="Stop Server").click()
        panel.get_by_text("No evaluation server runs").wait_for(timeout=30_000)
    assert page.errors == []
