"""Whether a failed evaluation is tried again, and with which batch size."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.engine.policy import (
    Again,
    GiveUp,
    accidents_in_place,
    after_failure,
    next_batch_size,
    rest_before,
    time_left,
    with_batch_size,
)
from jupyter_lmms_eval.protocol.jobs import Attempt, AttemptEnd, EvaluateRequest, Failure, FailureCause

ACCIDENTS = (FailureCause.CRASH, FailureCause.STALLED, FailureCause.DEVICE)


def request(**fields: Any) -> EvaluateRequest:
    return EvaluateRequest(**{"model": "dummy", "tasks": ["mme"], **fields})


def attempts(*ends: tuple[AttemptEnd, FailureCause | None, int]) -> list[Attempt]:
    return [
        Attempt(number=number, started_at="", ended=ended, cause=cause, samples_done=done)
        for number, (ended, cause, done) in enumerate(ends, 1)
    ]


def failed(cause: FailureCause, done: int = 0) -> tuple[AttemptEnd, FailureCause, int]:
    return (AttemptEnd.FAILED, cause, done)


INTERRUPTED = (AttemptEnd.INTERRUPTED, None, 0)


def decide(history: list[Attempt], allowed: int = 2, **fields: Any) -> Again | GiveUp:
    cause = history[-1].cause
    assert cause is not None
    return after_failure(request(**fields), history, Failure(cause=cause, type="", message=""), allowed)


@pytest.mark.parametrize(
    "cause",
    [cause for cause in FailureCause if cause not in (*ACCIDENTS, FailureCause.OUT_OF_MEMORY)],
)
def test_what_would_only_fail_again_is_not_tried_again(cause: FailureCause) -> None:
    assert decide(attempts(failed(cause))) == GiveUp()


@pytest.mark.parametrize("cause", ACCIDENTS)
def test_a_crash_at_the_same_place_is_tried_again_so_often_and_no_more(cause: FailureCause) -> None:
    assert isinstance(decide(attempts(failed(cause, 40))), Again)
    assert isinstance(decide(attempts(failed(cause, 40), failed(cause, 40))), Again)
    gave_up = decide(attempts(failed(cause, 40), failed(cause, 40), failed(cause, 40)))
    assert isinstance(gave_up, GiveUp)
    assert "3 times at the same place" in gave_up.advice
    assert decide(attempts(failed(cause, 40)), allowed=0) == GiveUp()


@pytest.mark.parametrize(
    ("cause", "what"),
    [
        (FailureCause.CRASH, "crashed"),
        (FailureCause.STALLED, "hung"),
        (FailureCause.DEVICE, "lost its device"),
    ],
)
def test_another_attempt_says_what_happened_to_the_last_one(cause: FailureCause, what: str) -> None:
    history = attempts(failed(FailureCause.CRASH, 40), failed(cause, 40))
    assert decide(history) == Again(f"Attempt 2 {what}; trying again")
    assert decide(history, allowed=1) == GiveUp("It failed 2 times at the same place.")


def test_a_job_rests_longer_after_each_crash_at_the_same_place() -> None:
    histories = [attempts(*[failed(FailureCause.CRASH, 4)] * crashes) for crashes in range(12)]
    assert [rest_before(history) for history in histories] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert rest_before(attempts(failed(FailureCause.CRASH, 4), failed(FailureCause.CRASH, 5))) == 0


def test_a_job_that_gets_further_each_time_is_never_given_up() -> None:
    history = attempts(*(failed(FailureCause.CRASH, done) for done in range(1, 50)))
    assert isinstance(decide(history, allowed=0 + 1), Again)


def test_the_end_of_a_server_says_nothing_about_the_job() -> None:
    assert accidents_in_place(attempts(failed(FailureCause.CRASH, 5), INTERRUPTED, INTERRUPTED)) == 1


def test_out_of_memory_is_tried_once_more_with_half_the_batch() -> None:
    again = decide(attempts(failed(FailureCause.OUT_OF_MEMORY)), batch_size=8)
    assert again == Again("Attempt 1 ran out of memory; trying again with batch_size 4")
    history = attempts(failed(FailureCause.OUT_OF_MEMORY))
    assert next_batch_size(request(batch_size=8), history) == 4
    second = [*history, Attempt(number=2, started_at="", batch_size=4, cause=FailureCause.OUT_OF_MEMORY)]
    assert decide(second, batch_size=8) == GiveUp("It ran out of memory with batch_size 4 too.")


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_single_sample_that_does_not_fit_is_not_tried_again(batch_size: int | None) -> None:
    assert decide(attempts(failed(FailureCause.OUT_OF_MEMORY)), batch_size=batch_size) == GiveUp()


def test_the_smaller_batch_stays_through_a_crash() -> None:
    history = [
        Attempt(number=1, started_at="", ended=AttemptEnd.FAILED, cause=FailureCause.OUT_OF_MEMORY),
        Attempt(number=2, started_at="", batch_size=4, ended=AttemptEnd.FAILED, cause=FailureCause.CRASH),
        Attempt(number=3, started_at="", batch_size=4, ended=AttemptEnd.INTERRUPTED),
    ]
    assert next_batch_size(request(batch_size=8), history) == 4
    assert next_batch_size(request(batch_size=8), []) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"pretrained": "a/b", "batch_size": 8}, {"pretrained": "a/b", "batch_size": 4}),
        ("pretrained=a/b,batch_size=8,dtype=auto", "pretrained=a/b,dtype=auto,batch_size=4"),
        ({"pretrained": "a/b"}, {"pretrained": "a/b"}),
        (None, None),
    ],
)
def test_a_batch_size_among_the_model_arguments_is_halved_too(arguments: Any, expected: Any) -> None:
    asked = request(model_args=arguments, batch_size=8)
    half = next_batch_size(asked, attempts(failed(FailureCause.OUT_OF_MEMORY)))
    changed = with_batch_size(asked, half)
    assert (changed.batch_size, changed.model_args) == (4, expected)
    assert with_batch_size(asked, None) is asked


def test_automatic_batches_become_single_samples() -> None:
    assert next_batch_size(request(batch_size="auto"), attempts(failed(FailureCause.OUT_OF_MEMORY))) == 1


def test_all_attempts_share_the_time() -> None:
    assert time_left(None, []) is None
    history = [Attempt(number=1, started_at="", seconds=40), Attempt(number=2, started_at="", seconds=50)]
    assert time_left(100, history) == 10
    assert time_left(60, history) == 0


causes = st.sampled_from([*ACCIDENTS, FailureCause.OUT_OF_MEMORY, None])
histories = st.lists(st.tuples(causes, st.integers(0, 20)), min_size=1, max_size=60)


@given(histories, st.integers(0, 3), st.sampled_from([None, 1, 3, 64, "auto"]))
def test_no_job_is_tried_for_ever(history: list[tuple[FailureCause | None, int]], allowed: int, batch: Any) -> None:
    """Attempts are bounded by the samples: each further one needs progress, or uses up an allowance."""
    so_far: list[Attempt] = []
    batch_size = batch
    for number, (cause, done) in enumerate(history, 1):
        asked = request(batch_size=batch_size)
        attempt = Attempt(
            number=number,
            started_at="",
            batch_size=next_batch_size(asked, so_far),
            ended=AttemptEnd.FAILED if cause else AttemptEnd.INTERRUPTED,
            cause=cause,
            samples_done=done,
        )
        so_far.append(attempt)
        if cause and isinstance(decide(so_far, allowed, batch_size=batch_size), GiveUp):
            break
    crashes = [attempt for attempt in so_far if attempt.cause in ACCIDENTS]
    steps = len({attempt.samples_done for attempt in so_far})
    assert len(crashes) <= (allowed + 1) * steps + 1
    assert sum(attempt.cause is FailureCause.OUT_OF_MEMORY for attempt in so_far) <= 2
