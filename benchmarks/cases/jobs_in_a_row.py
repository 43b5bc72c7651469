"""Twenty small jobs of one model, one after the other."""

from __future__ import annotations

import statistics

from ..effort import Effort
from ..evaluating import QWEN, evaluate, request_for, require_same
from ..figures import Figure, Target
from ..servers import Servers, Side, sides

CASE = "jobs_in_a_row"


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    servers.warm_up()
    request = request_for(QWEN, limit=8, batch_size=8)
    wholes: dict[Side, list[float]] = {side: [] for side in Side}
    later: dict[Side, list[float]] = {side: [] for side in Side}
    second: dict[Side, list[float]] = {side: [] for side in Side}
    for number in range(effort.rounds):
        scores = []
        for side in sides(number):
            with servers.serving(side) as server:
                done = [evaluate(servers, server, request, only_end=True) for _ in range(effort.jobs)]
            wholes[side].append(sum(job.completed for job in done))
            later[side] += [job.completed for job in done[1:]]
            second[side].append(done[1].completed - (done[1].answering or 0))
            scores += [job.scores for job in done]
        require_same(scores)
    # lmms-eval's server does not tell how long the model answered; it is the same model, on the same samples.
    answering = statistics.median(later[Side.OURS]) - statistics.median(second[Side.OURS])
    their_second = [seconds - max(0.0, answering) for seconds in second[Side.THEIRS]]
    jobs = effort.jobs
    return [
        Figure(CASE, f"{jobs} jobs of one model in a row, all", "s", wholes[Side.OURS], wholes[Side.THEIRS]),
        Figure(
            CASE,
            "one of them, from the second on",
            "s",
            later[Side.OURS],
            later[Side.THEIRS],
            target=Target(faster=50),
        ),
        Figure(
            CASE,
            "second job of a model, without the model's own time",
            "s",
            second[Side.OURS],
            their_second,
            target=Target(most=0.1),
            note="About 0.04 s are spent inside lmms-eval's evaluator.",
        ),
    ]
