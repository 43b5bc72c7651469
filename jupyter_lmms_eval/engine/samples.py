"""The samples of a job, by pages: from its journal while it runs, from lmms-eval's files when it is over."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..protocol.jobs import JobInfo
from ..protocol.run import RunFiles
from ..protocol.samples import Sample, SampleFilter, SamplePage, SampleTask
from ..results.rows import MOST_TEXT, Row, RowDamaged, cut, cut_all, cut_details
from ..results.sample_index import JournalIndex, SampleIndex, SamplesUnreadable, count_lines, identity
from .errors import SampleNotFound, SamplesGone, SamplesNotReady
from .outcome import sample_counts
from .queueing import job_directory

MOST_SAMPLES = 200
# Characters of all texts of a page.
MOST_PAGE = 4_000_000
# Files, and journals, whose index is kept: 100,000 samples take 4 MB.
MOST_INDEXES = 4
_SAMPLES_FILE = re.compile(r"^(?P<stamp>.+?)_samples_(?P<task>.+)\.jsonl$")


@dataclass(frozen=True)
class Wanted:
    """Which samples are asked for.

    Attributes
    ----------
    task
        Their task; None for the first that has some.
    offset, limit
        Which of those that match.
    which, words
        What they must match.
    """

    task: str | None = None
    offset: int = 0
    limit: int = 50
    which: SampleFilter = SampleFilter.ALL
    words: str = ""


class SampleReader:
    """Reads pages of samples. All methods belong to one event loop, which they never hold up."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[tuple[Any, ...], asyncio.Task[SampleIndex]] = OrderedDict()
        self._journals: OrderedDict[Path, tuple[JournalIndex, asyncio.Lock]] = OrderedDict()

    async def page(self, info: JobInfo, wanted: Wanted) -> SamplePage:
        """Return a page of the samples of a job.

        Parameters
        ----------
        info
            The job.
        wanted
            Which.

        Raises
        ------
        SamplesNotReady
            If it has none (yet), or was told not to keep them.
        SamplesGone
            If they cannot be read.
        SampleNotFound
            If it has none of this task.
        """
        _require_kept(info)
        try:
            if info.result is None:
                return await self._answered(info, wanted)
            return await self._scored(info, wanted)
        except (SamplesUnreadable, RowDamaged) as error:
            raise SamplesGone(info.job_id, str(error)) from error

    async def require(self, info: JobInfo, task: str, doc_id: int) -> None:
        """Check that a job has a sample.

        Raises
        ------
        SampleNotFound
            If it has none of this task or number. What else `page` raises.
        """
        _require_kept(info)
        try:
            if info.result is None:
                journal, lock = self._journal(info)
                async with lock:
                    await asyncio.to_thread(journal.update)
                    known = _choose(info, task, journal.tasks) and doc_id in journal.tasks[task]
            else:
                files = await asyncio.to_thread(files_of, info)
                path = files[_choose(info, task, files)]
                known = doc_id in await self._index(info, path, task)
        except (SamplesUnreadable, RowDamaged) as error:
            raise SamplesGone(info.job_id, str(error)) from error
        if not known:
            raise SampleNotFound(f"Job {info.job_id} has no sample {doc_id} of {task}; GET .../samples lists them")

    # ------------------------------------------------------------------------------------------- files

    async def _scored(self, info: JobInfo, wanted: Wanted) -> SamplePage:
        files = await asyncio.to_thread(files_of, info)
        task = _choose(info, wanted.task, files)
        index = await self._index(info, files[task], task)
        if not index.total and index.damaged:
            raise SamplesGone(info.job_id, f"none of the {index.damaged} lines of {files[task]} is a sample")
        return await asyncio.to_thread(_page_of_file, info, wanted, task, files, index)

    async def _index(self, info: JobInfo, path: Path, task: str) -> SampleIndex:
        """Return the index of a file as it is now; all who ask for it share one reading."""
        key = (path, *await asyncio.to_thread(identity, path))
        building = self._indexes.get(key)
        if building is None:
            directions = {each.metric: each.higher_is_better for each in info.metrics or () if each.task == task}
            building = asyncio.create_task(asyncio.to_thread(SampleIndex, path, directions))
            self._indexes[key] = building
            while len(self._indexes) > MOST_INDEXES:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(key)
        try:
            # Shielded: a reader that goes away must not stop it for the others.
            return await asyncio.shield(building)
        finally:
            if building.done() and not building.cancelled() and building.exception() is not None:
                self._indexes.pop(key, None)

    # ------------------------------------------------------------------------------------------- journals

    async def _answered(self, info: JobInfo, wanted: Wanted) -> SamplePage:
        journal, lock = self._journal(info)
        async with lock:
            return await asyncio.to_thread(_page_of_journal, info, wanted, journal)

    def _journal(self, info: JobInfo) -> tuple[JournalIndex, asyncio.Lock]:
        path = RunFiles(job_directory(info)).journal
        known = self._journals.setdefault(path, (JournalIndex(path), asyncio.Lock()))
        self._journals.move_to_end(path)
        while len(self._journals) > MOST_INDEXES:
            self._journals.popitem(last=False)
        return known


