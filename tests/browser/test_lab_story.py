"""A person's whole way without a cell: start a server, submit by the form, watch, look at samples, cancel, reload."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR

from .conftest import Lab
from .evaluations import BUILT, Evaluations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.evaluation,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not BUILT.exists(), reason="the extension of JupyterLab is not built; `make lab` builds it"),
]

MODEL = MODELS["tiny_qwen2_5_vl"]
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
ARGUMENTS = ",".join(f"{name}={value}" for name, value in MODEL.model_args.items())


@pytest.fixture
def evaluations(own_lab: Lab, page: object) -> Evaluations:
    # Servers that are started from the page know the demonstration's tasks.
    arguments = {"include_paths": [str(TASKS_DIR)], "cpu_slots": 1}
    own_lab.setting("jupyter-lmms-eval", "plugin", serverArguments=arguments)
    opened = Evaluations(page, own_lab)
    opened.open()
    return opened


@pytest.fixture
def servers(own_lab: Lab) -> Iterator[Callable[[], list[dict[str, object]]]]:
    """List the servers as Jupyter does; those that a test leaves are ended."""

    def listed() -> list[dict[str, object]]:
        headers = {"Authorization": f"token {own_lab.token}"}
        answer = httpx.get(f"{own_lab.url}/lmms-eval/servers", headers=headers, timeout=60)
        return list(answer.raise_for_status().json()["servers"])

    yield listed
    for server in listed():
        headers = {"Authorization": f"token {own_lab.token}"}
        httpx.delete(f"{own_lab.url}/lmms-eval/servers/{server['id']}", headers=headers, timeout=30)


def look(evaluations: Evaluations, picture: Path, *parts: str) -> None:
    """See whether everybody can use parts of the page, in every theme, and keep pictures of it."""
    for theme in reversed(THEMES):
        evaluations.theme(theme)
        for part in parts:
            assert evaluations.failings(part) == [], f"{part} in {theme}"
        evaluations.page.screenshot(path=picture.with_name(f"lab_{picture.name}_{theme.lower().replace(' ', '_')}.png"))


def test_from_an_empty_panel_to_samples_with_pictures(
    evaluations: Evaluations, servers: Callable[[], list[dict[str, object]]], own_lab: Lab, pictures: Path
) -> None:
    page = evaluations.page
    panel = evaluations.show()
    panel.get_by_text("No evaluation server runs").wait_for()
    look(evaluations, pictures / "empty", "#jp-lmms-eval-panel")

    # Start a server.
    panel.get_by_role("button", name="Start a server", exact=True).click()
    panel.get_by_role("heading", name="alive").wait_for(timeout=40_000)
    panel.get_by_text("No jobs yet").wait_for()

    # Submit the demonstration by the form.
    panel.get_by_role("button", name="New job").click()
    form = evaluations.form
    form.get_by_role("combobox", name="Model").fill(MODEL.model)
    page.keyboard.press("Enter")
    form.get_by_role("button", name="Edit as text").click()
    form.get_by_role("textbox", name="Model arguments").fill(ARGUMENTS)
    form.get_by_role("combobox", name="Tasks").fill("digits_r")
    form.get_by_role("option", name="digits_read").wait_for(timeout=40_000)
    page.keyboard.press("Enter")
    form.get_by_role("button", name="Remove digits_read").wait_for()
    page.keyboard.press("Escape")
    evaluations.field("Samples per task").fill("24")
    evaluations.field("Batch size").fill("8")
    evaluations.field("Name").fill("A first look")
    assert "qwen2_5_vl" in form.get_by_role("tabpanel", name="Python").inner_text()
    look(evaluations, pictures / "form", ".jp-LmmsEval-form")
    page.keyboard.press("Control+Enter")
    form.get_by_role("button", name="Open job").click(timeout=40_000)

    # Watch it, and look at what came of it.
    evaluations.job.get_by_text("completed").first.wait_for(timeout=60_000)
    evaluations.row("A first look").get_by_text("completed").wait_for()
    evaluations.tab("Scores").get_by_role("row", name="exact_match").wait_for()
    look(evaluations, pictures / "scores", ".jp-LmmsEval-JobPanel", "#jp-lmms-eval-panel")
    samples = evaluations.tab("Samples")
    samples.get_by_role("option").nth(23).wait_for()
    picture = samples.get_by_role("img").first
    picture.wait_for(timeout=60_000)
    page.wait_for_function(
        "() => [...document.querySelectorAll('[role=tabpanel]:not([hidden]) img')].some(each => each.naturalWidth > 0)"
    )
    look(evaluations, pictures / "samples", ".jp-LmmsEval-JobPanel")
    samples.get_by_role("button", name="Next", exact=True).press("Enter")
    samples.get_by_role("heading", name="Sample 1").wait_for()
    page.keyboard.press("Enter")
    samples.get_by_role("heading", name="Sample 2").wait_for()
    evaluations.tab("Log").get_by_text("digits_read").first.wait_for()

    # Clone it without a limit, and change one's mind.
    evaluations.job.get_by_role("button", name="Clone").click()
    evaluations.field("Name").fill("All of it")
    evaluations.field("Samples per task").fill("")
    page.keyboard.press("Control+Enter")
    evaluations.row("All of it").get_by_text("running").wait_for(timeout=30_000)
    evaluations.row("All of it").hover()
    evaluations.row("All of it").get_by_role("button", name="Cancel").click()
    evaluations.row("All of it").get_by_text("cancelled").wait_for(timeout=30_000)

    # The page is loaded anew: everything is where it was.
    evaluations.open("lab")
    evaluations.row("All of it").get_by_text("cancelled").wait_for()
    page.locator("#jp-main-dock-panel").get_by_role("tab", name="A first look").wait_for()

    # The server is killed: that is said, and what was known stays.
    [server] = servers()
    os.kill(int(str(server["pid"])), signal.SIGKILL)
    panel.get_by_role("heading", name="gone").wait_for(timeout=40_000)
    panel.get_by_text("ended without a word").wait_for()
    evaluations.row("All of it").wait_for()
    look(evaluations, pictures / "gone", "#jp-lmms-eval-panel")
    panel.get_by_role("button", name="Forget").click()
    panel.get_by_text("No evaluation server runs").wait_for()
    assert page.errors == []


def test_a_new_evaluation_is_for_the_server_at_which_it_is_asked_for(
    evaluations: Evaluations, servers: Callable[[], list[dict[str, object]]], own_lab: Lab, tmp_path: Path
) -> None:
    page = evaluations.page
    started = []
    for name in ("one", "other"):
        headers = {"Authorization": f"token {own_lab.token}"}
        arguments = {"state_dir": str(tmp_path / name), "cpu_slots": 1}
        answer = httpx.post(f"{own_lab.url}/lmms-eval/servers", headers=headers, json=arguments, timeout=60)
        started.append(str(answer.raise_for_status().json()["server"]["id"]))
    assert len(servers()) == 2
    panel = evaluations.show()
    for server in [*started, *reversed(started)]:
        more = panel.locator(f"[data-server='{server}']").get_by_role("button", name="More actions for")
        more.press("Enter")
        page.get_by_role("menuitem", name="New Evaluation").wait_for()
        page.keyboard.press("Escape")
        # The keyboard is where it was, so that this opens the menu once more.
        page.keyboard.press("Enter")
        page.get_by_role("menuitem", name="New Evaluation").click()
        page.wait_for_function(
            "(id) => document.querySelector('.jp-LmmsEval-form .jp-LmmsEval-server select')?.value === id", arg=server
        )
    assert page.locator(".jp-LmmsEval-form").count() == 1
    assert page.errors == []
