"""Where the samples are in a file of many lines, so that a page of them is read without the rest."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import count, groupby
from pathlib import Path
from typing import BinaryIO, Literal

from .rows import (
    Row,
    RowDamaged,
    answer_text,
    doc_id_of,
    judge_of,
    parse_row,
    parse_scores,
    parse_texts,
    text_of,
)

Which = Literal["all", "wrong", "right"]

# Whoever reads lets the process's other threads go on so often (lines), for at least so long (seconds). Reading gives
# them the interpreter too, but takes it back before they are awake: for tenths of a second on two cores.
_LINES_AT_ONCE, _PAUSE = 256, 50e-6
# Longer lines are no samples (bytes).
MOST_LINE = 16 << 20
# Selections by filter and search that are remembered of each file.
_SELECTIONS = 8
_SORTED_AT_ONCE = 4096
_WRONG, _RIGHT, _UNTOLD = 0, 1, 2


class SamplesUnreadable(OSError):
    """A file of samples is gone, or is not a file of its own."""


class Documents:
    """The documents of one task, and the lines that are about each: numbers only, some bytes for each line.

    A document has several lines if it was scored after several filters, or if it took several requests.
    """

    def __init__(self) -> None:
        self._docs, self._starts, self._marks = array("q"), array("q"), bytearray()
        self._in_order = array("q")
        self._settled = True

    def add(self, doc_id: int, start: int, mark: int = 0) -> None:
        """Note a line: its document, its first byte, and what is to be remembered of it (0 to 255)."""
        self._docs.append(doc_id)
        self._starts.append(start)
        self._marks.append(mark)
        self._settled = False

    def __len__(self) -> int:
        return len(self.in_order)

    def __contains__(self, doc_id: int) -> bool:
        at = bisect_left(self.in_order, doc_id)
        return at < len(self._in_order) and self._in_order[at] == doc_id

    @property
    def in_order(self) -> Sequence[int]:
        """The documents in the order of the dataset."""
        self._settle()
        return self._in_order

    def _settle(self) -> None:
        """Sort what was added since the last time."""
        if self._settled:
            return
        # Stable: lines about one document stay as they came. In pieces: sorting is one step for the interpreter, and a
        # hundred thousand at once would keep all other threads waiting.
        document, number = self._docs.__getitem__, len(self._docs)
        pieces = (range(at, min(at + _SORTED_AT_ONCE, number)) for at in range(0, number, _SORTED_AT_ONCE))
        order = array("q", merge(*(sorted(piece, key=document) for piece in pieces), key=document))
        self._docs = array("q", map(document, order))
        self._starts = array("q", map(self._starts.__getitem__, order))
        self._marks = bytearray(map(self._marks.__getitem__, order))
        self._in_order = array("q", (doc for doc, _ in groupby(self._docs)))
        self._settled = True

    def lines_of(self, doc_id: int) -> Sequence[int]:
        """The first bytes of the lines about a document."""
        self._settle()
        return self._starts[bisect_left(self._docs, doc_id) : bisect_right(self._docs, doc_id)]

    def marked(self, mark: int) -> Sequence[int]:
        """The documents in the order of the dataset whose first line has a mark."""
        self._settle()
        found, last = array("q"), -1
        for doc_id, its in zip(self._docs, self._marks, strict=True):
            if doc_id != last and its == mark:
                found.append(doc_id)
            last = doc_id
        return found

    def mark_of(self, doc_id: int) -> int:
        """What was to be remembered of the first line about a document."""
        self._settle()
        return self._marks[bisect_left(self._docs, doc_id)]


class SampleIndex:
    """The index of a samples file that will not change any more.

    Parameters
    ----------
    path
        The file; it is read once from end to end.
    higher_is_better
        By metric, as far as it is known.

    Raises
    ------
    SamplesUnreadable
        If it cannot be read.

    Attributes
    ----------
    total
        How many samples there are.
    scored
        Whether right and wrong can be told.
    damaged
        Lines that are no samples.
    """

    def __init__(self, path: Path, higher_is_better: Mapping[str, bool | None]) -> None:
        self._path = path
        self._documents = Documents()
        self._selections: OrderedDict[tuple[str, str], Sequence[int]] = OrderedDict()
        self.damaged = 0
        judged = _Judged(higher_is_better)
        with open_plain(path) as file:
            for at, line in lines(file):
                try:
                    doc_id, scores = parse_scores(line)
                except RowDamaged:
                    self.damaged += 1
                    continue
                self._documents.add(doc_id, at, judged.verdict(scores))
        self.total = len(self._documents)
        self.scored = judged.can_be_told

    def correct(self, doc_id: int) -> bool | None:
        """Whether a sample got full marks; None if that cannot be told."""
        verdict = self._documents.mark_of(doc_id) if self.scored else _UNTOLD
        return None if verdict == _UNTOLD else verdict == _RIGHT

    def __contains__(self, doc_id: int) -> bool:
        return doc_id in self._documents

    def select(self, which: Which, words: str) -> Sequence[int]:
        """Return the documents that match, in the order of the dataset.

        Parameters
        ----------
        which
            All, or those that are right or wrong.
        words
            A text that must occur in question, answer or target, in whatever case; empty for any.
        """
        if which == "all" and not words:
            return self._documents.in_order
        key = (which, words.lower())
        found = self._selections.get(key)
        if found is None:
            chosen: Sequence[int] = self._documents.in_order
            if which != "all":
                chosen = self._documents.marked(_RIGHT if which == "right" else _WRONG) if self.scored else array("q")
            if words:
                matching = self._search(words)
                chosen = array("q", (doc_id for doc_id in chosen if doc_id in matching))
            self._selections[key] = found = chosen
            if len(self._selections) > _SELECTIONS:
                self._selections.popitem(last=False)
        return found

    def _search(self, words: str) -> set[int]:
        found: set[int] = set()
        with open_plain(self._path) as file:
            for _, line in matching_lines(file, words):
                try:
                    doc_id, texts = parse_texts(line)
                except RowDamaged:
                    continue
                if occurs(words, texts):
                    found.add(doc_id)
        return found

    def rows(self, documents: Sequence[int]) -> list[list[Row]]:
        """Read some documents; of each, a row for every filter.

        Raises
        ------
        SamplesUnreadable
            If the file is not there any more.
        """
        with open_plain(self._path) as file:
            return [[parse_row(read_line(file, at)) for at in self._documents.lines_of(doc)] for doc in documents]


class _Judged:
    """Finds out while samples come whether their scores say right and wrong."""

    def __init__(self, higher_is_better: Mapping[str, bool | None]) -> None:
        self._higher_is_better = higher_is_better
        self._within = True
        self._full_or_none = False

    def verdict(self, scores: Mapping[str, float]) -> int:
        judge = judge_of(tuple(scores))
        if judge is None:
            return _UNTOLD
        score = scores[judge]
        # One metric outside, or one for which less is better, and nobody knows what full marks are.
        self._within &= 0 <= score <= 1 and self._higher_is_better.get(judge) is not False
        self._full_or_none |= score in (0, 1)
        return _RIGHT if score == 1 else _WRONG

    @property
    def can_be_told(self) -> bool:
        return self._within and self._full_or_none


def occurs(words: str, texts: Sequence[str]) -> bool:
    """Whether a text occurs in one of some, in whatever case."""
    needle = words.lower()
    return any(needle in text.lower() for text in texts)


def matching_lines(file: BinaryIO, words: str) -> Iterator[tuple[int, bytes]]:
    """Go through the lines of JSON in which a text may occur: what cannot have it is not parsed."""
    escaped = json.dumps(text_of(words.lower()), ensure_ascii=False)[1:-1]
    in_bytes, ascii_only = escaped.encode(), escaped.isascii()
    for at, line in lines(file):
        # Beyond ASCII only text knows what is lower case; and some programs escape all of that.
        if in_bytes in line.lower() if ascii_only else _may_hold(line, escaped):
            yield at, line


def _may_hold(line: bytes, text: str) -> bool:
    return b"\\u" in line or text in line.decode(errors="replace").lower()


def lines(file: BinaryIO, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Go through the whole lines of a file, each with its first byte; one that is too long comes as nothing."""
    file.seek(start)
    at = start
    for number in count():
        line = file.readline(MOST_LINE)
        if not line:
            return
        if number % _LINES_AT_ONCE == 0:
            time.sleep(_PAUSE)
        long = not line.endswith(b"\n") and len(line) == MOST_LINE
        length = len(line)
        while long and (rest := file.readline(MOST_LINE)):
            length += len(rest)
            if rest.endswith(b"\n"):
                break
        yield at, b"" if long else line
        at += length


