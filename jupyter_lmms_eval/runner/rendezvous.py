"""Lets the ranks of an attempt agree on a port, through a file in the job's directory."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from .records import write_atomically

WAIT_SECONDS = 300.0


def agree_on_port(job_dir: Path, attempt: int, rank: int) -> None:
    """Set ``MASTER_PORT``: rank 0 chooses a free port just before it is used, the others wait for its choice.

    Raises
    ------
    TimeoutError
        If rank 0 does not choose.
    """
    path = job_dir / f"rendezvous-{attempt}"
    if rank == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        write_atomically(path, port)
    else:
        deadline = time.monotonic() + WAIT_SECONDS
        while not path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"rank 0 chose no port within {WAIT_SECONDS:.0f} s")
            time.sleep(0.05)
        port = path.read_text(encoding="utf-8")
    os.environ["MASTER_PORT"] = port
