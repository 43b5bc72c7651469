"""One line of lmms-eval's samples files: what was asked, said and scored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .reading import headline_rank

# What lmms-eval writes of every sample; everything else in a line is a metric.
_FIXED = {
    "doc_id",
    "doc",
    "arguments",
    "target",
    "resps",
    "filtered_resps",
    "token_counts",
    "doc_hash",
    "input",
    "input_media",
    "bypass",  # stands for "no metric"
}
# Where tasks that aggregate for themselves put the score of a sample, in a metric that is an object.
_SCORE_KEYS = ("score", "correct", "is_correct", "acc", "accuracy", "exact_match", "hit")

# Characters of one text, and of what else is told of a sample.
MOST_TEXT = 20_000
MOST_DETAIL = 2_000
MOST_DETAILS = 8_000
ELLIPSIS = "…"
_MOST_ANSWERS = 100


class RowDamaged(ValueError):
    """A line of a samples file is not one of lmms-eval's."""


@dataclass(frozen=True)
class Row:
    """One line, parsed.

    Attributes
    ----------
    doc_id
        Index of the document in its split.
    question, target
        Texts, whole.
    answers, filtered
        What the model said, before and after the filters.
    scores
        Numbers by metric.
    others
        What else the line holds.
    """

    doc_id: int
    question: str
    target: str
    answers: list[str]
    filtered: list[str]
    scores: dict[str, float] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)


def parse_row(line: bytes) -> Row:
    """Parse a line of a samples file.

    Raises
    ------
    RowDamaged
        If it is none.
    """
    content = _object(line)
    filtered = texts_of(content.get("filtered_resps"))
    others = {name: value for name, value in content.items() if name not in _FIXED}
    scores = _scores(content)
    return Row(
        doc_id=doc_id_of(content),
        question=text_of(content.get("input")),
        target=text_of(content.get("target")),
        # lmms-eval leaves out answers that the filters did not change.
        answers=texts_of(content["resps"]) if "resps" in content else filtered,
        filtered=filtered,
        scores=scores,
        others={name: value for name, value in others.items() if name not in scores or isinstance(value, Mapping)}
        | {name: content[name] for name in ("input_media", "token_counts") if _says_something(content.get(name))},
    )


def parse_scores(line: bytes) -> tuple[int, dict[str, float]]:
    """Parse of a line only which document it is about, and its scores; raises as `parse_row` does."""
    content = _object(line)
    return doc_id_of(content), _scores(content)


def parse_texts(line: bytes) -> tuple[int, list[str]]:
    """Parse of a line only which document it is about, and what can be searched; raises as `parse_row` does."""
    content = _object(line)
    texts = [text_of(content.get("input")), text_of(content.get("target"))]
    for name in ("resps", "filtered_resps"):
        texts += texts_of(content.get(name))
    return doc_id_of(content), texts


def _object(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RowDamaged(str(error)) from error
    if not isinstance(content, dict):
        raise RowDamaged("it is no object")
    return content


def _scores(content: Mapping[str, Any]) -> dict[str, float]:
    found = ((name, score_of(value)) for name, value in content.items() if name not in _FIXED)
    return {name: score for name, score in found if score is not None}


def doc_id_of(content: Mapping[str, Any]) -> int:
    """Read which document a line is about.

    Raises
    ------
    RowDamaged
        If it does not say.
    """
    doc_id = content.get("doc_id")
    if isinstance(doc_id, bool) or not isinstance(doc_id, int) or not 0 <= doc_id < 2**53:
        raise RowDamaged(f"its doc_id is {doc_id!r}")
    return doc_id


def score_of(value: object) -> float | None:
    """Read the score that a metric gave a sample; None if it is no single number.

    Many tasks hand an object with a ``score`` to an aggregation of their own.
    """
    if isinstance(value, dict):
        return next((score for key in _SCORE_KEYS if (score := _number(value.get(key))) is not None), None)
    return _number(value)


@lru_cache(maxsize=1024)
def judge_of(metrics: tuple[str, ...]) -> str | None:
    """Choose the metric by which a sample is right or wrong: the one that is most like an accuracy."""
    return min(metrics, key=headline_rank, default=None)  # min() keeps the first of equals


def answer_text(answer: object) -> str:
    """Write one answer of a model as text: a likelihood with its flag, or rounds, in one line each."""
    if isinstance(answer, list | tuple):
        flat = all(not isinstance(part, list | tuple | dict) for part in answer)
        return ", ".join(map(text_of, answer)) if flat else "\n".join(map(answer_text, answer))
    return text_of(answer)


def text_of(value: object) -> str:
    """Write any value of a line as text that can be sent."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()  # halves of characters cannot be sent


def texts_of(value: object) -> list[str]:
    """Write answers as texts: one for each answer, however lmms-eval nested them."""
    if value is None:
        return []
    if not isinstance(value, list):
        return [text_of(value)]
    texts: list[str] = []
    for part in value:
        # A request of its own, with one answer for each repetition.
        if isinstance(part, list) and part and all(isinstance(each, list) for each in part):
            texts += [answer_text(each) for each in part]
        else:
            texts.append(answer_text(part))
    return texts


def cut(text: str, most: int) -> str:
    """Shorten a text visibly."""
    return text if len(text) <= most else text[: max(0, most - 1)] + ELLIPSIS


def cut_all(texts: list[str], most: int) -> list[str]:
    """Shorten texts so that all together are not longer; what is left out shows as an ellipsis."""
    kept: list[str] = []
    for text in texts:
        if most <= 0 or len(kept) == _MOST_ANSWERS:
            kept.append(ELLIPSIS)
            break
        kept.append(cut(text, most))
        most -= len(text)
    return kept


def cut_details(others: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of what else a line holds what is small; shorten the rest to text."""
    kept: dict[str, Any] = {}
    left = MOST_DETAILS
    for name, value in others.items():
        text = text_of(value)
        left -= min(len(text), MOST_DETAIL) + len(name)
        if left < 0:
            kept[ELLIPSIS] = "more was noted; the file has it"
            break
        whole = len(text) <= MOST_DETAIL and _plain(value)
        kept[text_of(name)] = value if whole else cut(text, MOST_DETAIL)
    return kept


def _plain(value: object) -> bool:
    """Whether a value can be sent as JSON as it is."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return value.isascii() or value == text_of(value)
    if isinstance(value, dict):
        return all(_plain(key) and _plain(each) for key, each in value.items())
    return all(map(_plain, value)) if isinstance(value, list) else True


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _says_something(value: object) -> bool:
    return any(each is not None for each in value) if isinstance(value, list) else bool(value)
