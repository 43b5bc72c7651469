"""The plain table that a notebook keeps beside the live one.

JupyterLab shows an error in place of a widget whose kernel is gone, whatever else the output offers. So the plain table
is an output of its own. The live table's style sheet hides it: it is seen wherever nothing is live.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from .rows import Row
from .snapshot import as_html, as_text

PAUSE = 10.0  # seconds between two changes; each makes the notebook unsaved


class Keepsake:
    """The plain table of one live table, kept up to date with the statuses of its jobs."""

    def __init__(self) -> None:
        self._display_id = uuid.uuid4().hex
        self._statuses: list[tuple[str, str]] | None = None
        self._kept_at = 0.0

    def show(self, rows: Sequence[Row], now: float) -> None:
        """Put the table below the running cell."""
        self._publish(rows, now, update=False)

    def keep(self, present: Callable[[], Sequence[Row]], now: float) -> None:
        """Bring what was shown up to date, if the status of a job changed and it did not happen a moment ago."""
        if self._statuses is None or now - self._kept_at < PAUSE:
            return
        rows = present()
        if _statuses(rows) != self._statuses:
            self._publish(rows, now, update=True)

    def _publish(self, rows: Sequence[Row], now: float, *, update: bool) -> None:
        from IPython.display import publish_display_data

        self._statuses, self._kept_at = _statuses(rows), now
        html = f'<div class="lmms-keepsake">\n{as_html(rows, now)}</div>'
        # An update is found by its id, so it does not matter which cell runs, or from which thread it comes.
        publish_display_data(
            {"text/plain": as_text(rows, now), "text/html": html},
            transient={"display_id": self._display_id},
            update=update,
        )


def _statuses(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row["job_id"], row["status"]) for row in rows]
