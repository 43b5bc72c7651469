"""How often the echo model was really asked, and whether that was needed; pure but for reading one file."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Question = tuple[str, int, int]


@dataclass(frozen=True)
class Ask:
    """One request that the model was asked.

    Attributes
    ----------
    task, doc_id, part
        What was asked.
    process
        By which process.
    attempt
        In which attempt.
    rank
        By which rank of it.
    call
        In which call of that process; each chunk is a call.
    """

    task: str
    doc_id: int
    part: int
    process: str
    attempt: int
    rank: int
    call: int

    @property
    def question(self) -> Question:
        """What was asked, whoever asked it."""
        return self.task, self.doc_id, self.part


def read_asks(path: Path) -> list[Ask]:
    """Read what the model of a job wrote down, in order; nothing if it was never asked."""
    if not path.exists():
        return []
    return [Ask(**json.loads(line)) for line in path.read_text().splitlines()]


def needless(asks: Sequence[Ask], ranks: int, questions: int) -> int:
    """Count the requests that were asked although their answers were known.

    A process that went on to another chunk had written the answers of the one before. Only its last chunk can have
    been cut, so only what is in last chunks may be asked again. Ranks make equally many calls: one with less left to
    ask than its peer repeats known requests, at most as many as the peer had left when the attempt began, whether or
    not the peer lived to ask them.

    Parameters
    ----------
    asks
        All requests of a job, in order.
    ranks
        Processes that share its samples.
    questions
        Requests of the whole job.
    """
    last: dict[str, int] = {}
    for ask in asks:
        last[ask.process] = max(ask.call, last.get(ask.process, 0))
    known: dict[Question, int] = {}
    repeated: Counter[tuple[int, int]] = Counter()
    left: dict[int, list[int]] = {}
    share = math.ceil(questions / ranks)
    for ask in asks:
        if ask.attempt not in left:
            answered = Counter(known.values())
            left[ask.attempt] = [share - answered[rank] for rank in range(ranks)]
        if ask.question in known:
            repeated[ask.attempt, ask.rank] += 1
        elif ask.call < last[ask.process]:
            known[ask.question] = ask.rank
    excess = 0
    for (attempt, rank), count in repeated.items():
        peers = [number for peer, number in enumerate(left[attempt]) if peer != rank]
        excess += max(0, count - max(peers, default=0))
    return excess
