"""Feeds a model its requests in chunks: what is answered is journaled, counted and never asked again."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ..protocol.run import JournalEntry
from .agreement import longest_of_ranks
from .chunking import ChunkSizes
from .events import EventLog, Phases
from .journal import Journal, request_key
from .model_state import as_one_call
from .progress import SampleCounter, is_padding
from .turns import Turns

REQUEST_TYPES = ("generate_until", "loglikelihood", "generate_until_multi_round", "generate_visual_cot")

# Models that swallow an exception answer with nothing, or with this; another attempt may do better.
_FAILED = "[LMMS_EVAL_REQUEST_FAILED"

Call = Callable[[list[Any]], list[Any]]


class Answering:
    """The answering of one rank.

    Parameters
    ----------
    journal
        Answers so far, and where new ones go.
    counter
        Samples of this rank.
    events
        Where progress is reported.
    phases
        Where the phase is reported.
    errors_logged
        Errors that were only written to the log so far.
    attempt
        Which attempt at the job this is.
    turns
        Says before each chunk whether it is still asked.
    """

    def __init__(
        self,
        journal: Journal,
        counter: SampleCounter,
        events: EventLog,
        phases: Phases,
        errors_logged: Callable[[], int],
        attempt: int,
        turns: Turns,
    ) -> None:
        self._journal = journal
        self._counter = counter
        self._events = events
        self._phases = phases
        self._errors_logged = errors_logged
        self._attempt = attempt
        self._turns = turns
        self._within = False
        self.task_digests: dict[str, str] = {}
        self.model_digest = ""
        self.restored = 0

    def wrap(self, model: Any, sizes: Callable[[], ChunkSizes]) -> None:
        """Make the model's request methods go through here.

        Parameters
        ----------
        model
            An lmms-eval model; only this object changes, not its class.
        sizes
            Makes the chunk sizes of one call.
        """
        for name in REQUEST_TYPES:
            method = getattr(model, name, None)
            if method is not None:
                setattr(model, name, self.chunked(name, method, sizes, model))

    def chunked(self, request_type: str, call: Call, sizes: Callable[[], ChunkSizes], model: Any = None) -> Call:
        """The chunked form of a method that answers requests."""

        def answer(requests: list[Any]) -> list[Any]:
            # A model may answer one request type through another; that call is part of the outer one's chunk.
            if self._within:
                return call(requests)
            put_back = as_one_call(model)

            def call_again(chunk: list[Any]) -> list[Any]:
                put_back()
                return call(chunk)

            return self._answer(request_type, call_again, requests, sizes())

        return answer

    def _answer(self, request_type: str, call: Call, requests: list[Any], sizes: ChunkSizes) -> list[Any]:
        self._phases.enter("answering")
        keys = self._keys(request_type, requests)
        answers: list[Any] = [None] * len(requests)
        pending: list[int] = []
        known: list[int] = []
        for index, (key, _) in enumerate(keys):
            entry = self._journal.answered.get(key) if key else None
            if entry is None:
                pending.append(index)
            else:
                answers[index] = restored(entry, request_type)
                known.append(index)
                self._counter.answered(requests[index])
        self.restored += len(known)
        fresh = set(pending)
        # Ranks wait for each other inside a model, so all must make equally many calls.
        longest = longest_of_ranks(len(pending))
        pending += list(itertools.islice(itertools.cycle(known), longest - len(pending)))
        self._report(force=True)
        asked = 0
        while asked < longest and self._turns.another():
            chunk = pending[asked : asked + sizes.size]
            asked += sizes.size
            began = time.monotonic()
            errors = self._errors_logged()
            got = self._call(call, [requests[index] for index in chunk]) if chunk else []
            sizes.took(len(chunk), time.monotonic() - began)
            entries: list[JournalEntry] = []
            for index, raw in zip(chunk, got, strict=True):
                if index not in fresh:
                    continue
                text, tokens = plain_answer(raw, request_type)
                answers[index] = _generation(text, tokens)
                request, (key, repeat) = requests[index], keys[index]
                self._counter.answered(request)
                swallowed = is_failure(text) or (text == "" and self._errors_logged() > errors)
                if key and not swallowed and not _budget_exceeded():
                    entries.append(self._entry(key, request, repeat, text, tokens))
            self._journal.append(entries)
            self._report(force=asked >= longest)
        if self._turns.stopped:
            self._report(force=True)
        # What is not asked any more: the evaluator wants an answer to all, and leaves these out when it scores.
        return [_generation("", None) if answer is None else answer for answer in answers]

    def _call(self, call: Call, requests: list[Any]) -> list[Any]:
        self._within = True
        try:
            got = list(call(requests))
        finally:
            self._within = False
        if len(got) != len(requests):
            raise RuntimeError(f"the model gave {len(got)} answers to {len(requests)} requests")
        return got

    def _keys(self, request_type: str, requests: list[Any]) -> list[tuple[str, int]]:
        """Journal key and repetition of each request; padding has no key."""
        repeats: Counter[int] = Counter()
        keys: list[tuple[str, int]] = []
        for request in requests:
            if is_padding(request):
                keys.append(("", 0))
                continue
            repeat = repeats[id(request)]  # the evaluator repeats the same object
            repeats[id(request)] += 1
            task_digest = self.task_digests.get(request.task_name, "")
            keys.append((request_key(request_type, request, repeat, task_digest, self.model_digest), repeat))
        return keys

    def _entry(self, key: str, request: Any, repeat: int, text: Any, tokens: dict[str, int] | None) -> JournalEntry:
        return JournalEntry(
            key=key,
            task=request.task_name,
            doc_id=request.doc_id,
            idx=request.idx,
            repeat=repeat,
            attempt=self._attempt,
            answer=list(text) if isinstance(text, tuple) else text,
            tokens=tokens,
        )

    def _report(self, *, force: bool = False) -> None:
        self._events.progress(dict(self._counter.done), self._errors_logged(), force=force)


def plain_answer(raw: Any, request_type: str) -> tuple[Any, dict[str, int] | None]:
    """What a model returned, as text (or a log-likelihood pair, or rounds) and token counts.

    lmms-eval's own unwrapping turns plain ``(log-likelihood, is_greedy)`` pairs into text, which breaks every
    multiple-choice task.
    """
    from lmms_eval.api.instance import GenerationResult, unwrap_generation_output

    if not isinstance(raw, GenerationResult) and request_type == "loglikelihood":
        likelihood, greedy = raw
        return (float(likelihood), bool(greedy)), None
    text, counts = unwrap_generation_output(raw)
    return text, (counts.to_dict() if counts is not None else None)


def is_failure(text: Any) -> bool:
    """Whether an answer is what lmms-eval's clients of services answer when all their tries failed."""
    return isinstance(text, str) and text.startswith(_FAILED)


def _generation(text: Any, tokens: dict[str, int] | None) -> Any:
    from lmms_eval.api.instance import GenerationResult, TokenCounts

    return GenerationResult(text=text, token_counts=None if tokens is None else TokenCounts(**tokens))


def restored(entry: JournalEntry, request_type: str) -> Any:
    """A journaled answer as the evaluator expects it from the model."""
    answer = entry.answer
    if request_type == "loglikelihood" and isinstance(answer, list):
        answer = (float(answer[0]), bool(answer[1]))
    return _generation(answer, entry.tokens)


def _budget_exceeded() -> bool:
    from lmms_eval.models.model_utils.usage_metrics import is_budget_exceeded

    return bool(is_budget_exceeded())
