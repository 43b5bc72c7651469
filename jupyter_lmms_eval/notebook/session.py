"""Which server this notebook talks to."""

from __future__ import annotations

from typing import Any

from ..client import EvalClient
from ..protocol.server import ServerRecord

# The first submission may wait until the tasks are listed.
TIMEOUT_SECONDS = 120.0


class Session:
    """What this kernel remembers between two magics.

    Attributes
    ----------
    last_job
        The job that was submitted or looked at last.
    tables
        The live table of each server, by address and the token that was given for it: shown twice, it is the same
        one, and asks the server once.
    """

    def __init__(self) -> None:
        self.last_job: str | None = None
        self.tables: dict[tuple[str, str | None], Any] = {}
        self._chosen: EvalClient | None = None

    @property
    def chosen(self) -> bool:
        """Whether a server was chosen, by starting it or connecting to it."""
        return self._chosen is not None

    def use(self, client: EvalClient) -> None:
        """Talk to this server from now on."""
        self._chosen = client

    def use_record(self, record: ServerRecord) -> EvalClient:
        """Talk to the server of a record from now on."""
        client = client_of(record)
        self.use(client)
        return client

    def forget(self) -> None:
        """Talk to whichever server runs."""
        self._chosen = None

    def client(self) -> EvalClient:
        """Return the client of the chosen server, else of the one that discovery finds.

        Raises
        ------
        NoServerRunning
            If none was chosen and none runs.
        """
        return self._chosen or EvalClient(timeout=TIMEOUT_SECONDS)


def client_of(record: ServerRecord) -> EvalClient:
    """Make a client of the server that a record describes."""
    return EvalClient(record.url, timeout=TIMEOUT_SECONDS, token=record.token or None)


# Reloading the extension, or this module, must not forget what was chosen.
session: Session = globals().get("session") or Session()
