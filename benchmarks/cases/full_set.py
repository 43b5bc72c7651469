"""A large job, the whole demonstration's data one by one: against ``python -m lmms_eval``."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from ..effort import Effort
from ..evaluating import QWEN, evaluate, request_for, require_same, scores_in
from ..figures import Figure, Target
from ..servers import Servers, Side

CASE = "full_set"
_TASKS = ("digits_read", "numbers_read")
_COMMAND = "python -m lmms_eval"


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    servers.warm_up()
    cold: list[float] = []
    warm: list[float] = []
    command: list[float] = []
    scores: list[dict[str, float]] = []
    limit = {} if effort.limit is None else {"limit": effort.limit}
    samples = 750 if effort.limit is None else effort.limit * len(_TASKS)

    def ours() -> None:
        request = request_for(QWEN, tasks=_TASKS, batch_size=1, **limit)
        with servers.serving(Side.OURS) as server:
            for times in (cold, warm):
                done = evaluate(servers, server, request, only_end=True)
                times.append(done.completed)
                scores.append(done.scores)

    def theirs() -> None:
        seconds, found = _by_command_line(servers, limit)
        command.append(seconds)
        scores.append(found)

    for number in range(effort.rounds):
        for run in (ours, theirs) if number % 2 == 0 else (theirs, ours):
            run()
    require_same(scores)
    return [
        Figure(
            CASE,
            f"{samples} samples one by one, first job of a server",
            "s",
            cold,
            command,
            compared_with=_COMMAND,
            target=Target(within=0.03),
        ),
        Figure(
            CASE,
            f"{samples} samples one by one, second job",
            "s",
            warm,
            command,
            compared_with=_COMMAND,
            target=Target(faster=1),
        ),
    ]


def _by_command_line(servers: Servers, limit: dict[str, int]) -> tuple[float, dict[str, float]]:
    output = Path(tempfile.mkdtemp(prefix="output_", dir=servers.folder))
    arguments = ",".join(f"{name}={value}" for name, value in QWEN.model_args.items())
    began = time.perf_counter()
    done = servers.command_line(
        Side.OURS,
        ["--model", QWEN.model, "--model_args", arguments, "--tasks", ",".join(_TASKS)],
        ["--batch_size", "1", "--output_path", str(output), "--log_samples"],
        [word for name, value in limit.items() for word in (f"--{name}", str(value))],
    )
    took = time.perf_counter() - began
    found = list(output.rglob("*_results.json"))
    if not found:  # it ends with 0 for failures too
        raise RuntimeError(done.stdout.decode()[-2000:])
    scores = scores_in(found[0])
    shutil.rmtree(output)
    return took, scores
