"""What the benchmark says of what it measured: ratios, targets, the table."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, Target, quantile
from benchmarks.plot import drawable
from benchmarks.table import spread, table

SECONDS = st.lists(st.floats(0.001, 1000), min_size=1, max_size=5)


def figure(ours: Sequence[float], other: Sequence[float] = (), unit: str = "s", **target: float) -> Figure:
    return Figure("case", "title", unit, ours, other, target=Target(**target))


def test_a_server_that_takes_half_the_time_is_twice_as_fast() -> None:
    assert figure([1.0, 2.0, 9.0], [4.0]).ratio == 2.0


def test_a_server_that_takes_twice_the_submissions_is_twice_as_fast() -> None:
    assert figure([800.0], [400.0], unit="1/s").ratio == 2.0


def test_a_machine_that_gets_slower_meanwhile_does_not_count_where_values_are_pairs() -> None:
    ours, other = [10.0, 11.0, 20.0, 40.0], [10.0, 10.0, 20.0, 41.0]
    assert Figure("case", "title", "s", ours, other, paired=True).ratio == 1.0
    assert figure(ours, other).ratio != 1.0


def test_what_takes_no_time_at_all_is_not_divided_by() -> None:
    assert figure([0.0], [4.0]).ratio == math.inf


@pytest.mark.parametrize(
    ("measured", "met"),
    [
        (figure([0.2], [10.0], faster=50), True),
        (figure([0.3], [10.0], faster=50), False),
        (figure([0.2], faster=50), None),  # nothing to compare with
        (figure([0.2], [10.0]), None),  # nothing was hoped for
        (figure([4.9], most=5), True),
        (figure([5.1], [5000.0], most=5), False),  # a thousand times better is still not what was hoped for
        (figure([10.2], [10.0], within=0.03), True),
        (figure([10.4], [10.0], within=0.03), False),
        (figure([97.0], [100.0], unit="1/s", within=0.02), False),
        (figure([99.0], [100.0], unit="1/s", within=0.02), True),
        (figure([6.0], [10.0], faster=1.5, most=5), False),  # every bound counts
    ],
)
def test_a_target_is_met_or_not(measured: Figure, met: bool | None) -> None:
    assert measured.met is met


@given(SECONDS, SECONDS)
def test_raw_figures_survive_being_written(ours: list[float], other: list[float]) -> None:
    measured = figure(ours, other, faster=2)
    assert Figure.from_json(json.loads(json.dumps(measured.to_json()))) == measured


@given(SECONDS, st.floats(0, 1))
def test_a_quantile_is_one_of_the_values(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_a_spread_names_the_least_and_the_most() -> None:
    assert spread([11.7, 11.1, 15.0], "s") == "11.7 s (11.1-15.0)"
    assert spread([0.0441], "s") == "0.0441 s"
    assert spread([390_000.0], "bytes") == "390,000 bytes"


def test_the_table_says_what_is_compared_whether_it_suffices_and_why_not() -> None:
    limit = "About 0.04 s are spent inside lmms-eval's evaluator."
    text = table(
        [
            Figure("jobs", "second job", "s", [0.2], [11.0], target=Target(most=0.1), note=limit),
            Figure("set", "all samples", "s", [10.0], [10.1], compared_with="python -m", target=Target(within=0.03)),
        ]
    )
    assert text.splitlines()[2] == "| second job (1) | 0.20 s | 11.0 s | 55.0x | ≤ 0.1 s | **not met** |"
    assert text.splitlines()[3] == "| all samples | 10.0 s | python -m: 10.1 s | 1.01x | within 3 % | met |"
    assert text.endswith(f"\n\n1. {limit}")


def test_the_picture_shows_times_only_and_rates_as_the_time_of_one() -> None:
    shown = drawable(
        [
            figure([2.0], [500.0], unit="ms"),
            figure([500.0], [1000.0], unit="1/s"),
            figure([76.0], [80.0], unit="MB"),
            figure([1.0]),
        ]
    )
    assert [(ours, other) for _, ours, other in shown] == [([0.002], [0.5]), ([0.002], [0.001])]