def read_line(file: BinaryIO, at: int) -> bytes:
    """Read the line that begins at a byte."""
    file.seek(at)
    return file.readline(MOST_LINE)


def count_lines(path: Path) -> int:
    """Count the lines of a file; none if it cannot be read."""
    try:
        with open_plain(path) as file:
            return sum(1 for _ in lines(file))
    except SamplesUnreadable:
        return 0


def identity(path: Path) -> tuple[int, int, int]:
    """Tell one state of a file from another: number, size and time of change.

    Raises
    ------
    SamplesUnreadable
        If it is not there.
    """
    with open_plain(path) as file:
        status = os.fstat(file.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


def open_plain(path: Path) -> BinaryIO:
    """Open a file that is one: what an evaluation left in its place may lead anywhere.

    Raises
    ------
    SamplesUnreadable
        If it is a link, a pipe or a folder, or not there.
    """
    try:
        # Not blocking: nobody may ever write into a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise SamplesUnreadable(f"{path}: {why}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SamplesUnreadable(f"{path}: it is not a file")
    return os.fdopen(descriptor, "rb")


class JournalIndex:
    """The index of a journal, which grows while a job runs; `update` reads what was added.

    Parameters
    ----------
    path
        The journal; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._inode = 0
        self.tasks: dict[str, Documents] = {}
        self.damaged = 0

    def update(self) -> None:
        """Take in what was added; blocking.

        Raises
        ------
        SamplesUnreadable
            If it is not a file of its own.
        """
        try:
            file = open_plain(self._path)
        except SamplesUnreadable:
            if self._path.is_symlink() or self._path.exists():
                raise
            self._begin(0)
            return
        with file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._read_to:
                self._begin(status.st_ino)
            for at, line in lines(file, self._read_to):
                if line and not line.endswith(b"\n"):  # the rest is still to come
                    break
                self._read_to = file.tell()
                try:
                    entry = _entry(line)
                except RowDamaged:
                    self.damaged += 1
                    continue
                self.tasks.setdefault(entry.task, Documents()).add(entry.doc_id, at)

    def _begin(self, inode: int) -> None:
        self._read_to, self._inode = 0, inode
        self.tasks.clear()
        self.damaged = 0

    def select(self, task: str, words: str) -> Sequence[int]:
        """Return the answered documents of a task whose answer has a text in it; empty for any."""
        documents = self.tasks[task]
        if not words:
            return documents.in_order
        found: set[int] = set()
        with open_plain(self._path) as file:
            for _, line in matching_lines(file, words):
                try:
                    entry = _entry(line)
                except RowDamaged:
                    continue
                if entry.task == task and occurs(words, [entry.answer]):
                    found.add(entry.doc_id)
        return array("q", (doc_id for doc_id in documents.in_order if doc_id in found))

    def answers(self, task: str, documents: Sequence[int]) -> list[list[str]]:
        """Read the answers to some documents; of each, one for every request, the latest if it was asked again."""
        found = []
        with open_plain(self._path) as file:
            for doc_id in documents:
                entries = [_entry(read_line(file, at)) for at in self.tasks[task].lines_of(doc_id)]
                latest = {entry.place: entry.answer for entry in entries}
                found.append([latest[place] for place in sorted(latest)])
        return found


@dataclass(frozen=True)
class _Entry:
    task: str
    doc_id: int
    place: tuple[int, int]
    answer: str


def _entry(line: bytes) -> _Entry:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RowDamaged(str(error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("task"), str):
        raise RowDamaged("it names no task")
    place = content.get("idx", 0), content.get("repeat", 0)
    if not all(isinstance(number, int) for number in place):
        raise RowDamaged("it does not say which request it is")
    return _Entry(text_of(content["task"]), doc_id_of(content), place, answer_text(content.get("answer")))
