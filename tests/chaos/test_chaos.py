"""A short chaos run: about each fault once, while a few jobs run; `make chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asked import Ask, needless
from .faults import FAULTS
from .folders import Folders
from .harness import ChaosRun, Settings
from .plan import SHAPES, plan


@pytest.mark.evaluation
@pytest.mark.timeout(900)
def test_nothing_is_lost(tmp_path: Path) -> None:
    settings = Settings(
        jobs=10,
        seed=3,
        minutes=3,
        drain_minutes=5,
        pause=(1.0, 3.0),
        most_faults=len(FAULTS),
        faults=dict.fromkeys(FAULTS, 1),
        shapes=SHAPES[:4],
    )
    found = ChaosRun(settings, Folders(tmp_path), print).run()
    assert found.sound, str(found)


def test_a_plan_depends_on_its_seed_only() -> None:
    assert plan(30, 7) == plan(30, 7)
    assert plan(30, 7) != plan(30, 8)
    assert {job.shape for job in plan(len(SHAPES), 1)} == set(SHAPES)
    assert len({job.key for job in plan(200, 1)}) == 200


def ask(doc_id: int, process: str, call: int, rank: int = 0, attempt: int = 1) -> Ask:
    return Ask("digits_read", doc_id, 0, process, attempt, rank, call)


def test_only_a_cut_chunk_may_be_asked_again() -> None:
    first = [ask(0, "a", 1), ask(1, "a", 1), ask(2, "a", 2)]
    assert needless(first, ranks=1, questions=3) == 0
    assert needless([*first, ask(2, "b", 1, attempt=2)], ranks=1, questions=3) == 0
    assert needless([*first, ask(1, "b", 1, attempt=2)], ranks=1, questions=3) == 1


def test_a_rank_may_repeat_as_much_as_its_peer_had_left() -> None:
    first = [ask(0, "a", 1), ask(2, "a", 2), ask(1, "b", 1, rank=1), ask(3, "b", 2, rank=1)]
    # Of its two requests the peer had one left, and was killed before it asked any.
    assert needless([*first, ask(0, "c", 1, attempt=2)], ranks=2, questions=4) == 0
    assert needless([*first, ask(0, "c", 1, attempt=2), ask(0, "c", 1, attempt=2)], ranks=2, questions=4) == 1
