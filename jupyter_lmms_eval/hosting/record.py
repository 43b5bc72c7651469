"""Make the record by which a running server is found."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import psutil
from fastapi import FastAPI

from .._version import __version__
from ..api.app import state_dir_of
from ..api.server_args import ServerArgs
from ..discovery.certificate import own_certificate
from ..discovery.identity import ProcessIdentity
from ..engine.clock import now
from ..protocol.server import ServerRecord
from .differences import resolved


def server_record(app: FastAPI) -> ServerRecord:
    """Describe the server that serves an application in this process."""
    args: ServerArgs = app.state.server_args
    identity = ProcessIdentity.of(os.getpid())
    return ServerRecord(
        id=app.state.server_id,
        pid=os.getpid(),
        create_time=psutil.Process().create_time(),
        process_start=identity.start if identity else "",
        hostname=socket.gethostname(),
        host=args.host,
        port=args.port,
        url=server_url(args.host, args.port, secure=args.tls_certificate is not None),
        token=app.state.token,
        state_dir=str(state_dir_of(args)),
        started_at=now(),
        version=__version__,
        kernel_id=kernel_id(),
        notebook=os.environ.get("JPY_SESSION_NAME"),
        certificate=own_certificate(args.tls_certificate) if args.tls_certificate is not None else "",
        arguments={name: value for name, value in resolved(args).items() if name != "token"},
    )


def server_url(host: str, port: int, *, secure: bool = False) -> str:
    """Return the address for clients on this machine."""
    name = "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  (compared, not bound)
    scheme = "https" if secure else "http"
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


def kernel_id() -> str | None:
    """Return the identity of the kernel that this process is; None if it is none."""
    if "ipykernel.kernelapp" not in sys.modules:
        return None
    from ipykernel.connect import get_connection_file

    try:
        name = Path(get_connection_file()).stem
    except RuntimeError:  # ipykernel is imported, but this is no kernel
        return None
    return name.removeprefix("kernel-")
