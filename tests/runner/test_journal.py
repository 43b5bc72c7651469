"""Whatever happened to a journal, what was whole before the damage is read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.protocol.run import JournalEntry
from jupyter_lmms_eval.runner.journal import Journal, read


def entry(number: int, answer: object = "caf\xe9 \ud83d") -> JournalEntry:
    return JournalEntry(key=f"key-{number}", task="t", doc_id=number, idx=0, attempt=1, answer=answer)


def read_bytes(content: bytes) -> list[JournalEntry]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(content)
        return read(path)


def valid(count: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        Journal(path).append([entry(number) for number in range(count)])
        return path.read_bytes()


VALID = valid(6)
DAMAGE = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=50).map(lambda text: json.dumps({"key": text}).encode()),
    st.sampled_from([
        b"\0" * 512, b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 200_000, b"9" * 5000, b"null", b"{}", b"NaN",
        b'{"key": "torn', b'{"key": "\\ud800", "task": "\\udfff"}',
    ]),
)  # fmt: skip


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_as_something(content: bytes) -> None:
    assert isinstance(read_bytes(content), list)


@given(DAMAGE, DAMAGE)
def test_entries_around_a_damaged_line_survive(damage: bytes, more: bytes) -> None:
    kept = [found.key for found in read_bytes(VALID + damage + b"\n" + more + b"\n" + VALID)]
    assert kept[:6] == [f"key-{number}" for number in range(6)]
    assert kept[-6:] == [f"key-{number}" for number in range(6)]


@given(st.integers(0, len(VALID)))
def test_a_cut_journal_holds_what_was_whole(length: int) -> None:
    cut = VALID[:length]
    assert [found.key for found in read_bytes(cut)] == [f"key-{number}" for number in range(cut.count(b"\n"))]


@given(st.integers(0, len(VALID)), DAMAGE)
def test_a_damaged_journal_is_gone_on_with(length: int, damage: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(VALID[:length] + damage)
        journal = Journal(path)
        journal.append([entry(99, [-1.5, True])])
        assert read(path)[-1] == entry(99, [-1.5, True])
        assert set(journal.answered) <= {found.key for found in read(path)}


@pytest.mark.parametrize("content", [b"", b"\n\n\n"])
def test_an_empty_journal_is_no_trouble(content: bytes) -> None:
    assert read_bytes(content) == []
