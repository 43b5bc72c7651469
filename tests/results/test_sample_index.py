"""Pages out of files of many samples."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.results import sample_index
from jupyter_lmms_eval.results.sample_index import JournalIndex, SampleIndex, SamplesUnreadable, identity
from tests.results.samples import line_of, write_samples

MANY = 100_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "20261123_031152_samples_digits.jsonl"
    return write_samples(path, (line_of(number, resps=[f"I see {number}."]) for number in range(MANY)))


def docs(index: SampleIndex, which: Any = "all", words: str = "") -> Sequence[int]:
    return list(index.select(which, words))


def test_pages_of_a_hundred_thousand_samples(many: Path) -> None:
    index = SampleIndex(many, {})
    assert (index.total, index.scored, index.damaged) == (MANY, True, 0)
    last = index.rows(index.select("all", "")[-50:])
    assert [rows[0].doc_id for rows in last] == list(range(MANY - 50, MANY))
    assert last[0][0].answers == [f"I see {MANY - 50}."]
    assert docs(index, "right") == [number for number in range(MANY) if number % 10 == 7]
    assert len(docs(index, "wrong")) == MANY * 9 // 10
    assert docs(index, "all", "PICTURE 99998?") == [99998]
    assert docs(index, "right", "i see 77") == [
        number for number in range(MANY) if str(number).startswith("77") and number % 10 == 7
    ]
    assert docs(index, "all", "74234e98") == []  # a digest is nothing that was asked, said or meant


def test_a_page_reads_a_page(many: Path) -> None:
    index = SampleIndex(many, {})
    chosen = index.select("all", "")[70_000:70_050]
    tracemalloc.start()
    index.rows(chosen)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000 < many.stat().st_size


def test_what_two_ranks_wrote_one_after_the_other_is_in_the_datasets_order(tmp_path: Path) -> None:
    path = write_samples(tmp_path / "x", map(line_of, [3, 5, 7, 4, 6, 8]))
    index = SampleIndex(path, {})
    assert docs(index) == [3, 4, 5, 6, 7, 8]
    assert [rows[0].doc_id for rows in index.rows(docs(index))] == [3, 4, 5, 6, 7, 8]
    assert docs(index, "right") == [7]


def test_a_document_that_was_scored_after_two_filters_is_one_sample(tmp_path: Path) -> None:
    strict = [line_of(number, exact_match=0.0) for number in range(3)]
    flexible = [line_of(number, exact_match=1.0, filtered_resps="8") for number in range(3)]
    index = SampleIndex(write_samples(tmp_path / "x", [*strict, *flexible]), {})
    assert index.total == 3
    assert [[row.filtered for row in rows] for rows in index.rows([1])] == [[["7"], ["8"]]]
    assert docs(index, "wrong") == [0, 1, 2]  # as the first filter has it, which is the one in the scores
    assert docs(index, "right") == []


@pytest.mark.parametrize(
    ("metrics", "directions", "told"),
    [
        ([{"acc": 1.0}, {"acc": 0.0}], {}, [True, False]),
        ([{"acc": 1.0}, {"acc": 0.3}], {"acc": True}, [True, False]),
        ([{"wer": 1.0}, {"wer": 0.0}], {"wer": False}, None),
        ([{"gpt_score": 1}, {"gpt_score": 8}], {}, None),
        ([{"bleu": 0.31}, {"bleu": 0.27}], {}, None),
        ([{"score": 8, "format_score": 1.0}, {"score": 3, "format_score": 0.0}], {}, None),
        ([{"mme_perception_score": {"score": 1.0}}, {"mme_cognition_score": {"score": 0.0}}], {}, [True, False]),
        ([{"acc": 1.0}, {}], {}, [True, None]),
        ([{}, {}], {}, None),
    ],
)
def test_right_and_wrong_are_told_only_by_marks_of_which_the_most_is_known(
    tmp_path: Path, metrics: list[dict[str, Any]], directions: dict[str, bool], told: list[bool | None] | None
) -> None:
    lines = [
        {name: value for name, value in line_of(number).items() if name != "exact_match"} | found
        for number, found in enumerate(metrics)
    ]
    index = SampleIndex(write_samples(tmp_path / "x", lines), directions)
    assert index.scored is (told is not None)
    assert [index.correct(number) for number in range(2)] == (told or [None, None])
    if not index.scored:
        assert docs(index, "wrong") == docs(index, "right") == []


def test_damaged_lines_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_index, "MOST_LINE", 4096)
    damaged = ["{not json", "", '{"target": "no document"}', json.dumps(line_of(8, trace="x" * 20_000))]
    path = write_samples(tmp_path / "x", [line_of(0), *damaged, line_of(7)])
    with path.open("ab") as file:
        file.write(json.dumps(line_of(9)).encode()[:50])  # torn
    index = SampleIndex(path, {})
    assert docs(index) == [0, 7]
    assert index.damaged == 5
    assert [rows[0].doc_id for rows in index.rows([7])] == [7]
    assert docs(index, "all", "picture") == [0, 7]


@pytest.mark.parametrize("words", ["ÜBER", "日本", 'say "hi"', "back\\slash", "new\nline", "%", "ß"])
def test_any_words_are_found_in_whatever_case(tmp_path: Path, words: str) -> None:
    lines = [line_of(0), line_of(1, input=f"So {words.lower()}, yes"), line_of(2, resps=[f"x{words}y"])]
    assert docs(SampleIndex(write_samples(tmp_path / "x", lines), {}), "all", words) == [1, 2]
    escaped = write_samples(tmp_path / "y", [json.dumps(line) for line in lines])  # as other programs write it
    assert docs(SampleIndex(escaped, {}), "all", words) == [1, 2]


def test_only_files_of_their_own_are_read(tmp_path: Path) -> None:
    write_samples(tmp_path / "real", [line_of(0)])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", "."):
        with pytest.raises(SamplesUnreadable):
            SampleIndex(tmp_path / name, {})
        with pytest.raises(SamplesUnreadable):
            identity(tmp_path / name)
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "real")
    with pytest.raises(SamplesUnreadable):
        JournalIndex(tmp_path / "journal.jsonl").update()


def entry(doc_id: int, answer: Any = "7", task: str = "digits", **more: Any) -> str:
    content = {"key": "k", "task": task, "doc_id": doc_id, "idx": 0, "repeat": 0, "attempt": 1, "answer": answer}
    return json.dumps({**content, **more}) + "\n"


def test_a_journal_is_read_on_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = JournalIndex(path)
    journal.update()
    assert journal.tasks == {}
    path.write_text(entry(1) + entry(0, "8") + entry(5, task="numbers") + '{"key": "torn')
    journal.update()
    assert list(journal.select("digits", "")) == [0, 1]
    assert journal.answers("digits", [0, 1]) == [["8"], ["7"]]
    with path.open("a") as file:
        file.write('"}\n' + entry(2, "nine"))
    journal.update()
    assert list(journal.select("digits", "")) == [0, 1, 2]
    assert list(journal.select("digits", "NINE")) == [2]
    assert journal.damaged == 1
    path.unlink()
    path.write_text(entry(4))
    journal.update()
    assert list(journal.select("digits", "")) == [4]
    assert "numbers" not in journal.tasks


def test_the_requests_of_a_sample_are_its_answers_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(
        entry(0, [-2.5, False], idx=1) + entry(0, [-0.1, True], idx=0) + entry(0, [-2.0, False], idx=1, attempt=2)
    )
    journal = JournalIndex(path)
    journal.update()
    assert journal.answers("digits", [0]) == [["-0.1, true", "-2.0, false"]]
