"""When an evaluation counts as hanging."""

from __future__ import annotations

from typing import Any

from jupyter_lmms_eval.engine.stalling import StallWatch
from jupyter_lmms_eval.protocol.run import RunEvent


def event(**fields: Any) -> RunEvent:
    return RunEvent.model_validate({"time": 0.0, "attempt": 1, **fields})


def watch_with(chunks: list[float], factor: float = 10, least: float = 60) -> tuple[StallWatch, float]:
    """A watch that has seen chunks of these durations, and the time by then."""
    watch = StallWatch(factor, least, 0.0)
    watch.saw(event(event="phase", phase="answering"), 0.0)
    watch.saw(event(event="progress", done={}), 0.0)
    time = 0.0
    for duration in chunks:
        time += duration
        watch.saw(event(event="progress", done={"mme": 1}), time)
    return watch, time


def test_long_silence_compared_with_the_usual_is_noticed_and_told() -> None:
    watch, time = watch_with([10.0, 12.0, 11.0])
    assert watch.stalled(time + 109) is None
    assert watch.stalled(time + 111) == "No chunk of samples was finished for 111 s; one usually takes 11.0 s"


def test_short_chunks_do_not_make_the_watch_nervous() -> None:
    watch, time = watch_with([0.1] * 50)
    assert watch.stalled(time + 59) is None
    assert watch.stalled(time + 61) is not None


def test_the_first_chunk_has_more_time() -> None:
    watch, time = watch_with([])
    assert watch.stalled(time + 239) is None
    assert watch.stalled(time + 241) == "No chunk of samples was finished for 241 s"


def test_one_slow_chunk_does_not_change_what_is_usual() -> None:
    watch, _ = watch_with([10.0, 10.0, 500.0, 10.0])
    assert watch.usual == 10.0


def test_loading_and_scoring_may_be_silent() -> None:
    watch = StallWatch(10, 60, 0.0)
    watch.saw(event(event="phase", phase="loading model"), 0.0)
    assert watch.stalled(1e6) is None
    watch, time = watch_with([1.0])
    watch.saw(event(event="phase", phase="scoring"), time)
    assert watch.stalled(time + 1e6) is None


def test_any_rank_that_gets_on_counts() -> None:
    watch, time = watch_with([10.0, 10.0])
    watch.saw(event(event="progress", rank=1, done={"mme": 1}), time + 100)
    assert watch.stalled(time + 150) is None
