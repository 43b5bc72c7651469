"""What the demonstration's task files call: pictures out of rows, and scores of read numbers."""

from collections.abc import Mapping, Sequence
from typing import Any


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """Give a row's picture to the model.

    Parameters
    ----------
    doc : mapping
        A row of the test set.

    Returns
    -------
    list of PIL.Image.Image
        The one picture, in the colour space models expect.
    """
    return [doc["image"].convert("RGB")]


def score_number(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score a number that was read.

    Parameters
    ----------
    doc : mapping
        A row of the test set.
    results : sequence of str
        The model's answer.

    Returns
    -------
    dict of str to float
        Whether the whole number is right, and the share of digits that stand right in their place.
    """
    said, truth = results[0].strip(), str(doc["answer"])
    in_place = sum(a == b for a, b in zip(said, truth, strict=False))
    return {
        "exact_match": float(said == truth),
        # Divided by the longer one: an answer that goes on and on must not win.
        "char_accuracy": in_place / max(len(said), len(truth)),
    }
