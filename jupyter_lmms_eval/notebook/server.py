"""A server in a notebook: how to reach it, what it has, how to stop it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from ..client import EvalClient
from ..hosting import lifecycle
from ..hosting.detached import stop_by_record
from ..hosting.outcomes import whereabouts
from ..protocol.server import ServerRecord
from .markup import card, code, lines, link, sentence
from .session import client_of, session
from .surroundings import look_around
from .urls import advice, links

_SHOW_SECONDS = 2.0


class ServerHandle:
    """An evaluation server.

    Parameters
    ----------
    record
        The server.
    message
        What just happened to it, for people.

    Attributes
    ----------
    record
        How it is found.
    """

    def __init__(self, record: ServerRecord, message: str = "") -> None:
        self.record = record
        self._message = message
        self._client: EvalClient | None = None

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return self.record.url

    @property
    def token(self) -> str:
        """The secret that requests must carry; it is in no output, as outputs are saved with the notebook."""
        return self.record.token

    @property
    def client(self) -> EvalClient:
        """A client of it."""
        if self._client is None:
            self._client = client_of(self.record)
        return self._client

    @property
    def here(self) -> bool:
        """Whether it runs in this kernel."""
        own = lifecycle.current()
        return own is not None and own.record is not None and own.record.id == self.record.id

    def stop(self) -> None:
        """Stop it. Running jobs go back to the queue, for the next server on its folder.

        Raises
        ------
        NotStoppable
            If it runs in another notebook's kernel.
        TimeoutError
            If it does not end.
        """
        if self.here:
            lifecycle.stop()
        elif not stop_by_record(self.record):
            raise TimeoutError(f"The server with process id {self.record.pid} was asked to stop and still runs")
        session.forget()

    def __repr__(self) -> str:
        text = f"Evaluation server {whereabouts(self.record, here=self.here)}"
        warnings = [f"Warning: {notice}" for notice in self._notices()]
        return "\n".join([text, *([self._message] if self._message else []), *warnings])

    def _repr_html_(self) -> str:
        where = look_around()
        found = links(self.url, self.record.port, self.record.id, where)
        addresses = [sentence(link(one.url.rstrip("/") + "/docs", one.url), f"  ({one.label})") for one in found]
        token = sentence(
            "It asks for its token: ", code("handle.token"), " or ", code("%lmms_eval_server status --show-token")
        )
        return card(
            "Evaluation server",
            [
                ("", self._message),
                ("Warning", lines(self._notices())),
                ("Runs", whereabouts(self.record, here=self.here)),
                ("Documentation", lines(addresses)),
                ("Hint", advice(self.record.port, where)),
                ("Devices", self._devices()),
                ("Jobs", self._jobs()),
                ("Use it", code("%lmms_eval_server submit --model ... --tasks ...")),
                ("Elsewhere", code("from jupyter_lmms_eval import EvalClient; EvalClient()")),
                ("Stop it", code("%lmms_eval_server stop") if self.here or not self.record.kernel_id else ""),
            ],
            token if self.record.token else "It asks for no token: every user of this machine can run code as you.",
        )

    def _notices(self) -> list[str]:
        return [str(notice) for notice in (self._ask("/health") or {}).get("notices", [])]

    def _devices(self) -> str:
        devices = (self._ask("/devices") or {}).get("devices", [])
        return ", ".join(" ".join(filter(None, (device["id"], device["name"], _use(device)))) for device in devices)

    def _jobs(self) -> str:
        queue = self._ask("/queue")
        if queue is None:
            return "the server does not answer now"
        # lmms-eval's own server runs one job at a time and names no others.
        running = queue.get("running_jobs") or [job for job in [queue.get("running_job")] if job]
        return f"{len(running)} running, {queue.get('queue_size', 0)} queued"

    def _ask(self, path: str) -> dict[str, Any] | None:
        try:
            answer = self.client.client.get(self.client.base_url + path, timeout=_SHOW_SECONDS)
            body = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return None
        return body if isinstance(body, dict) else None


def _use(device: Mapping[str, Any]) -> str:
    held_by = device.get("held_by")
    return "(busy)" if device.get("job_id") else f"({held_by})" if held_by else ""
