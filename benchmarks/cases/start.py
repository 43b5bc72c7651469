"""Starting a server: as a process, and in a kernel that has imported the package."""

from __future__ import annotations

import os
import tempfile

from jupyter_client.manager import start_new_kernel

from ..effort import Effort
from ..figures import Figure, Target
from ..servers import Servers, Side, sides

CASE = "start"
_IMPORT = """
import time, urllib.request
from jupyter_lmms_eval import ServerArgs
from jupyter_lmms_eval.hosting import lifecycle
"""
_START = """
args = ServerArgs(state_dir={state!r})
began = time.perf_counter()
started = lifecycle.start(args, any_port=True)
request = urllib.request.Request(
    started.record.url + "/health", headers={{"Authorization": "Bearer " + started.record.token}}
)
assert urllib.request.urlopen(request).status == 200
took = time.perf_counter() - began
"""


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    times: dict[Side, list[float]] = {side: [] for side in Side}
    for number in range(effort.starts):
        for side in sides(number):
            with servers.serving(side) as server:
                times[side].append(server.seconds_to_start)
    return [
        Figure(
            CASE,
            "start of a server until it answers",
            "s",
            times[Side.OURS],
            times[Side.THEIRS],
            target=Target(faster=1),
        ),
        Figure(
            CASE,
            "the same in a kernel",
            "s",
            [_in_a_kernel(servers) for _ in range(effort.starts)],
            target=Target(most=0.3),
        ),
    ]


def _in_a_kernel(servers: Servers) -> float:
    """Seconds of the first start in a new kernel."""
    state = tempfile.mkdtemp(prefix="state_", dir=servers.folder)
    environment = {**os.environ, **servers.environment(Side.OURS)}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    try:
        for code in (_IMPORT, _START.format(state=state)):
            reply = client.execute_interactive(
                code, user_expressions={"took": "globals().get('took', 0)"}, timeout=120, output_hook=lambda _: None
            )["content"]
            if reply["status"] != "ok":
                raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")
        client.execute_interactive("_ = lifecycle.stop()", timeout=120)
        return float(reply["user_expressions"]["took"]["data"]["text/plain"])
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
