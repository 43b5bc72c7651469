"""Make the record by which a running server is found."""

from __future__ import annotations

import os
import re
import socket

import psutil
from fastapi import FastAPI

from .._version import __version__
from ..api.app import state_dir_of
from ..api.server_args import ServerArgs
from ..engine.clock import now
from ..protocol.server import ServerRecord


def server_record(app: FastAPI) -> ServerRecord:
    """Describe the server that serves an application in this process."""
    args: ServerArgs = app.state.server_args
    return ServerRecord(
        id=app.state.server_id,
        pid=os.getpid(),
        create_time=psutil.Process().create_time(),
        hostname=socket.gethostname(),
        host=args.host,
        port=args.port,
        url=server_url(args.host, args.port),
        token=app.state.token,
        state_dir=str(state_dir_of(args)),
        started_at=now(),
        version=__version__,
        kernel_id=_kernel_id(os.environ.get("JPY_CONNECTION_FILE", "")),
        notebook=os.environ.get("JPY_SESSION_NAME"),
    )


def server_url(host: str, port: int) -> str:
    """Return the address for clients on this machine."""
    name = "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  (compared, not bound)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _kernel_id(connection_file: str) -> str | None:
    found = re.search(r"kernel-(.+)\.json$", connection_file)
    return found.group(1) if found else None
