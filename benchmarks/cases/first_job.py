"""The first job of a server, and the first of another model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..effort import Effort
from ..evaluating import LLAVA, QWEN, Evaluated, evaluate, request_for, require_same
from ..figures import Figure, Target
from ..servers import Servers, Side, sides

CASE = "first_job"


def measure(servers: Servers, effort: Effort) -> list[Figure]:
    servers.warm_up()
    first, other = request_for(QWEN, limit=8, batch_size=8), request_for(LLAVA, limit=8, batch_size=1)
    at_once: dict[Side, list[Evaluated]] = {side: [] for side in Side}
    another: dict[Side, list[Evaluated]] = {side: [] for side in Side}
    unseen: dict[Side, list[Evaluated]] = {side: [] for side in Side}
    prepared: list[Evaluated] = []
    preparing: list[float] = []
    for number in range(effort.rounds):
        for side in sides(number):
            state = Path(tempfile.mkdtemp(prefix="state_", dir=servers.folder))
            with servers.serving(side, state_dir=state) as server:
                at_once[side].append(evaluate(servers, server, first))
                (another if side is Side.THEIRS else unseen)[side].append(evaluate(servers, server, other))
                server.settle()
            if side is Side.OURS:
                # On another day: the folder remembers what its models needed.
                with servers.serving(side, state_dir=state) as server:
                    preparing.append(server.seconds_to_start + server.settle())
                    prepared.append(evaluate(servers, server, first))
                    another[side].append(evaluate(servers, server, other))
    require_same(job.scores for job in [*at_once[Side.OURS], *at_once[Side.THEIRS], *prepared])
    require_same(job.scores for jobs in (*another.values(), *unseen.values()) for job in jobs)
    theirs = [job.completed for job in at_once[Side.THEIRS]]
    return [
        Figure(
            CASE,
            "first job of a server, sent at once",
            "s",
            [job.completed for job in at_once[Side.OURS]],
            theirs,
            target=Target(faster=1.5),
        ),
        Figure(
            CASE,
            "first job of a server that has prepared itself",
            "s",
            [job.completed for job in prepared],
            theirs,
            target=Target(faster=10),
            note=f"Ours imports in the background what jobs in its folder needed before, for {max(preparing):.0f} s "
            "after its start here; lmms-eval's own server has nothing like it.",
        ),
        Figure(
            CASE,
            "another model: until its first sample",
            "s",
            [job.first_sample for job in another[Side.OURS]],
            [job.first_sample for job in another[Side.THEIRS]],
            target=Target(faster=15),
        ),
        Figure(
            CASE,
            "the same with a model whose kind never ran before",
            "s",
            [job.first_sample for job in unseen[Side.OURS]],
            [job.first_sample for job in another[Side.THEIRS]],
        ),
        Figure(
            CASE,
            "another model: until its scores",
            "s",
            [job.completed for job in another[Side.OURS]],
            [job.completed for job in another[Side.THEIRS]],
        ),
    ]
