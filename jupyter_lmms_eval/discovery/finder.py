"""The choice of a server to talk to."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..protocol.server import ServerRecord
from .liveness import Liveness, liveness, process_lives
from .records import read_records, remove_record

URL_VARIABLE = "LMMS_EVAL_SERVER"
TOKEN_VARIABLES = ("LMMS_EVAL_TOKEN", "LMMS_EVAL_SERVER_TOKEN")

_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104  (compared, never bound)


class NoServerRunning(ConnectionError):
    """No evaluation server was found."""

    def __init__(self) -> None:
        super().__init__(
            "No evaluation server is running: start one with `%lmms_eval_server start` in a notebook or "
            f"`jupyter lmms-eval serve` in a terminal, or name one with {URL_VARIABLE}."
        )


@dataclass(frozen=True)
class RunningServer:
    """A server whose process lives.

    Attributes
    ----------
    record
        How to reach it.
    liveness
        `Liveness.ALIVE`, or `Liveness.BUSY` if it did not answer in time.
    """

    record: ServerRecord
    liveness: Liveness


@dataclass(frozen=True)
class ServerAddress:
    """Where to send requests.

    Attributes
    ----------
    url
        Base URL without credentials.
    token
        Its secret, if it needs one; not shown by ``repr``.
    record
        The record of the server at the address, if it is this user's on this machine.
    given
        Whether a person gave the token, so that no other is to be looked for.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    record: ServerRecord | None = field(default=None, repr=False)
    given: bool = False


def running_servers(timeout: float = 2.0) -> list[RunningServer]:
    """Find this user's servers on this machine; records of dead processes are removed on the way.

    Parameters
    ----------
    timeout
        Seconds to wait for each server's answer; all are asked at once.

    Returns
    -------
    list of RunningServer
        Newest first.
    """
    records = []
    for record in read_records():
        if process_lives(record):
            records.append(record)
        else:
            remove_record(record.id)
    if not records:
        return []
    with ThreadPoolExecutor(max_workers=min(len(records), 16)) as pool:
        states = list(pool.map(lambda record: liveness(record, timeout), records))
    return [
        RunningServer(record, state)
        for record, state in zip(records, states, strict=True)
        if state is not Liveness.GONE
    ]


def find_server(timeout: float = 2.0) -> ServerAddress:
    """Choose the server to talk to.

    The one named by ``LMMS_EVAL_SERVER`` (with ``LMMS_EVAL_TOKEN``) if set; else the newest that answers;
    else the newest that is busy.

    Parameters
    ----------
    timeout
        Seconds to wait for answers.

    Returns
    -------
    ServerAddress
        Its address. An address from the environment is not probed and may hold credentials in its URL.

    Raises
    ------
    NoServerRunning
        If there is none.
    """
    if url := os.environ.get(URL_VARIABLE, "").strip():
        return ServerAddress(url, environment_token() or known_token(url))
    servers = running_servers(timeout)
    # sorted() is stable: among equals the newest stays first.
    for server in sorted(servers, key=lambda server: server.liveness is not Liveness.ALIVE):
        return ServerAddress(server.record.url, server.record.token or None, server.record)
    raise NoServerRunning


def environment_token() -> str | None:
    """Read the token that the environment names.

    Returns
    -------
    str or None
        The first of ``LMMS_EVAL_TOKEN`` and ``LMMS_EVAL_SERVER_TOKEN`` that is set.
    """
    return next((token for name in TOKEN_VARIABLES if (token := os.environ.get(name, "").strip())), None)


def known_token(url: str) -> str | None:
    """Look up the token of a server of this user on this machine.

    Parameters
    ----------
    url
        The server's URL as a person writes it, for example ``http://localhost:8800``.

    Returns
    -------
    str or None
        Its token, if a living process recorded a server at that host and port.
    """
    record = known_server(url)
    return None if record is None else record.token or None


def known_server(url: str) -> ServerRecord | None:
    """Look up the record of a server of this user on this machine.

    Parameters
    ----------
    url
        The server's URL as a person writes it.

    Returns
    -------
    ServerRecord or None
        The record, if a living process wrote it for a server at that host and port.
    """
    wanted = _endpoint(url)
    if wanted is None:
        return None
    for record in read_records():
        if _endpoint(record.url) == wanted and process_lives(record):
            return record
    return None


def _endpoint(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if host is None:
        return None
    host = "localhost" if host in _LOOPBACK else host
    return host, port or (443 if parts.scheme == "https" else 80)
