"""The troubled model, as lmms-eval builds it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms


class Troubled(lmms):  # type: ignore[misc]  (lmms-eval has no types)
    """Answers each question with the number of its sample, until trouble comes.

    Parameters
    ----------
    asked
        File that receives a line for every sample that is asked.
    delay
        Seconds for each answer.
    trouble
        What happens at sample ``at``: ``kill`` (the process is killed), ``hang`` (it never answers) or nothing.
    times
        How often it happens before the sample is answered.
    batch_size
        Samples asked for at once.
    fits
        Samples that fit into memory at once.
    """

    def __init__(
        self,
        asked: str,
        delay: float = 0.0,
        trouble: str = "",
        at: int = -1,
        times: int = 1,
        batch_size: int = 1,
        fits: int = 1 << 20,
        **_: Any,
    ) -> None:
        super().__init__()
        self._asked = Path(asked)
        self._delay = float(delay)
        self._trouble = trouble
        self._at = int(at)
        self._times = int(times)
        self.batch_size_per_gpu = int(batch_size)
        self._fits = int(fits)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answer questions."""
        if min(len(requests), self.batch_size_per_gpu) > self._fits:
            torch.empty(1 << 60, dtype=torch.uint8)  # no machine has so much
        return [self._answer(request) for request in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Refuse: no fault is tried with it."""
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Refuse: no fault is tried with it."""
        raise NotImplementedError

    def _answer(self, request: Instance) -> str:
        doc_id = int(request.args[3])
        before = self._asked.read_text().count(f'"doc_id": {doc_id},') if self._asked.exists() else 0
        with self._asked.open("a") as file:
            file.write(json.dumps({"doc_id": doc_id, "pid": os.getpid()}) + "\n")
        if doc_id == self._at and before < self._times:
            self._get_into_trouble()
        time.sleep(self._delay)
        return str(doc_id)

    def _get_into_trouble(self) -> None:
        if self._trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._trouble == "hang":
            never_answers()


def never_answers() -> None:
    """Wait for what never comes."""
    while True:
        time.sleep(3600)
