"""The echo model, as lmms-eval builds it."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms

from ..answers import likelihood, text_answer


class Echo(lmms):  # type: ignore[misc]  # lmms-eval has no types
    """Answers every request after a while, and writes down each time it is really asked.

    Parameters
    ----------
    asked
        File that receives a line (`Ask`) for every request, when it is asked.
    delay
        Seconds for each answer.
    """

    def __init__(self, asked: str, delay: float = 0.0, **_: Any) -> None:
        super().__init__()
        self._delay = float(delay)
        self._process = uuid.uuid4().hex
        self._call = 0
        self._file = os.open(asked, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answer questions."""
        self._call += 1
        return [self._text(request) for request in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Judge continuations."""
        self._call += 1
        return [self._likelihood(request) for request in requests]

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Refuse: no task of the chaos run converses."""
        raise NotImplementedError("the echo model answers once")

    def _text(self, request: Instance) -> str:
        prompt, _, _, doc_id, task, _ = request.args
        self._was_asked(task, doc_id, request.idx)
        return text_answer(task, doc_id, prompt)

    def _likelihood(self, request: Instance) -> tuple[float, bool]:
        prompt, continuation, _, doc_id, task, _ = request.args
        self._was_asked(task, doc_id, request.idx)
        return likelihood(task, doc_id, prompt, continuation), False

    def _was_asked(self, task: str, doc_id: int, part: int) -> None:
        line = {
            "task": task,
            "doc_id": doc_id,
            "part": part,
            "process": self._process,
            "attempt": os.getppid(),  # the supervisor: the same for all ranks of an attempt
            "rank": self.rank,
            "call": self._call,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")
        time.sleep(self._delay)
