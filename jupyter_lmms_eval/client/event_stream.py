"""Server-Sent Events, read from pieces of text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from .errors import ServerUnreachable

# Between two attempts to reach a server whose stream broke off (seconds).
_REST_SECONDS = 1.0


@dataclass(frozen=True)
class Event:
    """What a server told.

    Attributes
    ----------
    kind
        Its name; empty if it only says up to where the stream is.
    data
        What it carries.
    """

    kind: str
    data: dict[str, Any]


class EventStream:
    """A stream of events that may break off and go on.

    Parameters
    ----------
    since
        The revision after which it begins; None: with what happens from now on.
    patience
        Seconds in which a server that was reached once must be reached again.

    Attributes
    ----------
    since
        The revision of the last event: where the stream goes on.
    """

    def __init__(self, since: int | None, patience: float) -> None:
        self.since = since
        self._patience = patience
        self._reached: float | None = None
        self._rest = ""

    def feed(self, text: str) -> Iterator[Event]:
        """Read a piece of the stream.

        Parameters
        ----------
        text
            The piece; it may begin and end anywhere.

        Yields
        ------
        Event
            Each that is complete.
        """
        self._reached = time.monotonic()
        *events, self._rest = (self._rest + text).split("\n\n")
        for event in events:
            yield from self._read(event)

    def _read(self, text: str) -> Iterator[Event]:
        fields: dict[str, str] = {}
        for line in text.split("\n"):
            name, _, value = line.partition(":")
            if name:  # a line without one is a comment
                fields[name] = value.removeprefix(" ")
        if fields.get("id", "").isdigit():
            self.since = int(fields["id"])
        if "data" in fields:
            yield Event(fields.get("event", "message"), json.loads(fields["data"]))

    def broke_off(self, error: httpx.TransportError | None) -> float:
        """Say how long to rest before the stream is asked for again.

        Parameters
        ----------
        error
            Why it ended; None if the server ended it.

        Returns
        -------
        float
            Seconds.

        Raises
        ------
        httpx.TransportError
            If the server was never reached, or not for too long.
        """
        self._rest = ""
        if self._reached is None:
            if error is not None:
                raise error
            self._reached = time.monotonic()
        if isinstance(error, ServerUnreachable) and time.monotonic() - self._reached > self._patience:
            raise error
        return _REST_SECONDS
