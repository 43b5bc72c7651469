"""Who sends wrong tokens waits, who has mistyped does not."""

from __future__ import annotations

from jupyter_lmms_eval.api.guesses import DELAY_SECONDS, FORGIVEN_SECONDS, FREE, Guesses


def test_some_mistakes_are_free_and_all_are_forgiven() -> None:
    guesses = Guesses()
    assert [guesses.delay("10.0.0.1", float(second)) for second in range(FREE)] == [0.0] * FREE
    assert guesses.delay("10.0.0.1", FREE) == DELAY_SECONDS
    assert guesses.delay("10.0.0.2", FREE) == 0.0, "another address"
    assert guesses.delay("10.0.0.1", FREE + FORGIVEN_SECONDS + 1) == 0.0


def test_many_addresses_cost_no_memory() -> None:
    guesses = Guesses()
    for number in range(5000):
        guesses.delay(f"address {number}", 0.0)
    assert len(guesses._records) <= 1024
