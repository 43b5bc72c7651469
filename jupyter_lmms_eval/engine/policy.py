"""Whether an evaluation that failed is tried again, and how: a pure decision, one rule for each cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..protocol.jobs import Attempt, AttemptEnd, EvaluateRequest, Failure, FailureCause
from .arguments import split_arguments

_LONGEST_REST_SECONDS = 60.0
# What another attempt may survive, and what happened, for a person.
_ACCIDENTS = {
    FailureCause.CRASH: "crashed",
    FailureCause.STALLED: "hung",
    FailureCause.DEVICE: "lost its device",
}


@dataclass(frozen=True)
class Again:
    """A job is tried again.

    Attributes
    ----------
    reason
        Why, for a person.
    """

    reason: str


@dataclass(frozen=True)
class GiveUp:
    """A job has failed.

    Attributes
    ----------
    advice
        What was tried, and what is left to do; empty if the failure's own advice says it all.
    """

    advice: str = ""


def after_failure(
    request: EvaluateRequest, attempts: Sequence[Attempt], failure: Failure, accidents_allowed: int
) -> Again | GiveUp:
    """Decide what follows a failed attempt.

    Out of memory is tried once more with half the batch. A crash, a hang or a failing device is tried again as long as
    attempts get further, and ``accidents_allowed`` times where the last one got. Everything else would only fail again.

    Parameters
    ----------
    request
        The request.
    attempts
        All attempts, the failed one last, with how each ended.
    failure
        Why the last one failed.
    accidents_allowed
        Further attempts after such accidents without a new sample in between.
    """
    if failure.cause is FailureCause.OUT_OF_MEMORY:
        return _after_out_of_memory(request, attempts)
    if failure.cause in _ACCIDENTS:
        count = accidents_in_place(attempts)
        if count <= accidents_allowed:
            return Again(f"Attempt {attempts[-1].number} {_ACCIDENTS[failure.cause]}; trying again")
        if accidents_allowed:
            return GiveUp(f"It failed {count} times at the same place.")
    return GiveUp()


def accidents_in_place(attempts: Sequence[Attempt]) -> int:
    """Count the crashes, hangs and failing devices since an attempt last got further than all before it.

    Attempts that the end of a server interrupted say nothing about the job.
    """
    count, furthest = 0, 0
    for attempt in attempts:
        if attempt.samples_done > furthest:
            furthest, count = attempt.samples_done, 0
        if attempt.ended is AttemptEnd.FAILED and attempt.cause in _ACCIDENTS:
            count += 1
    return count


def rest_before(attempts: Sequence[Attempt]) -> float:
    """Return the seconds a job rests before its next attempt: none after the first crash, then 1, 2, 4 ... 60.

    What crashes at once would otherwise do nothing but start.
    """
    count = accidents_in_place(attempts)
    return 0.0 if count < 2 else min(_LONGEST_REST_SECONDS, 2.0 ** min(count - 2, 10))


def _after_out_of_memory(request: EvaluateRequest, attempts: Sequence[Attempt]) -> Again | GiveUp:
    used = used_batch_size(request, attempts)
    if any(attempt.cause is FailureCause.OUT_OF_MEMORY for attempt in attempts[:-1]):
        return GiveUp(f"It ran out of memory with batch_size {used} too.")
    half = half_batch(used)
    if half is None:
        return GiveUp()
    return Again(f"Attempt {attempts[-1].number} ran out of memory; trying again with batch_size {half}")


def next_batch_size(request: EvaluateRequest, attempts: Sequence[Attempt]) -> int | str | None:
    """Return the batch size of the next attempt if it is not the requested one, else None.

    Parameters
    ----------
    request
        The request.
    attempts
        All attempts before it.
    """
    if attempts and attempts[-1].cause is FailureCause.OUT_OF_MEMORY:
        return half_batch(used_batch_size(request, attempts))
    return attempts[-1].batch_size if attempts else None


def half_batch(batch_size: int | str | None) -> int | None:
    """Return half a batch, or None if there is no smaller one.

    What ``auto`` chose is not known here; one sample at a time is the size that most likely fits.
    """
    if isinstance(batch_size, int):
        return batch_size // 2 if batch_size > 1 else None
    return None if batch_size is None else 1


def used_batch_size(request: EvaluateRequest, attempts: Sequence[Attempt]) -> int | str | None:
    """Return the batch size of the last attempt: the one chosen for it, or else the requested one."""
    chosen = next((attempt.batch_size for attempt in reversed(attempts) if attempt.batch_size is not None), None)
    if chosen is not None:
        return chosen
    given = _of_model_args(request.model_args)
    return request.batch_size if given is None else given


def with_batch_size(request: EvaluateRequest, batch_size: int | str | None) -> EvaluateRequest:
    """Return the request with another batch size, wherever it says one; None changes nothing."""
    if batch_size is None:
        return request
    changes: dict[str, object] = {"batch_size": batch_size}
    arguments = request.model_args
    if _of_model_args(arguments) is not None:
        if isinstance(arguments, str):
            parts = [part for part in split_arguments(arguments) if part.partition("=")[0].strip() != "batch_size"]
            changes["model_args"] = ",".join([*parts, f"batch_size={batch_size}"])
        else:
            changes["model_args"] = {**(arguments or {}), "batch_size": batch_size}
    return request.model_copy(update=changes)


def _of_model_args(arguments: dict[str, object] | str | None) -> int | str | None:
    """The batch size that model_args hold; they win over the request's own."""
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in split_arguments(arguments))
        arguments = {key.strip(): value.strip() for key, _, value in pairs}
    value = (arguments or {}).get("batch_size")
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, (int, str)) else None


def time_left(timeout: float | None, attempts: Sequence[Attempt]) -> float | None:
    """Return the seconds a job may still run, None for ever."""
    return None if timeout is None else max(0.0, timeout - sum(attempt.seconds for attempt in attempts))
