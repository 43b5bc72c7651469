"""The server of this process: started once, found again, stopped with the process."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

from ..api.app import state_dir_of
from ..api.server_args import ServerArgs
from ..discovery import running_servers
from ..engine.catalog import require_evaluation_packages
from ..engine.errors import EngineError
from ..protocol.server import ServerRecord
from . import binding
from .differences import otherwise
from .folders import writing
from .outcomes import Failed, Outcome, PortTaken, Reused, Started, TimedOut
from .reaping import at_exit
from .thread import ServerThread
from .tls import check_certificate

START_SECONDS = 30.0
# Jupyter gives a kernel few seconds to end before it kills it; evaluations die then by themselves, but ending
# them here is quieter.
_EXIT_SECONDS = 4.0
_EXIT_DRAIN_SECONDS = 0.3


class _State:
    """The one server of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.server: ServerThread | None = None
        self.watched = False


# Reloading this module must not forget the server.
_state: _State = globals().get("_state") or _State()


def start(
    args: ServerArgs, *, any_port: bool = False, asked: Collection[str] = (), timeout: float = START_SECONDS
) -> Outcome:
    """Start a server on a thread of this process, or use the one there is.

    Works from any thread. At most one server runs in a process, and one per folder of jobs on a machine.

    Parameters
    ----------
    args
        The server's arguments.
    any_port
        Whether any free port will do, instead of ``args.port``.
    asked
        Names of the arguments that a person chose: a running server that has others is used, but this is said.
    timeout
        Seconds within which it must answer.

    Returns
    -------
    Outcome
        What came of it.
    """
    with _state.lock:
        if (running := current()) is not None:
            return _own(running.record, args, asked)
        if (elsewhere := find_by_state_dir(state_dir_of(args))) is not None:
            return Reused(elsewhere, here=False, kept=otherwise(elsewhere, args, asked))
        return _start(args, any_port=any_port, timeout=timeout)


def current() -> ServerThread | None:
    """Return the server of this process, if it runs."""
    server = _state.server
    return server if server is not None and server.alive and server.record is not None else None


def stop(timeout: float = 10.0) -> bool:
    """Stop the server of this process; running jobs go back to the queue, for the next server on its folder.

    Parameters
    ----------
    timeout
        Seconds in which it must be over.

    Returns
    -------
    bool
        Whether there was one.
    """
    with _state.lock:
        server, _state.server = _state.server, None
        if server is None or not server.alive:
            return False
        server.stop(timeout)
        return True


def find_by_state_dir(state_dir: Path) -> ServerRecord | None:
    """Find the living server that works on a folder of jobs.

    Parameters
    ----------
    state_dir
        The folder.
    """
    wanted = os.path.realpath(state_dir)
    for server in running_servers():
        if os.path.realpath(server.record.state_dir) == wanted:
            return server.record
    return None


def _own(record: ServerRecord | None, args: ServerArgs, asked: Collection[str]) -> Outcome:
    assert record is not None  # noqa: S101  (current() returns no other)
    if args.state_dir is not None and os.path.realpath(state_dir_of(args)) != os.path.realpath(record.state_dir):
        return Failed(
            f"This kernel's evaluation server, at {record.url}, works on another folder; stop it first, "
            "or start a second one with --detach"
        )
    return Reused(record, here=True, kept=otherwise(record, args, asked))


def _start(args: ServerArgs, *, any_port: bool, timeout: float) -> Outcome:
    began = time.monotonic()
    try:
        require_evaluation_packages()
        check_certificate(args)
        sockets = binding.bind(args.host, 0 if any_port else args.port)
    except binding.PortTaken as error:
        return PortTaken(args.port, str(error))
    except (EngineError, OSError) as error:
        return Failed(str(error))
    args = dataclasses.replace(args, port=sockets[0].getsockname()[1])
    server = ServerThread(args, sockets)
    try:
        with writing(args):
            answers = server.start(timeout)
    except Exception as error:  # noqa: BLE001  (any reason is an answer)
        return Failed(_reason(error))
    except BaseException:  # the cell was interrupted
        server.stop()
        raise
    if not answers or server.record is None:
        server.stop()
        return TimedOut(timeout, server.log)
    _state.server = server
    if not _state.watched:
        at_exit(_stop_at_exit)
        _state.watched = True
    return Started(server.record, time.monotonic() - began)


def _reason(error: Exception) -> str:
    if isinstance(error, EngineError | OSError | ValueError):
        return str(error)
    return f"The server could not start: {type(error).__name__}: {error}"


def _stop_at_exit() -> None:
    server = _state.server
    if server is not None:
        server.stop(_EXIT_SECONDS, _EXIT_DRAIN_SECONDS)
