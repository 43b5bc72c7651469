"""Requests are answered in chunks, once, and counted by sample."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.protocol.run import JournalEntry, RunEvent
from jupyter_lmms_eval.runner import answering as answering_module
from jupyter_lmms_eval.runner.answering import Answering
from jupyter_lmms_eval.runner.chunking import ChunkSizes
from jupyter_lmms_eval.runner.digests import digest
from jupyter_lmms_eval.runner.events import PROGRESS_INTERVAL, EventLog, Phases
from jupyter_lmms_eval.runner.finishing import Finishing, NothingComplete
from jupyter_lmms_eval.runner.journal import Journal, read, request_key
from jupyter_lmms_eval.runner.progress import SampleCounter
from jupyter_lmms_eval.runner.saving import SavedFiles, SavingFailed, copy_to, save
from jupyter_lmms_eval.runner.turns import Turns

pytest.importorskip("lmms_eval")
instance = pytest.importorskip("lmms_eval.api.instance")


def ask(doc: int, text: str = "?", repeats: int = 1, idx: int = 0, **metadata: Any) -> Any:
    return instance.Instance(
        request_type="generate_until",
        arguments=(f"{text}{doc}", {"until": ["\n"]}, lambda: None),
        idx=idx,
        metadata={"task": "t", "doc_id": doc, "repeats": repeats, **metadata},
    )


class Rank:
    """The answering of one rank, with a model that remembers what it was asked."""

    def __init__(self, folder: Path, requests: list[Any], attempt: int = 1) -> None:
        self.folder = folder
        self.errors = 0
        self.asked: list[int] = []
        self.counter = SampleCounter()
        self.counter.plan("t", requests)
        events = EventLog(folder / "events.jsonl", attempt, clock=iter(range(10_000)).__next__)
        self.marker = folder / "finish"
        turns = Turns(self.marker)
        self.finishing = Finishing(turns, self.counter)
        self.answering = Answering(
            Journal(folder / "journal.jsonl"),
            self.counter,
            events,
            Phases(events, 0.0),
            lambda: self.errors,
            attempt,
            turns,
        )

    def answer(
        self, requests: list[Any], reply: Callable[[Any], Any], request_type: str = "generate_until", fixed: int = 2
    ) -> list[Any]:
        def call(chunk: list[Any]) -> list[Any]:
            self.asked.append(len(chunk))
            return [reply(request) for request in chunk]

        return self.answering.chunked(request_type, call, lambda: ChunkSizes(fixed=fixed))(requests)

    @property
    def entries(self) -> list[JournalEntry]:
        return read(self.folder / "journal.jsonl")

    @property
    def reported(self) -> list[int]:
        lines = (self.folder / "events.jsonl").read_text().splitlines()
        events = [RunEvent.model_validate_json(line) for line in lines]
        return [(event.done or {})["t"] for event in events if event.event == "progress"]


def texts(answers: list[Any]) -> list[Any]:
    return [instance.unwrap_generation_output(answer)[0] for answer in answers]


def test_answers_keep_their_order_and_are_reported(tmp_path: Path) -> None:
    requests = [ask(doc) for doc in range(5)]
    rank = Rank(tmp_path, requests)
    assert texts(rank.answer(requests, lambda request: request.args[0].upper())) == ["?0", "?1", "?2", "?3", "?4"]
    assert rank.asked == [2, 2, 1]
    assert rank.reported == [0, 2, 4, 5]
    assert [entry.doc_id for entry in rank.entries] == [0, 1, 2, 3, 4]


def test_a_sample_is_done_when_all_its_requests_are(tmp_path: Path) -> None:
    twice = ask(0, repeats=2)
    choices = [ask(1, text=choice, idx=index) for index, choice in enumerate("ab")]
    requests = [twice, twice, *choices]
    rank = Rank(tmp_path, [twice, *choices])
    rank.answer(requests, lambda _: "x", fixed=1)
    assert rank.reported == [0, 0, 1, 1, 2]
    assert [(entry.doc_id, entry.idx, entry.repeat) for entry in rank.entries] == [
        (0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 1, 0),
    ]  # fmt: skip


def test_padding_is_answered_but_neither_counted_nor_journaled(tmp_path: Path) -> None:
    requests = [ask(0), ask(0, __padding_only__=True)]
    rank = Rank(tmp_path, requests)
    assert len(rank.answer(requests, lambda _: "x")) == 2
    assert rank.counter.totals == {"t": 1}
    assert rank.counter.done == {"t": 1}
    assert len(rank.entries) == 1


def test_a_failed_chunk_loses_only_itself(tmp_path: Path) -> None:
    requests = [ask(doc) for doc in range(6)]

    def reply(request: Any) -> str:
        if request.doc_id == 4:
            raise MemoryError
        return f"answer {request.doc_id}"

    with pytest.raises(MemoryError):
        Rank(tmp_path, requests).answer(requests, reply)
    second = Rank(tmp_path, requests, attempt=2)
    answers = second.answer(requests, lambda request: f"later {request.doc_id}")
    assert texts(answers) == ["answer 0", "answer 1", "answer 2", "answer 3", "later 4", "later 5"]
    assert second.asked == [2]
    assert second.reported[-2:] == [4, 6]


@pytest.mark.parametrize(
    ("request_type", "raw", "text"),
    [
        ("generate_until", "plain", "plain"),
        ("loglikelihood", (-1.5, True), (-1.5, True)),
        ("loglikelihood", [-math.inf, 0], (-math.inf, False)),
        ("generate_until_multi_round", ["one", "two", "three"], ["one", "two", "three"]),
        ("generate_until", ("said", {"output_tokens": 3}), "said"),
    ],
)
def test_an_answer_comes_back_as_it_was(tmp_path: Path, request_type: str, raw: Any, text: Any) -> None:
    requests = [ask(0)]
    first = Rank(tmp_path, requests).answer(requests, lambda _: raw, request_type)
    second = Rank(tmp_path, requests, attempt=2)
    again = second.answer(requests, lambda _: "never asked", request_type)
    assert second.asked == []
    for answers in (first, again):
        got, tokens = instance.unwrap_generation_output(answers[0])
        assert got == text
        assert type(got) is type(text)
        assert (tokens.output_tokens if tokens else None) == (3 if text == "said" else None)


def test_a_swallowed_error_is_asked_again(tmp_path: Path) -> None:
    requests = [ask(0), ask(1)]
    rank = Rank(tmp_path, requests)

    def reply(request: Any) -> str:
        rank.errors += request.doc_id
        return "" if request.doc_id else "fine"

    rank.answer(requests, reply, fixed=1)
    assert [entry.doc_id for entry in rank.entries] == [0]


def test_a_call_within_a_call_is_not_chunked(tmp_path: Path) -> None:
    class Model:
        def generate_until(self, requests: list[Any]) -> list[str]:
            return [f"{len(requests)} at once" for _ in requests]

        def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
            return self.generate_until(requests)

    requests = [ask(doc) for doc in range(4)]
    rank = Rank(tmp_path, requests)
    model = Model()
    rank.answering.wrap(model, lambda: ChunkSizes(fixed=2))
    assert texts(model.generate_until_multi_round(requests)) == ["2 at once"] * 4
    assert len(rank.entries) == 4


def test_ranks_stay_in_step_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [ask(doc) for doc in range(4)]
    Rank(tmp_path, requests).answer(requests[:3], lambda _: "x")
    monkeypatch.setattr(answering_module, "longest_of_ranks", lambda _length: 4)
    second = Rank(tmp_path, requests, attempt=2)
    assert texts(second.answer(requests, lambda _: "y")) == ["x", "x", "x", "y"]
    assert second.asked == [2, 2]
    assert second.counter.done == {"t": 4}
    assert len(second.entries) == 4


class Task:
    """What the evaluator keeps of a task."""

    class config:  # noqa: N801
        task = "t"

    def __init__(self, requests: list[Any]) -> None:
        self._instances = requests

    @property
    def instances(self) -> list[Any]:
        return self._instances

    def apply_filters(self) -> None:
        raise ValueError("this filter cannot filter nothing")


def finish_after(rank: Rank, document: int) -> Callable[[Any], str]:
    """A model that is interrupted by a person while it answers a document."""

    def reply(request: Any) -> str:
        if request.doc_id == document:
            rank.marker.touch()
        return "x"

    return reply


def test_an_evaluation_that_is_told_to_finish_answers_no_further_chunk(tmp_path: Path) -> None:
    requests = [ask(doc) for doc in range(6)]
    rank = Rank(tmp_path, requests)
    task = Task(list(requests))
    rank.finishing.plan(task)
    answers = texts(rank.answer(requests, finish_after(rank, 2)))
    assert rank.asked == [2, 2]
    assert len(answers) == 6, "the evaluator wants an answer to every request"
    assert rank.reported[-1] == 4
    assert [entry.doc_id for entry in rank.entries] == [0, 1, 2, 3]
    later = [ask(9)]
    rank.answer(later, lambda _: "never asked", "loglikelihood")
    assert rank.asked == [2, 2]
    rank.finishing.leave_out_incomplete()
    assert [request.doc_id for request in task.instances] == [0, 1, 2, 3]
    assert rank.finishing.scored == {"t": 4}
    assert rank.finishing.partial


def test_only_samples_whose_every_request_is_answered_are_scored(tmp_path: Path) -> None:
    twice = ask(0, repeats=2)
    choices = [ask(1, text=choice, idx=index) for index, choice in enumerate("ab")]
    once = [ask(2, repeats=2)]
    rank = Rank(tmp_path, [twice, *choices, *once])
    task = Task([twice, *choices, *once])
    rank.finishing.plan(task)
    rank.answer([twice, twice, *choices, *once * 2], finish_after(rank, 1), fixed=1)
    rank.finishing.leave_out_incomplete()
    assert task.instances == [twice]


def test_finishing_after_the_last_answer_leaves_nothing_out(tmp_path: Path) -> None:
    requests = [ask(doc) for doc in range(4)]
    rank = Rank(tmp_path, requests)
    task = Task(list(requests))
    rank.finishing.plan(task)
    rank.answer(requests, finish_after(rank, 3))
    rank.finishing.leave_out_incomplete()
    assert task.instances == requests
    assert not rank.finishing.partial
    assert rank.finishing.scored == {}


def test_an_evaluation_without_a_complete_sample_has_nothing_to_score(tmp_path: Path) -> None:
    requests = [ask(0, idx=index) for index in range(2)]
    rank = Rank(tmp_path, requests)
    task = Task(list(requests))
    rank.finishing.plan(task)
    rank.answer(requests, finish_after(rank, 0), fixed=1)
    with pytest.raises(NothingComplete):
        rank.finishing.leave_out_incomplete()
    task.apply_filters()
    assert task.instances == []


def test_a_model_that_answers_too_little_is_told(tmp_path: Path) -> None:
    rank = Rank(tmp_path, [ask(0)])
    short = rank.answering.chunked("generate_until", lambda _: [], lambda: ChunkSizes(fixed=1))
    with pytest.raises(RuntimeError, match="0 answers to 1 requests"):
        short([ask(0)])


def test_progress_is_not_a_flood(tmp_path: Path) -> None:
    now = iter([0.0, PROGRESS_INTERVAL / 2, PROGRESS_INTERVAL * 1.1])
    events = EventLog(tmp_path / "e", 1, clock=lambda: next(now))
    for done in range(3):
        events.progress({"t": done}, 0)
    assert [json.loads(line)["done"]["t"] for line in (tmp_path / "e").read_text().splitlines()] == [0, 2]


def entry(key: str, answer: Any = "a") -> JournalEntry:
    return JournalEntry(key=key, task="t", doc_id=0, idx=0, attempt=1, answer=answer)


def test_a_torn_line_is_skipped_and_ended(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert read(path) == []
    Journal(path).append([entry("a"), entry("b", object()), entry("c", "caf\xe9 \ud83d")])
    with path.open("a") as stream:
        stream.write('{"key": "torn')
    assert [found.key for found in read(path)] == ["a", "c"]
    Journal(path).append([entry("d")])
    assert [found.key for found in read(path)] == ["a", "c", "d"]


def test_a_key_depends_on_what_the_answer_depends_on() -> None:
    def key(
        request: Any, request_type: str = "generate_until", repeat: int = 0, task: str = "c", model: str = "m"
    ) -> str:
        return request_key(request_type, request, repeat, task, model)

    same = key(ask(0))
    assert key(ask(0)) == same
    others = [
        key(ask(1)), key(ask(0, text="!")), key(ask(0, idx=1)), key(ask(0), "loglikelihood"), key(ask(0), repeat=1),
        key(ask(0), task="d"), key(ask(0), model="n"),
    ]  # fmt: skip
    assert len({same, *others}) == 8


def test_a_digest_knows_functions_by_name() -> None:
    assert digest({"f": "<function f at 0x7f12>"}) == digest({"f": "<function f at 0x7f99>"})
    assert digest(read) == digest(read) != digest(digest)


class Tracker:
    """Saves what it is told to, or complains into the log as lmms-eval does."""

    class general_config_tracker:  # noqa: N801
        model_name_sanitized = "m"

    def __init__(self, folder: Path, trouble: str = "") -> None:
        self.output_path = str(folder)
        self.trouble = trouble
        (folder / "m").mkdir(parents=True)

    def save_results_aggregated(self, results: Any, datetime_str: str, **_: Any) -> None:
        if self.trouble == "results":
            from loguru import logger

            logger.info("OSError(28, 'No space left on device')")
            return
        Path(self.output_path, "m", f"{datetime_str}_results.json").write_text(json.dumps(results))

    def save_results_samples(self, task_name: str, samples: list[Any]) -> None:
        kept = samples[:1] if self.trouble == "samples" else samples
        if kept:
            Path(self.output_path, "m", f"now_samples_{task_name}.jsonl").write_text("{}\n" * len(kept))


RESULTS: dict[str, dict[str, Any]] = {"configs": {"t": {}, "empty": {}}}
SAMPLES: dict[str, list[Any]] = {"t": [{}, {}], "empty": []}


def test_saved_files_are_found_and_copied_without_overwriting(tmp_path: Path) -> None:
    saved = save(Tracker(tmp_path / "a"), RESULTS, SAMPLES, "now")
    assert [path.name for path in (saved.results, *saved.samples)] == ["now_results.json", "now_samples_t.jsonl"]
    first = copy_to(saved, tmp_path / "to", "job1")
    second = copy_to(saved, tmp_path / "to", "job2")
    assert isinstance(first, SavedFiles)
    assert first.results == tmp_path / "to" / "m" / "now_results.json"
    assert [path.name for path in (second.results, *second.samples)] == [
        "now-job2_results.json",
        "now-job2_samples_t.jsonl",
    ]


@pytest.mark.parametrize(("trouble", "words"), [("results", "No space left"), ("samples", "only 1 of 2 samples of t")])
def test_results_that_are_not_there_are_a_failure(tmp_path: Path, trouble: str, words: str) -> None:
    with pytest.raises(SavingFailed, match=words):
        save(Tracker(tmp_path / "a", trouble), RESULTS, SAMPLES, "now")
