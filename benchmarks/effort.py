"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Parameters
    ----------
    rounds
        How often each server is started for a case.
    jobs
        Jobs in a row on one server.
    starts
        Starts of a server of which only the start is measured.
    requests
        Requests of one kind, one after the other.
    submissions
        Submissions from a number of clients.
    queued
        Jobs that wait while a server is asked for them.
    stored
        Finished jobs of the fuller one of two stores; the other has a tenth.
    limit
        Samples of each task of the large job; None: all.
    repeats
        Times the model answers everything, with and without chunks.
    """

    rounds: int = 3
    jobs: int = 20
    starts: int = 9
    requests: int = 2000
    submissions: int = 2000
    queued: int = 10_000
    stored: int = 100_000
    limit: int | None = None
    repeats: int = 8


QUICK = Effort(
    rounds=1, jobs=3, starts=3, requests=200, submissions=200, queued=1000, stored=10_000, limit=50, repeats=2
)
