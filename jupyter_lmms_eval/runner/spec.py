"""Reads what an evaluation process is to run."""

from __future__ import annotations

import json

from ..protocol.run import RunFiles, RunSpec


def read_spec(files: RunFiles, attempt: int) -> RunSpec:
    """Read what is to be run.

    Raises
    ------
    ValueError
        If the file is not a spec of that attempt.
    """
    spec = RunSpec.model_validate(json.loads(files.spec.read_text(encoding="utf-8")))
    if spec.attempt != attempt:
        raise ValueError(f"spec.json is of attempt {spec.attempt}, not {attempt}")
    return spec
