"""A request that is not answered as wished, and why, in words."""

from __future__ import annotations

from tornado.web import HTTPError


class Refusal(HTTPError):
    """Ends a request with a status and one sentence.

    Parameters
    ----------
    status
        HTTP status.
    sentence
        What happened and what to do.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.sentence = sentence  # HTTPError doubles its percent signs

    def __str__(self) -> str:
        return self.sentence
