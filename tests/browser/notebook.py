"""A notebook in JupyterLab, as a person uses it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import nbformat

_PANEL = "window.jupyterapp.shell.currentWidget"


class Notebook:
    """An open notebook with a kernel."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self._address = address

    @classmethod
    def open(cls, lab: Any, page: Any, cells: Sequence[str], kernel: str) -> Notebook:
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        content.metadata.kernelspec = {"name": kernel, "display_name": kernel, "language": "python"}
        name = f"{uuid.uuid4().hex[:8]}.ipynb"
        nbformat.write(content, lab.folder / name)
        opened = cls(page, lab.address(f"lab/tree/{name}?reset"))
        opened.reopen()
        return opened

    def reopen(self) -> None:
        """Load the page anew."""
        self.page.goto(self._address)
        self.page.wait_for_function("() => !!window.jupyterapp", timeout=60_000)
        self.page.evaluate("async () => { await window.jupyterapp.started; await window.jupyterapp.restored; }")
        kernel_status = f"{_PANEL}?.sessionContext?.session?.kernel?.status"
        self.page.wait_for_function(f"() => {kernel_status} === 'idle'", timeout=60_000)

    def run(self, index: int = 0) -> None:
        """Start a cell; does not wait for it."""
        self.page.evaluate(
            f"""(index) => {{
                const content = {_PANEL}.content;
                content.activeCellIndex = index;
                content.deselectAll();
                window.jupyterapp.commands.execute('notebook:run-cell');
            }}""",
            index,
        )

    @property
    def table(self) -> Any:
        """The live table."""
        return self.page.locator(".lmms-jobs").last

    def running(self, index: int = 0) -> bool:
        """Whether a cell still runs; the kernel's own status is no proof, as subshells say idle too."""
        return bool(self.page.locator(".jp-InputPrompt").nth(index).inner_text().strip() == "[*]:")

    def output(self, index: int = 0) -> str:
        """The text below a cell."""
        return str(self.page.locator(".jp-Cell").nth(index).locator(".jp-OutputArea").inner_text())

    def save(self) -> None:
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate(f"async () => {{ await {_PANEL}?.sessionContext?.shutdown(); }}")
