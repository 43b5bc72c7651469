"""Ranks that are told to finish stop after equally many chunks, whoever is ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.runner.turns import Common, Turns, next_turn


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(0, 60), st.integers(1, 12))
def test_whatever_their_order_ranks_begin_equally_many_chunks(order: list[int], told_at: int, chunks: int) -> None:
    common, begun, stopped = Common(), [0, 0, 0], [False] * 3
    # At the end every rank goes on as long as it may.
    for step, rank in enumerate([*order, *([0, 1, 2] * (chunks + 1))]):
        if stopped[rank] or begun[rank] == chunks:
            continue
        granted, common = next_turn(common, begun[rank] + 1, told_to_finish=step >= told_at)
        begun[rank] += granted
        stopped[rank] = not granted
    assert len(set(begun)) == 1
    assert len(set(stopped)) == 1
    assert stopped[0] == (begun[0] < chunks)


def test_a_single_rank_stops_at_once(tmp_path: Path) -> None:
    marker = tmp_path / "finish"
    turns = Turns(marker)
    assert turns.another()
    marker.touch()
    assert not turns.another()
    assert turns.stopped
    marker.unlink()
    assert not turns.another(), "it was said to the evaluator"


def test_a_slow_rank_catches_up_with_the_fastest(tmp_path: Path) -> None:
    marker, shared = tmp_path / "finish", tmp_path / "turns-1"
    fast, slow = Turns(marker, shared), Turns(marker, shared)
    assert [fast.another() for _ in range(3)] == [True] * 3
    assert slow.another()
    marker.touch()
    assert [slow.another() for _ in range(3)] == [True, True, False]
    assert not fast.another()


@pytest.mark.parametrize("shared", [None, "turns-1"])
def test_without_a_word_everything_is_asked(tmp_path: Path, shared: str | None) -> None:
    turns = Turns(tmp_path / "finish", tmp_path / shared if shared else None)
    assert all(turns.another() for _ in range(50))
    assert not turns.stopped
