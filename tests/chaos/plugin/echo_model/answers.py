"""What the echo model answers: pure, so that whoever checks it knows the right answer without the model."""

from __future__ import annotations

import hashlib


def text_answer(task: str, doc_id: int, prompt: str) -> str:
    """Answer a question.

    Half of the answers name the request they belong to, so that no two can be confused. The others are a digit,
    which is right now and then: a score that is always zero would hide a sample that is missing.
    """
    number = _number(task, doc_id, prompt)
    return str(number // 2 % 10) if number % 2 else f"{task}/{doc_id}/{number:08x}"


def likelihood(task: str, doc_id: int, prompt: str, continuation: str) -> float:
    """Log-likelihood of a continuation; that of one document's continuations differ."""
    return -(_number(task, doc_id, prompt, continuation) % 100_000 + 1) / 1000


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:4], "big")
