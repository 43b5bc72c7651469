"""Single lines of samples files, in the shapes in which tasks of lmms-eval 0.7.3 leave them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.results.rows import (
    ELLIPSIS,
    MOST_DETAILS,
    RowDamaged,
    cut,
    cut_all,
    cut_details,
    judge_of,
    parse_row,
    parse_scores,
    parse_texts,
)
from tests.results.samples import line_of


def row(**changes: Any) -> Any:
    return parse_row(json.dumps(line_of(3, **changes)).encode())


def test_an_answer_that_the_filters_left_alone_is_the_raw_one_too() -> None:
    assert (row().answers, row().filtered) == (["7"], ["7"])
    filtered = row(resps=["The digit is 7."])
    assert (filtered.answers, filtered.filtered) == (["The digit is 7."], ["7"])


def test_several_generations_are_several_answers() -> None:
    assert row(resps=["7", "8"], filtered_resps=["7", "8"]).answers == ["7", "8"]


def test_choices_by_likelihood_are_one_answer_each() -> None:
    choices = [["9.1", "False"], ["0.0002", "True"]]
    assert row(filtered_resps=choices).answers == ["9.1, False", "0.0002, True"]
    assert row(resps=[[["9.1", "False"]], [["0.0002", "True"]]]).answers == ["9.1, False", "0.0002, True"]


@pytest.mark.parametrize(
    ("metrics", "scores"),
    [
        ({"exact_match": 1.0, "char_accuracy": 0.5}, {"exact_match": 1.0, "char_accuracy": 0.5}),
        (
            {"mme_perception_score": {"question_id": "a.png", "category": "color", "score": 1.0}},
            {"mme_perception_score": 1},
        ),
        ({"llm_as_judge_eval": {"is_correct": True}}, {"llm_as_judge_eval": 1.0}),
        ({"hit": True}, {"hit": 1.0}),
        ({"mmmu_acc": {"id": "x", "answer": "A", "parsed_pred": "B"}, "submission": {"x": "B"}}, {}),
        ({"bypass": [["2"], ["A"]]}, {}),
        ({"acc": float("nan")}, {}),
    ],
)
def test_a_score_is_a_number_or_what_an_object_calls_its_score(
    metrics: dict[str, Any], scores: dict[str, float]
) -> None:
    line = {name: value for name, value in line_of(0).items() if name != "exact_match"} | metrics
    encoded = json.dumps(line).encode()
    assert parse_row(encoded).scores == scores
    assert parse_scores(encoded) == (0, scores)


def test_right_and_wrong_is_told_by_what_is_most_like_an_accuracy() -> None:
    assert judge_of(("bleu", "exact_match", "acc")) == "acc"
    assert judge_of(("rougeL", "mme_perception_score")) == "mme_perception_score"
    assert judge_of(()) is None


def test_what_else_was_noted_is_kept_and_bounded() -> None:
    found = row(
        token_counts=[{"output_tokens": 4}],
        input_media=["https://example.org/a.jpg"],
        pope_f1_score={"question_id": 1, "score": 1.0},
        trace="x" * 100_000,
        odd=float("inf"),
    )
    details = cut_details(found.others)
    assert details["pope_f1_score"] == {"question_id": 1, "score": 1.0}
    assert details["token_counts"] == [{"output_tokens": 4}]
    assert details["odd"] == "Infinity"
    assert details["trace"].endswith(ELLIPSIS)
    json.dumps(details, allow_nan=False)
    many = cut_details({f"metric_{number}": "y" * 900 for number in range(100)})
    assert len(json.dumps(many)) < 2 * MOST_DETAILS
    assert ELLIPSIS in many


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"7", b'{"doc_id": "x"}', b'{"doc_id": -1}', b'{"doc_id": true}', b"\xff\xfe", b"[" * 100_000],
)
def test_anything_else_is_damaged(line: bytes) -> None:
    for parse in (parse_row, parse_scores, parse_texts):
        with pytest.raises(RowDamaged):
            parse(line)


def test_half_a_character_can_still_be_sent() -> None:
    assert parse_row(b'{"doc_id": 1, "target": "\\ud800", "input": "x"}').target == "?"


@given(st.text(max_size=200), st.integers(1, 100))
def test_a_text_is_cut_visibly(text: str, most: int) -> None:
    shown = cut(text, most)
    assert len(shown) <= most
    assert shown == text or (shown.endswith(ELLIPSIS) and text.startswith(shown[:-1]))


@given(st.lists(st.text(max_size=50), max_size=150), st.integers(1, 500))
def test_texts_together_are_bounded(texts: list[str], most: int) -> None:
    shown = cut_all(texts, most)
    assert sum(map(len, shown)) <= most + 1
    assert len(shown) <= 101
