"""Run a server in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager

from fastapi import FastAPI

from ..api.app import create_app
from ..api.server_args import ServerArgs
from ..discovery.records import record_path
from ..engine.catalog import require_evaluation_packages
from .binding import bind
from .folders import writing
from .record import server_url
from .serving import AnnouncedServer, serve
from .tls import check_certificate


def launch_server(args: ServerArgs, sockets: Sequence[socket.socket] | None = None) -> None:
    """Run a server until SIGINT or SIGTERM, then shut it down.

    Also works in a notebook cell, whose event loop already runs; the cell is busy until it is interrupted.

    Parameters
    ----------
    args
        The server's arguments.
    sockets
        Sockets that already listen, as `bind` returns them; None: listen on ``args.host`` and ``args.port``.

    Raises
    ------
    EvaluationPackagesMissing
        If lmms-eval is not installed; nothing was started.
    PortTaken
        If the port is in use; nothing was started.
    TlsUnusable
        If its certificate cannot be used; nothing was started.
    StateDirTaken
        If another server works on the state directory; nothing was started.
    FolderUnusable
        If the state directory, or Jupyter's runtime directory, cannot be written to; nothing was started.
    """
    require_evaluation_packages()
    check_certificate(args)
    listening = list(sockets) if sockets is not None else bind(args.host, args.port)
    try:
        server = AnnouncedServer(create_app(args), _announce)
        with _stopped_by_signals(server), writing(args):
            _run(serve(server, listening))
    finally:
        for listener in listening:
            listener.close()


def _run(serving: Coroutine[object, object, None]) -> None:
    """Run a coroutine to its end, also where a loop already runs: in a notebook cell."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(serving)
        return
    import nest_asyncio2

    nest_asyncio2.apply(loop)
    loop.run_until_complete(serving)


@contextmanager
def _stopped_by_signals(server: AnnouncedServer) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop a server in good order, from before it starts until its evaluations have ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _announce(app: FastAPI) -> None:
    """Print, once, what a person needs; the only place where the token is shown, and only to a person."""
    args: ServerArgs = app.state.server_args
    url = server_url(args.host, args.port, secure=args.tls_certificate is not None)
    lines = [f"Evaluation server at {url}"]
    if app.state.token and sys.stdout.isatty():
        lines += [f"  open it:      {url}/docs?token={app.state.token}", f"  token:        {app.state.token}"]
    else:
        lines += [f"  open it:      {url}/docs"]
    if app.state.token and not sys.stdout.isatty():  # a log, perhaps, or a notebook that is saved
        lines += [f"  token:        in {record_path(app.state.server_id)}, which only you can read"]
    lines += ["  from Python:  from jupyter_lmms_eval import EvalClient; EvalClient()", "  stop it:      Ctrl-C"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    for notice in app.state.notices:
        sys.stderr.write(f"Warning: {notice}\n")
    if not app.state.token:
        sys.stderr.write("Warning: no token is asked for; every user of this machine can run code as you\n")
