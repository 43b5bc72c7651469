"""Decides before each chunk whether it is still asked; several ranks stop after equally many chunks."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_LONGEST_STATE = 256


@dataclass(frozen=True)
class Common:
    """What the ranks of an attempt share.

    Parameters
    ----------
    furthest
        The chunk that the fastest rank has begun, from 1.
    last
        The chunk after which every rank stops; none until that is decided.
    """

    furthest: int = 0
    last: int | None = None


def next_turn(common: Common, chunk: int, *, told_to_finish: bool) -> tuple[bool, Common]:
    """Decide whether a rank begins its next chunk.

    Ranks may wait for each other inside a model, so all must make equally many calls: they stop after the chunk
    that the fastest has begun.

    Parameters
    ----------
    common
        What the ranks share.
    chunk
        The number of the rank's next chunk, from 1.
    told_to_finish
        Whether the evaluation shall answer no more.

    Returns
    -------
    tuple
        Whether the rank begins the chunk, and what the ranks share from now on.
    """
    if told_to_finish and common.last is None:
        common = replace(common, last=common.furthest)
    if common.last is not None:
        return chunk <= common.last, common
    return True, replace(common, furthest=max(common.furthest, chunk))


class Turns:
    """The chunks of one rank, as long as the evaluation is not told to finish.

    Ranks agree through a locked file. Were they to meet before each chunk, each chunk would take all of them as
    long as the slowest.

    Parameters
    ----------
    marker
        The file whose presence tells the evaluation to finish.
    shared
        The file the ranks of the attempt share; none for a single rank.

    Attributes
    ----------
    stopped
        Whether a chunk was refused; on all ranks or on none.
    """

    def __init__(self, marker: Path, shared: Path | None = None) -> None:
        self._marker = marker
        self._common = Common()
        self._begun = 0
        self._descriptor = -1 if shared is None else os.open(shared, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.stopped = False

    def another(self) -> bool:
        """Whether another chunk may be asked; if so, it counts as begun."""
        if self.stopped:
            return False
        told = os.path.exists(self._marker)  # noqa: PTH110  (pathlib's raises where a network's disk stumbles)
        chunk = self._begun + 1
        granted = self._decide(chunk, told) if self._descriptor < 0 else self._decide_together(chunk, told)
        self._begun += granted
        self.stopped = not granted
        return granted

    def _decide(self, chunk: int, told: bool) -> bool:
        granted, self._common = next_turn(self._common, chunk, told_to_finish=told)
        return granted

    def _decide_together(self, chunk: int, told: bool) -> bool:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            written = os.pread(self._descriptor, _LONGEST_STATE, 0)
            self._common = Common(**json.loads(written)) if written.strip() else Common()
            granted = self._decide(chunk, told)
            # Always as long: nothing of an older state stays behind it, and a full disk has room for it.
            os.pwrite(self._descriptor, json.dumps(asdict(self._common)).ljust(_LONGEST_STATE).encode(), 0)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return granted
