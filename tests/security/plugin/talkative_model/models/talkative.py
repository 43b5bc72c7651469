"""The talkative model, as lmms-eval builds it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms


class Talkative(lmms):  # type: ignore[misc]  (lmms-eval has no types)
    """Writes down what it was given, says it aloud, and may fail with it on its lips.

    Parameters
    ----------
    seen
        File that receives a line for every model that is built and every question.
    api_key, headers
        What nobody else may read.
    fail
        Whether it fails at the first question.
    """

    def __init__(
        self, seen: str, api_key: str = "", headers: Any = None, fail: bool | str = False, batch_size: int = 1, **_: Any
    ) -> None:
        super().__init__()
        self._seen = Path(seen)
        self._key = api_key
        self._fail = str(fail).lower() == "true"
        self.batch_size_per_gpu = int(batch_size)
        self._tell({"api_key": api_key, "headers": headers, "environment": os.environ.get("JUDGE_API_KEY")})

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answer questions."""
        for request in requests:
            self._tell({"generation": request.args[1]})
            print(f"asking with {self._key} and {request.args[1]}")
            if self._fail:
                raise RuntimeError(f"401 for {self._key}")
        return ["7" for _ in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Refuse: nothing is tried with it."""
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Refuse: nothing is tried with it."""
        raise NotImplementedError

    def _tell(self, what: dict[str, Any]) -> None:
        print(what, file=sys.stderr)
        with self._seen.open("a") as file:
            file.write(json.dumps(what, default=str) + "\n")
