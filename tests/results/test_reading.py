"""Results files as lmms-eval 0.7.3 writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_lmms_eval.protocol.jobs import Metric
from jupyter_lmms_eval.results import ResultsUnreadable, headline, parse_results, read_results
from jupyter_lmms_eval.results.reading import finite

# The shape of a real file: a group with a score of its own over two tasks, `--limit 8 --repeats 3`, shortened.
GROUP: dict[str, Any] = {
    "results": {
        "digits_group": {"exact_match,none": 0.125, "exact_match_stderr,none": 0.085, "alias": "digits_group"},
        "digits_again": {
            "alias": " - digits_again",
            "exact_match,none": 0.25,
            "exact_match_stderr,none": 0.16,
            "exact_match_stderr_clt,none": 0.16,
            "exact_match_stderr_clustered,none": "N/A",
            "exact_match_expected_accuracy,none": 0.25,
            "exact_match_consensus_accuracy,none": 0.25,
            "exact_match_internal_variance,none": 0.0,
            "exact_match_consistency_rate,none": 1.0,
        },
        "digits_read": {
            "alias": " - digits_read",
            "exact_match,none": 0.0,
            "exact_match_stderr,none": "N/A",
            "paired_baseline": "qwen25vl",
            "paired_pvalue": 0.5,
        },
    },
    "groups": {"digits_group": {"exact_match,none": 0.125, "alias": "digits_group"}},
    "group_subtasks": {"digits_group": ["digits_read", "digits_again"]},
    "configs": {"digits_read": {"task": "digits_read"}},
    "versions": {"digits_again": 1.0, "digits_group": 1.0, "digits_read": 1.0},
    "n-shot": {"digits_again": 0, "digits_read": 0},
    "higher_is_better": {
        "digits_again": {"exact_match": True},
        "digits_group": {"exact_match": True},
        "digits_read": {"exact_match": True},
    },
    "n-samples": {
        "digits_read": {"original": 450, "effective": 8},
        "digits_again": {"original": 450, "effective": 8},
    },
    "config": {"model": "dummy", "limit": 8.0},
    "model_name": "d",
    "total_evaluation_time_seconds": "1.0923",
}


def scores(results: dict[str, Any], **rest: Any) -> list[tuple[Any, ...]]:
    return [
        (m.task, m.metric, m.filter, m.value, m.stderr) for m in parse_results({"results": results, **rest}).metrics
    ]


def test_a_group_and_its_tasks(tmp_path: Path) -> None:
    path = tmp_path / "20261123_013336_results.json"
    path.write_text(json.dumps(GROUP))
    read = read_results(path)
    assert [(m.task, m.metric, m.value, m.stderr, m.higher_is_better, m.samples, m.group) for m in read.metrics] == [
        ("digits_group", "exact_match", 0.125, 0.085, True, 16, True),
        ("digits_again", "exact_match", 0.25, 0.16, True, 8, False),
        ("digits_again", "exact_match_expected_accuracy", 0.25, None, True, 8, False),
        ("digits_again", "exact_match_consensus_accuracy", 0.25, None, True, 8, False),
        ("digits_again", "exact_match_internal_variance", 0.0, None, False, 8, False),
        ("digits_again", "exact_match_consistency_rate", 1.0, None, True, 8, False),
        ("digits_read", "exact_match", 0.0, None, True, 8, False),
    ]
    assert read.n_samples["digits_read"].original == 450
    assert read.versions == {"digits_again": 1.0, "digits_group": 1.0, "digits_read": 1.0}
    assert read.subtasks == {"digits_group": ["digits_read", "digits_again"]}
    assert (read.model, read.config["limit"], read.seconds) == ("d", 8.0, 1.0923)


def test_a_group_without_a_score_and_a_task_alone() -> None:
    read = parse_results(
        {
            "results": {"plain": {" ": " ", "alias": "plain"}, "alone": {"alias": "alone", "acc,none": 1.0}},
            "group_subtasks": {"plain": [], "alone": []},
        }
    )
    assert [(m.task, m.group, m.samples) for m in read.metrics] == [("alone", False, None)]
    assert read.subtasks == {}


def test_numbers_that_json_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "x_results.json"
    path.write_text(
        '{"results": {"t": {"a,none": NaN, "a_stderr,none": Infinity, "b,none": -Infinity, "c,none": 0.5, '
        '"c_stderr,none": NaN}}, "n-samples": {"t": {"original": NaN, "effective": 12.0}}}'
    )
    read = read_results(path)
    assert [(m.metric, m.value, m.stderr) for m in read.metrics] == [
        ("a", None, None),
        ("b", None, None),
        ("c", 0.5, None),
    ]
    assert (read.n_samples["t"].original, read.n_samples["t"].effective) == (None, 12)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        ("0.4375", 0.4375),  # numpy.float32 arrives as text
        ("N/A", None),
        ("", None),
        (" ", None),
        (None, None),
        (True, None),
        ("nan", None),
        ("inf", None),
        ({"a": 1}, None),
        ([1.0], None),
        (10**400, None),
    ],
)
def test_what_counts_as_a_number(value: object, number: float | None) -> None:
    assert finite(value) == number


def test_filters_make_scores_of_their_own() -> None:
    task = {
        "exact_match,strict": 0.1,
        "exact_match_stderr,strict": 0.01,
        "exact_match,flexible": 0.2,
        "exact_match_stderr,flexible": 0.02,
    }
    assert scores({"t": task}) == [
        ("t", "exact_match", "strict", 0.1, 0.01),
        ("t", "exact_match", "flexible", 0.2, 0.02),
    ]


def test_the_stand_in_for_no_metric_is_no_score() -> None:
    assert scores({"t": {"alias": "t", "bypass,none": 999, "bypass_stderr,none": "N/A"}}) == []


def test_an_error_of_another_quantity_is_not_borrowed() -> None:
    task = {"total,none": 1500.0, "total_stderr,none": "N/A", "total_stderr_clt,none": 0.02}
    assert scores({"t": task}) == [("t", "total", "none", 1500.0, None)]


def test_groups_of_groups_count_each_sample_once() -> None:
    content = {
        "results": {"top": {"acc,none": 0.5}},
        "group_subtasks": {"top": ["left", "right"], "left": ["a", "b"], "right": ["b", "c"], "loop": ["loop"]},
        "n-samples": {name: {"original": 9, "effective": size} for name, size in (("a", 1), ("b", 2), ("c", 4))},
    }
    assert parse_results(content).metrics[0].samples == 7
    content["n-samples"]["b"] = {"original": 9, "effective": None}
    assert parse_results(content).metrics[0].samples is None
    assert parse_results(content | {"results": {"loop": {"acc,none": 0.5}}}).metrics[0].samples is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"results": []}', '{"results": null}', "\x00"])
def test_a_file_that_is_no_results_file_is_a_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(ResultsUnreadable, match=r"results\.json is not"):
        read_results(path)
    with pytest.raises(ResultsUnreadable, match=r"Cannot read the results file .*: No such file"):
        read_results(tmp_path / "missing.json")
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ResultsUnreadable, match="is not complete JSON"):
        read_results(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
sections = st.sampled_from(["results", "groups", "group_subtasks", "higher_is_better", "n-samples", "versions"])
names = st.sampled_from(["t", "g", "acc,none", "acc_stderr,none", "acc", " ", "effective", ","])
tables = st.dictionaries(names, st.dictionaries(names, json_values, max_size=3) | st.lists(names) | json_values)


# The first text of a process makes hypothesis build its tables of characters, which is slow on a loaded machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(sections, tables | json_values))
def test_no_content_breaks_the_reading(content: dict[str, Any]) -> None:
    json.dumps([metric.model_dump() for metric in parse_results(content).metrics], allow_nan=False)


def metric(name: str, value: float | None = 0.5, task: str = "t") -> Metric:
    return Metric(task=task, metric=name, value=value)


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ([], None),
        ([metric("a", None)], None),
        ([metric("a"), metric("b")], "t/a"),
        ([metric("a", None), metric("b")], "t/b"),
        ([metric("bleu"), metric("exact_match")], "t/exact_match"),
        ([metric("char_sim"), metric("mmmu_acc")], "t/mmmu_acc"),
        ([metric("mmmu_acc"), metric("exact_match"), metric("acc")], "t/acc"),
        ([metric("acc_consistency_rate"), metric("wer")], "t/wer"),
        ([metric("mme_perception_score", None, "g"), metric("x", 1.0, "u"), metric("acc", 1.0, "v")], "u/x"),
        ([metric("mme_cognition_score"), metric("mme_perception_score")], "t/mme_cognition_score"),
    ],
)
def test_the_score_that_stands_for_a_job(metrics: list[Metric], shown: str | None) -> None:
    found = headline(metrics)
    assert (f"{found.task}/{found.metric}" if found else None) == shown
