"""Evaluations in JupyterLab, as a person uses them: the panel, the form of a new job, a job's own view."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
BUILT = Path(__file__).parents[2] / "jupyter_lmms_eval" / "labextension" / "static" / "style.js"
# Web Content Accessibility Guidelines 2.2, levels A and AA.
GUIDELINES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Evaluations:
    """JupyterLab in a page, with the panel of evaluations."""

    def __init__(self, page: Any, lab: Any) -> None:
        self.page = page
        self._lab = lab

    def open(self, path: str = "lab?reset") -> None:
        """Load the page."""
        self.page.goto(self._lab.address(path))
        self.page.wait_for_function("() => !!window.jupyterapp", timeout=60_000)
        self.page.evaluate("async () => { await window.jupyterapp.started; await window.jupyterapp.restored; }")

    def show(self) -> Any:
        """Bring the panel to the front by its tab."""
        if not self.panel.is_visible():
            self.page.locator(".jp-SideBar .lm-TabBar-tab[data-id='jp-lmms-eval-panel']").click()
        self.panel.wait_for()
        return self.panel

    @property
    def panel(self) -> Any:
        return self.page.locator("#jp-lmms-eval-panel")

    @property
    def form(self) -> Any:
        return self.page.get_by_role("form", name="New evaluation")

    def field(self, name: str) -> Any:
        """A field of the form, by its label."""
        return self.form.get_by_label(name, exact=True)

    @property
    def job(self) -> Any:
        """The view of the job that is in front."""
        return self.page.locator(".jp-LmmsEval-JobPanel:visible")

    def row(self, name: str) -> Any:
        """A job in the panel."""
        return self.panel.get_by_role("row").filter(has=self.page.get_by_text(name, exact=True))

    def tab(self, name: str) -> Any:
        """Turn to another tab of the job that is in front, and answer what it shows."""
        self.job.get_by_role("tab", name=name).click()
        return self.job.get_by_role("tabpanel", name=name)

    def theme(self, name: str) -> None:
        self.page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
        light = "true" if "Light" in name else "false"
        body = self.page.locator(f"body[data-jp-theme-light='{light}'][data-jp-theme-name='{name}']")
        body.wait_for(state="attached")

    def failings(self, selector: str) -> list[str]:
        """What people with impairments stumble over in a part of the page, as axe finds it."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.add_script_tag(path=AXE)
        found = self.page.evaluate(
            """async ([selector, guidelines]) => {
                const { violations } = await window.axe.run(selector, { runOnly: guidelines });
                const told = ({ html, failureSummary }) => [html, failureSummary];
                return violations.map(({ id, nodes }) => [id, nodes.map(told)]);
            }""",
            [selector, GUIDELINES],
        )
        return [f"{rule}: {json.dumps(nodes, indent=1)[:1500]}" for rule, nodes in found]
