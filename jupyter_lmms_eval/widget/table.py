"""The live table of jobs, a widget."""

from __future__ import annotations

import threading
import time
from typing import Any

import anywidget
import traitlets

from ..client import EvalClient
from . import page
from .actions import ACTIONS
from .actions import PATIENCE as ACTION_PATIENCE
from .board import Board
from .connecting import connector, sibling
from .keepsake import Keepsake
from .kernel import let_page_route, takes_clicks_while_busy
from .poller import Poller
from .rows import Row
from .snapshot import as_html, as_text, in_order
from .watch import PATIENCE, News, Pace, Watch

HEARTBEAT = 60.0  # seconds; a kernel that is silent for long is taken for idle and may be ended


class JobTable(anywidget.AnyWidget):
    """The jobs of an evaluation server and its devices, live, with buttons to cancel, retry, read logs and results.

    It stays up to date while cells run, until it is closed. A saved notebook keeps a plain table with it.

    Parameters
    ----------
    server
        A client or a URL; None for the server that runs.
    token
        The server's token; not needed for a server of yours on this machine.
    newest
        Jobs to show at first; later ones join them.
    pace
        How often to ask the server.

    Attributes
    ----------
    selected : list of str
        Ids of the jobs that are ticked.

    Raises
    ------
    NoServerRunning
        If no server is given and none runs.

    Examples
    --------
    >>> table = JobTable()
    >>> table.selected
    []
    """

    _esm = page.module()
    _css = page.styles()

    # Serialised when the page asks and never sent by itself: the page hears of changes in messages.
    _whole = traitlets.Any().tag(sync=True, to_json=lambda _value, table: table._everything())  # noqa: SLF001
    _busy_clicks = traitlets.Bool(default_value=False).tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        server: EvalClient | str | None = None,
        *,
        token: str | None = None,
        newest: int = 1000,
        pace: Pace | None = None,
        **options: Any,
    ) -> None:
        self._poller: Poller | None = None
        self._guard = threading.RLock()  # the poller's thread, a subshell's and the main one meet here
        self._board = Board()
        self._views: set[str] = set()
        self._keepsake = Keepsake()
        self._told_at = time.time()
        self._watch = Watch(connector(server, token, PATIENCE), newest, pace or Pace())
        self._watch.open()
        self._hear(self._watch.ask())
        super().__init__(_busy_clicks=takes_clicks_while_busy(), **options)
        self.on_msg(self._on_page)
        self._poller = Poller(self._watch, self._hear)
        self._poller.start()

    @property
    def rows(self) -> list[Row]:
        """The rows as they are now, in the order of the table: what runs, what waits, what is over."""
        with self._guard:
            return in_order(self._board.rows.values())

    def open(self) -> None:
        """Connect to the page."""
        super().open()
        let_page_route(self.comm)

    def close(self) -> None:
        """Remove the table from the page and stop asking the server."""
        if self._poller is not None:
            self._poller.stop()
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._board.server['url']!r})"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle
        with self._guard:
            rows, now, heard_at = self.rows, time.time(), self._board.heard_at
        fallback = {"text/plain": as_text(rows, now, heard_at), "text/html": as_html(rows, now, heard_at)}
        return {**data, **fallback}, metadata

    def _ipython_display_(self) -> None:
        from IPython.display import publish_display_data

        bundle = self._repr_mimebundle_()
        if bundle is None:  # it is closed
            return
        data, metadata = bundle
        live = {**data, "text/plain": repr(self)}
        del live["text/html"]  # the keepsake shows it
        publish_display_data(live, metadata)
        with self._guard:
            self._keepsake.show(self.rows, self._board.heard_at or time.time())

    def _everything(self) -> dict[str, Any]:
        with self._guard:
            return self._board.whole(time.time())

    def _hear(self, news: News) -> None:
        now = time.time()
        with self._guard:
            message = self._board.hear(news, now)
            if message is None and self._board.running and now - self._told_at >= HEARTBEAT:
                message = self._board.recent(now)
            # Sent under the guard: messages must not overtake each other.
            for each in ([message] if message else []) + news.logs:
                self._told_at = now
                self._tell(each)
            if not news.trouble:
                self._keepsake.keep(lambda: self.rows, now)

    def _tell(self, message: dict[str, Any]) -> None:
        if self._poller is not None:  # before that there is no page, and it starts with everything
            self.send(message)

    def _on_page(self, _table: object, message: Any, _buffers: object) -> None:
        """Take a message of the page: at once, as this may run beside or before a cell."""
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "shown":
            self._shown(str(message.get("view")), message.get("sequence"))
        elif kind == "hidden":
            self._hidden(str(message.get("view")))
        elif kind == "open_log":
            self._watch.tails.watch(str(message.get("job_id")))
            self._ask_soon()
        elif kind == "close_log":
            self._watch.tails.leave(str(message.get("job_id")))
        elif isinstance(kind, str) and kind in ACTIONS:
            job_ids = [str(job_id) for job_id in message.get("job_ids", [])]
            if job_ids:
                self._tell({"type": "heard", "token": message.get("token")})
                arguments = (kind, job_ids, message.get("token"))
                threading.Thread(target=self._act, args=arguments, name=f"lmms-eval-{kind}", daemon=True).start()

    def _shown(self, view: str, sequence: object) -> None:
        with self._guard:
            self._views.add(view)
            whole = self._board.whole(time.time())
            if whole["sequence"] != sequence:
                self._tell(whole)
        if self._poller is not None:
            self._poller.rest(resting=False)

    def _hidden(self, view: str) -> None:
        with self._guard:
            self._views.discard(view)
            nobody = not self._views
        if nobody and self._poller is not None:
            self._poller.rest(resting=True)

    def _act(self, kind: str, job_ids: list[str], token: object) -> None:
        try:
            with self._guard:
                # What waits goes first: a free device would start it.
                job_ids.sort(key=lambda job_id: self._board.status(job_id) != "queued")
            with sibling(self._watch.open(), ACTION_PATIENCE) as client:
                answer = ACTIONS[kind](client, job_ids)
        except OSError as error:  # no server is found any more
            answer = {"ok": False, "text": str(error)}
        self._tell({"type": "answer", "token": token, **answer})
        self._ask_soon()

    def _ask_soon(self) -> None:
        if self._poller is not None:
            self._poller.soon()
