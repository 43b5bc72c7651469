"""How often the echo model was really asked, and whether that was needed; pure but for reading one file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
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


def needless(asks: Sequence[Ask], ranks: int) -> int:
    """Count the requests that were asked although their answers were known.

    A process that went on to another chunk had written the answers of the one before. Only its last chunk can have
    been cut, so only what is in last chunks may be asked again. Ranks make equally many calls: one with less left to
    ask than its peer repeats known requests, at most as many as the peer asks.

    Parameters
    ----------
    asks
        All requests of a job, in order.
    ranks
        Processes that share its samples.
    """
    last: dict[str, int] = {}
    for ask in asks:
        last[ask.process] = max(ask.call, last.get(ask.process, 0))
    known: set[Question] = set()
    repeated: Counter[tuple[int, int]] = Counter()
    total: Counter[tuple[int, int]] = Counter()
    of_attempt: defaultdict[int, set[int]] = defaultdict(set)
    for ask in asks:
        who = ask.attempt, ask.rank
        of_attempt[ask.attempt].add(ask.rank)
        total[who] += 1
        if ask.question in known:
            repeated[who] += 1
        elif ask.call < last[ask.process]:
            known.add(ask.question)
    if ranks == 1:
        return sum(repeated.values())
    excess = 0
    for (attempt, rank), count in repeated.items():
        peers = of_attempt[attempt] - {rank}
        excess += max(0, count - max((total[attempt, peer] for peer in peers), default=0))
    return excess
