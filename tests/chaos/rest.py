"""A client that does not give up: what a careful user of the REST interface would write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

RETRY_SECONDS = 0.2
# A server that is killed is healthy again within seconds; who waits so long waits for a bug.
PATIENCE_SECONDS = 120.0


class NoAnswer(AssertionError):
    """The server gave no usable answer for so long that it counts as lost."""


class Rest:
    """Calls to one address, behind which servers die and come back.

    Parameters
    ----------
    url
        The address.
    token
        The server's token.
    on_error
        Told of every answer that blames the server (500 and above).
    """

    def __init__(self, url: str, token: str, on_error: Callable[[str], None]) -> None:
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        self._on_error = on_error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def once(self, method: str, path: str, **how: Any) -> httpx.Response | None:
        """Send a request; None if no answer came, so that nobody knows whether it counted."""
        try:
            response = self._client.request(method, path, **how)
        except httpx.TransportError:
            return None
        if response.status_code >= 500:
            self._on_error(f"{method} {path} answered {response.status_code}: {response.text[:300]}")
        return response

    def until_answered(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request again and again, until a server answers that does not blame itself.

        Raises
        ------
        NoAnswer
            If that takes too long.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            response = self.once(method, path, **how)
            if response is not None and response.status_code < 500:
                return response
            time.sleep(RETRY_SECONDS)
        raise NoAnswer(f"{method} {path} was not answered for {PATIENCE_SECONDS:.0f} s")

    def submit(self, key: str, request: dict[str, Any]) -> dict[str, Any]:
        """Submit an evaluation until it is accepted.

        Raises
        ------
        NoAnswer
            If that takes too long.
        httpx.HTTPStatusError
            If it is refused.
        """
        response = self.until_answered("POST", "/evaluate", json=request, headers={"Idempotency-Key": key})
        response.raise_for_status()
        return dict(response.json())

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Read something that must be there."""
        response = self.until_answered("GET", path, params=parameters)
        response.raise_for_status()
        return dict(response.json())

    def jobs(self) -> Iterator[dict[str, Any]]:
        """List all jobs, newest first."""
        cursor: dict[str, Any] = {}
        while True:
            page = self.get("/jobs", limit=200, **cursor)
            yield from page["jobs"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}
