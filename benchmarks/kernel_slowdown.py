"""What an idle server on a kernel's background thread costs the cells: the same loop with and without it.

    python benchmarks/kernel_slowdown.py [rounds]

Each round starts the server, times a short loop several times in the kernel, stops it, and does so again; the order
alternates, so that a machine that gets busier does not favour either side. Other programs, and on a shared machine
other machines, only ever add to a time, so the ratio of the fastest of all counts; the rounds' own ratios tell how
noisy it was. Prints both, and what the idle server's thread uses of a core.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

LOOP_SECONDS = 0.2  # about
LOOPS = 8  # of which the best counts
LOOP = """
import time
def loop(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total
def timed(n):
    began = time.perf_counter()
    loop(n)
    return time.perf_counter() - began
"""
IDLE_SECONDS = 5


def evaluate(client: BlockingKernelClient, code: str, expression: str) -> float:
    reply = client.execute_interactive(
        code, user_expressions={"value": expression}, timeout=120, output_hook=lambda _: None
    )["content"]
    if reply["status"] != "ok":
        raise SystemExit(f"{reply['ename']}: {reply['evalue']}")
    return float(reply["user_expressions"]["value"]["data"]["text/plain"])


def timed(client: BlockingKernelClient, steps: int) -> float:
    return evaluate(client, "", f"min(timed({steps}) for _ in range({LOOPS}))")


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        for name in ("RUNTIME", "DATA"):
            os.environ[f"JUPYTER_{name}_DIR"] = str(Path(root) / name.lower())
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            evaluate(client, f"{LOOP}\nfrom jupyter_lmms_eval.hosting import lifecycle", "0")
            evaluate(client, f"from jupyter_lmms_eval import ServerArgs; args = ServerArgs(state_dir={root!r})", "0")
            start = "assert type(lifecycle.start(args, any_port=True)).__name__ == 'Started'"
            # The first server lists the tasks in a helper process, which must not be timed.
            wait = "from jupyter_lmms_eval import EvalClient; EvalClient().list_tasks()"
            evaluate(client, f"{start}; {wait}; lifecycle.stop()", "0")
            steps = int(1_000_000 * LOOP_SECONDS / timed(client, 1_000_000))
            times: dict[bool, list[float]] = {True: [], False: []}
            for number in range(rounds):
                for served in (True, False) if number % 2 else (False, True):
                    evaluate(client, f"lifecycle.stop(); {start}" if served else "lifecycle.stop()", "0")
                    time.sleep(0.3)
                    times[served].append(timed(client, steps))
            evaluate(client, "lifecycle.stop()", "0")
            without = evaluate(
                client, f"c = time.process_time(); time.sleep({IDLE_SECONDS})", "time.process_time() - c"
            )
            evaluate(client, f"{start}; {wait}; time.sleep(1)", "0")
            used = evaluate(client, f"c = time.process_time(); time.sleep({IDLE_SECONDS})", "time.process_time() - c")
            evaluate(client, "lifecycle.stop()", "0")
        finally:
            client.stop_channels()
            manager.shutdown_kernel()
    ratios = [with_server / alone for with_server, alone in zip(times[True], times[False], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    fastest = min(times[True]) / min(times[False])
    print(f"loop with an idle server / without: {fastest:.3f} (the fastest of {rounds} rounds)")
    print(f"noise: the rounds' ratios have median {middle:.3f}, middle half {low:.3f} to {high:.3f}")
    print(f"idle server: {(used - without) / IDLE_SECONDS:.2%} of a core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
