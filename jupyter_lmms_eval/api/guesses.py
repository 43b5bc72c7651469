"""Slows down who sends wrong tokens; whoever has the right one never notices."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

# A mistyped link or a client with the token of an earlier server is told at once.
FREE = 20
# After so many seconds without a wrong token an address begins anew.
FORGIVEN_SECONDS = 60.0
DELAY_SECONDS = 1.0
# So many answers are held back at once for all; others are told to come again, so that nothing piles up here.
MOST_HELD_BACK = 64
_MOST_ADDRESSES = 1024


@dataclass
class _Record:
    wrong: int
    last: float


class Guesses:
    """Counts wrong tokens by address.

    Attributes
    ----------
    held_back
        Answers that wait now.
    """

    def __init__(self) -> None:
        self.held_back = 0
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def delay(self, address: str, now: float) -> float:
        """Note a wrong token and say for how long its refusal is to wait.

        Parameters
        ----------
        address
            Where it came from.
        now
            Seconds of a clock that only grows.

        Returns
        -------
        float
            Seconds.
        """
        record = self._records.pop(address, None)
        if record is None or now - record.last > FORGIVEN_SECONDS:
            record = _Record(0, now)
        record.wrong += 1
        record.last = now
        self._records[address] = record
        while len(self._records) > _MOST_ADDRESSES:
            self._records.popitem(last=False)
        return DELAY_SECONDS if record.wrong > FREE else 0.0
