"""Ports for servers that listen only some time after their port was chosen."""

from __future__ import annotations

import os
import socket
from itertools import cycle, islice

# Below what systems give to connections of their own accord, so that nobody has it when the server comes (back).
_PORTS = range(20000, 30000)
# Each process begins at a place of its own, and goes on from there: two choices must not be the same.
_FIRST = os.getpid() * 97 % len(_PORTS)
_candidates = cycle([*_PORTS[_FIRST:], *_PORTS[:_FIRST]])


def free_port() -> int:
    """Choose a port of 127.0.0.1 on which nobody listens, another one at each call."""
    for port in islice(_candidates, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
