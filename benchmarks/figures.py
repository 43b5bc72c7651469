"""What was measured, what it is compared with, and whether that is enough; pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

UPSTREAM = "lmms-eval"
# Units of which less is better; of the others more is.
_LESS_IS_BETTER = frozenset({"s", "ms", "MB", "bytes", "%"})


@dataclass(frozen=True)
class Target:
    """What a figure is hoped to be; every bound that is given must hold.

    Parameters
    ----------
    faster
        At least so many times better than what it is compared with, medians.
    most
        The median is at most this.
    within
        The median is worse than what it is compared with by at most this share.
    """

    faster: float | None = None
    most: float | None = None
    within: float | None = None

    def words(self, unit: str) -> str:
        """The target as a table says it."""
        parts = []
        if self.faster is not None:
            parts.append("not worse" if self.faster == 1 else f"≥ {self.faster:g}x")
        if self.most is not None:
            parts.append(f"≤ {self.most:g} {unit}")
        if self.within is not None:
            parts.append(f"within {self.within * 100:g} %")
        return ", ".join(parts)


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Parameters
    ----------
    case
        The case that measured it.
    title
        What was measured.
    unit
        ``s``, ``ms``, ``MB``, ``bytes``, or one of which more is better, such as ``1/s``.
    ours
        One value for each time it was measured.
    other
        The same of what it is compared with; nothing if there is nothing like it.
    compared_with
        What it is compared with.
    target
        What is hoped for.
    note
        What has to be known to read it.
    drawn
        Whether the picture shows it too, if it can.
    paired
        Whether values at the same place were measured one right after the other. The ratio is then the median of
        theirs: a machine that gets slower meanwhile does not count.
    """

    case: str
    title: str
    unit: str
    ours: Sequence[float]
    other: Sequence[float] = ()
    compared_with: str = UPSTREAM
    target: Target = field(default_factory=Target)
    note: str = ""
    drawn: bool = True
    paired: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better ours is, medians; nothing if there is nothing to compare with."""
        if not self.other:
            return None
        if self.paired:
            return statistics.median(map(self._times_better, self.ours, self.other))
        return self._times_better(statistics.median(self.ours), statistics.median(self.other))

    def _times_better(self, ours: float, other: float) -> float:
        better, worse = (ours, other) if self.unit in _LESS_IS_BETTER else (other, ours)
        return worse / better if better else math.inf

    @property
    def met(self) -> bool | None:
        """Whether the target is met; nothing if there is none, or nothing to compare with."""
        verdicts: list[bool] = []
        target, ratio = self.target, self.ratio
        if target.most is not None:
            verdicts.append(statistics.median(self.ours) <= target.most)
        if target.faster is not None and ratio is not None:
            verdicts.append(ratio >= target.faster)
        if target.within is not None and ratio is not None:
            verdicts.append(1 / ratio <= 1 + target.within if ratio else False)
        return all(verdicts) if verdicts else None

    def to_json(self) -> dict[str, Any]:
        """The figure with its raw values."""
        return {**asdict(self), "ours": list(self.ours), "other": list(self.other), "ratio": self.ratio}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Figure:
        """Read what `to_json` wrote."""
        given = {name: value for name, value in data.items() if name != "ratio"}
        return cls(**{**given, "target": Target(**given["target"])})


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that is not exceeded by ``share`` of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]