def _require_kept(info: JobInfo) -> None:
    if not (info.request.log_samples or info.request.predict_only):
        raise SamplesNotReady(f"Job {info.job_id} was told not to keep samples (log_samples); submit it with them")


def files_of(info: JobInfo) -> dict[str, Path]:
    """Find the samples files of a job that has results, by task; blocking.

    Its own are read, not the copies in a folder of the user's, unless they are gone.
    """
    listed = [Path(path) for of_model in (info.result or {}).values() for path in of_model.get("samples", ())]
    own = RunFiles(job_directory(info)).output(info.attempt).glob("*/*_samples_*.jsonl")
    by_task = _by_task(sorted(own))
    return {task: by_task.get(task, path) for task, path in _by_task(listed).items()}


def _by_task(paths: list[Path]) -> dict[str, Path]:
    return {match["task"]: path for path in paths if (match := _SAMPLES_FILE.match(path.name))}


def _choose(info: JobInfo, task: str | None, tasks: Mapping[str, object]) -> str:
    if not tasks:
        status = info.status.value
        hint = "no sample is answered yet" if not info.status.finished else "it has no samples"
        raise SamplesNotReady(f"Job {info.job_id} is {status}; {hint}")
    if task is None:
        return next(iter(tasks))
    if task not in tasks:
        names = ", ".join(list(tasks)[:50])
        raise SampleNotFound(f"Job {info.job_id} has no samples of a task {task[:200]!r}; it has some of {names}")
    return task


def _page_of_file(info: JobInfo, wanted: Wanted, task: str, files: dict[str, Path], index: SampleIndex) -> SamplePage:
    chosen = index.select(wanted.which.value, wanted.words)
    documents = chosen[wanted.offset : wanted.offset + wanted.limit]
    filters = _filters(info, task)
    samples = [
        _sample(rows, index.correct(doc_id), filters, _room(len(documents)))
        for doc_id, rows in zip(documents, index.rows(documents), strict=True)
    ]
    counts = sample_counts(info)
    totals = {
        name: index.total if name == task else known.effective if (known := counts.get(name)) else None
        for name in files
    }
    return SamplePage(
        job_id=info.job_id,
        task=task,
        tasks=[
            SampleTask(task=name, total=count_lines(files[name]) if total is None else total)
            for name, total in totals.items()
        ],
        offset=wanted.offset,
        limit=wanted.limit,
        total=index.total,
        matching=len(chosen),
        live=False,
        complete=not info.partial,
        scored=index.scored,
        damaged=index.damaged,
        samples=samples,
    )


def _page_of_journal(info: JobInfo, wanted: Wanted, journal: JournalIndex) -> SamplePage:
    journal.update()
    task = _choose(info, wanted.task, journal.tasks)
    # Nothing is scored, so that nothing is right or wrong.
    chosen = journal.select(task, wanted.words) if wanted.which is SampleFilter.ALL else ()
    documents = chosen[wanted.offset : wanted.offset + wanted.limit]
    room = _room(len(documents))
    return SamplePage(
        job_id=info.job_id,
        task=task,
        tasks=[SampleTask(task=name, total=len(known)) for name, known in journal.tasks.items()],
        offset=wanted.offset,
        limit=wanted.limit,
        total=len(journal.tasks[task]),
        matching=len(chosen),
        live=not info.status.finished,
        complete=False,
        scored=False,
        damaged=journal.damaged,
        samples=[
            Sample(doc_id=doc_id, question="", answers=cut_all(answers, room), filtered=[], target="")
            for doc_id, answers in zip(documents, journal.answers(task, documents), strict=True)
        ],
    )


def _room(samples: int) -> int:
    """How long each of the four texts of a sample may be."""
    return min(MOST_TEXT, MOST_PAGE // (4 * max(1, samples)))


def _filters(info: JobInfo, task: str) -> list[str]:
    """The names of the filters after which a task was scored, in order; nothing if the scores do not tell."""
    return list(dict.fromkeys(metric.filter for metric in info.metrics or () if metric.task == task))


def _sample(rows: list[Row], correct: bool | None, filters: list[str], room: int) -> Sample:
    """Tell of one document; the rows after the first are of further filters."""
    first = rows[0]
    scores = dict(first.scores)
    filtered = list(first.filtered)
    for number, row in enumerate(rows[1:], 1):
        name = filters[number] if len(filters) == len(rows) else str(number + 1)
        scores |= {f"{metric},{name}": score for metric, score in row.scores.items()}
        filtered += [text for text in row.filtered if text not in filtered]
    return Sample(
        doc_id=first.doc_id,
        question=cut(first.question, room),
        answers=cut_all(first.answers, room),
        filtered=cut_all(filtered, room),
        target=cut(first.target, room),
        scores=dict(list(scores.items())[:200]),
        correct=correct,
        details=cut_details(first.others),
    )
