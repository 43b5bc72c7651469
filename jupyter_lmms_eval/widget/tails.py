"""The ends of logs that somebody reads while they grow."""

from __future__ import annotations

import threading
from typing import Any

from ..client import EvalClient, EvalServerError

REACH = 32_000  # bytes before the end with which reading starts
_MOST_CHUNKS = 8  # in one round; the rest comes with the next


class Tails:
    """Logs that are open, each with the byte up to which it was read.

    Opened and closed from handlers, read by the poller.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offsets: dict[str, int] = {}

    @property
    def open(self) -> bool:
        """Whether a log is open."""
        return bool(self._offsets)

    def watch(self, job_id: str) -> None:
        """Read a log from near its end on."""
        with self._lock:
            self._offsets[job_id] = -REACH

    def leave(self, job_id: str) -> None:
        """Read a log no more."""
        with self._lock:
            self._offsets.pop(job_id, None)

    def read(self, client: EvalClient) -> list[dict[str, Any]]:
        """Read what is new in all open logs.

        Parameters
        ----------
        client
            The server.

        Returns
        -------
        list of dict
            Messages for the page, of logs with news only.

        Raises
        ------
        httpx.HTTPError
            If the server does not answer; if it refuses a log, that is a message instead.
        """
        with self._lock:
            offsets = dict(self._offsets)
        return [message for job_id, offset in offsets.items() if (message := self._read(client, job_id, offset))]

    def _read(self, client: EvalClient, job_id: str, offset: int) -> dict[str, Any] | None:
        first = offset < 0
        parts: list[str] = []
        try:
            chunk = client.logs(job_id, offset)
            begins = chunk["offset"]
            parts.append(chunk["text"])
            while chunk["text"] and not chunk["complete"] and len(parts) < _MOST_CHUNKS:
                chunk = client.logs(job_id, chunk["next_offset"])
                parts.append(chunk["text"])
        except EvalServerError as refusal:
            self.leave(job_id)
            return _message(job_id, "", first=first, complete=True, error=str(refusal))
        with self._lock:
            if self._offsets.get(job_id) != offset:
                return None  # closed, or opened anew, in the meantime
            self._offsets[job_id] = chunk["next_offset"]
            if chunk["complete"]:
                del self._offsets[job_id]
        text = "".join(parts)
        if not (text or first or chunk["complete"]):
            return None
        if first and begins > 0:
            text = "… " + text.partition("\n")[2]  # the first line may have lost its beginning
        return _message(job_id, text, first=first, complete=chunk["complete"])


def _message(job_id: str, text: str, *, first: bool, complete: bool, error: str = "") -> dict[str, Any]:
    return {"type": "log", "job_id": job_id, "text": text, "first": first, "complete": complete, "error": error}
