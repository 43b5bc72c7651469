"""What a request may say."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobStatus


def request(**fields: object) -> EvaluateRequest:
    return EvaluateRequest.model_validate({"model": "dummy", "tasks": ["mme"], **fields})


@pytest.mark.parametrize("limit", [0, -1, -2, -0.5, math.nan, math.inf, 2.5, True, "abc"])
def test_a_limit_that_cannot_be_meant_is_refused(limit: object) -> None:
    with pytest.raises(ValidationError):
        request(limit=limit)


@pytest.mark.parametrize(("limit", "meant"), [(8, 8), (8.0, 8), (0.25, 0.25), (None, None), (1, 1)])
def test_a_limit_is_a_count_a_fraction_or_all(limit: object, meant: object) -> None:
    assert request(limit=limit).limit == meant


@pytest.mark.parametrize("batch_size", [0, -1, "many", "auto:x", True, "\u00b2"])
def test_a_batch_size_must_be_positive_or_auto(batch_size: object) -> None:
    with pytest.raises(ValidationError, match="must be a"):
        request(batch_size=batch_size)


@pytest.mark.parametrize(("batch_size", "meant"), [(4, 4), ("4", 4), ("auto", "auto"), ("auto:4", "auto:4")])
def test_a_batch_size_is_kept(batch_size: object, meant: object) -> None:
    assert request(batch_size=batch_size).batch_size == meant


@pytest.mark.parametrize("field", ["limit", "gpu_memory", "timeout"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_have_is_no_number(field: str, number: float) -> None:
    with pytest.raises(ValidationError, match=f"is {number}, which JSON does not have|greater than 0"):
        request(**{field: number})


@pytest.mark.parametrize("field", ["limit", "gpu_memory", "timeout", "seed", "offset", "batch_size"])
def test_a_number_of_four_hundred_digits_is_still_a_number(field: str) -> None:
    """Whether anybody can mean it is for the server to say; a job that was stored with it must be read again."""
    huge = request(**{field: 10**400})
    assert EvaluateRequest.model_validate_json(huge.model_dump_json()) == huge


def test_unknown_fields_are_accepted_and_named() -> None:
    assert request(bath_size=4, tacks=[]).unknown_fields == ["bath_size", "tacks"]


def test_values_of_model_args_arrive_as_they_are() -> None:
    given = {"pretrained": 'a,b="c"', "revision": "0123", "dtype": None, "sizes": [1, 2], "flag": "true"}
    assert request(model_args=given).model_args == given


def test_statuses_are_those_of_lmms_eval() -> None:
    assert [status.value for status in JobStatus] == ["queued", "running", "completed", "failed", "cancelled"]
    assert [status for status in JobStatus if not status.finished] == [JobStatus.QUEUED, JobStatus.RUNNING]
