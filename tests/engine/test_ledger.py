"""What is known of all jobs, told to many who wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jupyter_lmms_eval.engine import listeners
from jupyter_lmms_eval.engine.clock import now
from jupyter_lmms_eval.engine.errors import DiskFull
from jupyter_lmms_eval.engine.job_card import Submission
from jupyter_lmms_eval.engine.ledger import JobLedger
from jupyter_lmms_eval.engine.queueing import Job, JobQueue
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus, Progress


@asynccontextmanager
async def opened(folder: Path, most_finished: int = 100) -> AsyncIterator[tuple[JobLedger, JobQueue]]:
    queue = JobQueue(["cpu:0"])
    ledger = JobLedger(JobStore(folder / "jobs.sqlite"), queue, most_finished)
    for stored in await ledger.open():
        queue.add(ledger.restore(stored))
    try:
        yield ledger, queue
    finally:
        if not ledger.closed:
            await ledger.close()


async def submit(ledger: JobLedger, queue: JobQueue, name: str) -> Job:
    request = EvaluateRequest(model="dummy", tasks=["mme"])
    job = await ledger.add(JobInfo(job_id=name, status=JobStatus.QUEUED, created_at=now(), request=request))
    assert job is not None
    queue.add(job)
    return job


async def complete(ledger: JobLedger, queue: JobQueue, job: Job) -> None:
    queue.remove(job)
    await ledger.finish(job, status=JobStatus.COMPLETED)


def story(tell: Callable[[Path], Awaitable[None]]) -> Callable[[Path], None]:
    """Let a test be written as a coroutine."""

    def test(tmp_path: Path) -> None:
        asyncio.run(asyncio.wait_for(tell(tmp_path), 60))

    return test


@story
async def test_counts_are_those_of_the_disk_whatever_happens_to_jobs(folder: Path) -> None:
    async with opened(folder, most_finished=1) as (ledger, queue):
        jobs = [await submit(ledger, queue, name) for name in "abcd"]
        for job in jobs[:3]:
            await complete(ledger, queue, job)
        again = await ledger.recall(await ledger.get("a"))  # it left memory
        await ledger.update(again, status=JobStatus.QUEUED)
        await ledger.update(jobs[3], status=JobStatus.RUNNING)
        told = await ledger.counts()
        assert told == ledger._store.counts()
        assert (told[JobStatus.QUEUED], told[JobStatus.RUNNING], told[JobStatus.COMPLETED]) == (1, 1, 2)
    async with opened(folder) as (ledger, _):
        assert await ledger.counts() == told


@story
async def test_who_waits_hears_of_a_change(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        job = await submit(ledger, queue, "a")
        revision = (await ledger.changes(0)).revision
        waiting = asyncio.create_task(ledger.news(revision, 60))
        await asyncio.sleep(0)
        ledger.note(job, progress=Progress(phase="starting"))
        news = await waiting
        assert [info.progress for info in news.jobs] == [Progress(phase="starting")]
        assert news.revision > revision


@story
async def test_who_waits_hears_why_jobs_wait(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        await submit(ledger, queue, "a")
        revision = (await ledger.changes(0)).revision
        waiting = asyncio.create_task(ledger.news(revision, 60))
        await asyncio.sleep(0)
        queue.block({"cpu:0": "is used by somebody else"})  # of which nobody tells the ledger
        (told,) = (await waiting).jobs
        assert told.wait_reason is not None
        assert "somebody else" in told.wait_reason


@story
async def test_nothing_new_is_an_empty_answer_with_the_same_revision(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        await submit(ledger, queue, "a")
        revision = (await ledger.changes(0)).revision
        news = await ledger.news(revision, 0.05)
        assert (news.jobs, news.revision) == ([], revision)
        assert (await ledger.news(revision + 1000, 60)).revision == revision, "of an earlier server"


@story
async def test_a_storm_of_progress_wakes_who_waits_a_few_times(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        job = await submit(ledger, queue, "a")
        woken = 0

        async def follow() -> None:
            nonlocal woken
            since = (await ledger.changes(0)).revision
            while True:
                since = (await ledger.news(since, 60)).revision
                woken += 1

        followers = [asyncio.create_task(follow()) for _ in range(20)]
        await asyncio.sleep(0)
        for done in range(300):
            ledger.note(job, progress=Progress(phase="answering", samples_done=done))
            await asyncio.sleep(0.001)
        assert 20 <= woken < 20 * 100, "many changes are told at once"
        for follower in followers:
            follower.cancel()


@story
async def test_closing_tells_everybody_who_waits(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        job = await submit(ledger, queue, "a")
        revision = (await ledger.changes(0)).revision
        waiting = [asyncio.create_task(ledger.news(revision, 3600)) for _ in range(50)]
        waiting_for_job = asyncio.create_task(ledger.other_status(job.id, JobStatus.QUEUED, 3600))
        await asyncio.sleep(0.05)
        await ledger.close()
        assert {news.revision for news in await asyncio.gather(*waiting)} == {revision}
        assert (await waiting_for_job).status is JobStatus.QUEUED


@story
async def test_a_reader_far_behind_takes_small_parts_and_misses_nothing(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        for number in range(25):
            await complete(ledger, queue, await submit(ledger, queue, f"old{number}"))
    async with opened(folder, most_finished=3) as (ledger, queue):
        for number in range(25):
            await complete(ledger, queue, await submit(ledger, queue, f"new{number}"))
        since, heard, parts = 0, [], 0
        while since < ledger.revision:
            part = await ledger.changes(since, most=10)
            assert len(part.jobs) <= 10
            revisions = [info.revision for info in part.jobs]
            assert revisions == sorted(revisions)
            heard += [info.job_id for info in part.jobs]
            since, parts = part.revision, parts + 1
        assert sorted(heard) == sorted([f"{age}{number}" for age in ("old", "new") for number in range(25)])
        assert parts >= 5


@story
async def test_a_job_that_left_memory_is_still_told(folder: Path) -> None:
    async with opened(folder, most_finished=1) as (ledger, queue):
        since = ledger.revision
        for name in "abc":
            await complete(ledger, queue, await submit(ledger, queue, name))
        assert [info.job_id for info in (await ledger.changes(since)).jobs] == ["a", "b", "c"]


@story
async def test_tags_differ_when_what_is_told_differs(folder: Path) -> None:
    async with opened(folder) as (ledger, queue):
        seen: set[str] = set()
        told: set[str] = set()

        async def look() -> None:
            ledger._explained = 0
            tag = ledger.tag()
            text = (await ledger.page()).model_dump_json(exclude={"revision"})
            assert (tag in seen) == (text in told)
            seen.add(tag)
            told.add(text)

        first, second = await submit(ledger, queue, "a"), await submit(ledger, queue, "b")
        await look()
        await look()
        ledger.note(first, progress=Progress(phase="answering"))
        await look()
        queue.block({"cpu:0": "is busy"})
        await look()
        await complete(ledger, queue, first)
        await look()
        assert len(seen) == 4
        info = await ledger.get("b")
        assert await ledger.current_tag("b") == ledger.job_tag(info)
        queue.block({"cpu:0": "is busier"})
        assert await ledger.current_tag("b") != ledger.job_tag(info), "it waits for another reason"
        assert await ledger.current_tag("nowhere") is None
        await complete(ledger, queue, second)
        stored = ledger.job_tag(await ledger.get("b"))
    async with opened(folder) as (ledger, _):
        assert await ledger.current_tag("b") != stored, "another server counts anew"


@story
async def test_many_who_submit_at_once_are_each_told_of_their_own_job(folder: Path) -> None:
    request = EvaluateRequest(model="dummy", tasks=["mme"])

    def new(name: str) -> JobInfo:
        job_dir = str(folder / "jobs" / name)
        return JobInfo(job_id=name, status=JobStatus.QUEUED, created_at=now(), request=request, job_dir=job_dir)

    async with opened(folder) as (ledger, _):
        since = ledger.revision
        names = [f"job{number}" for number in range(100)]
        keyed = [ledger.add(new(f"same{number}"), Submission("key", "d")) for number in range(20)]
        jobs = await asyncio.gather(*(ledger.add(new(name)) for name in names), *keyed)
        assert [job.id for job in jobs[:100] if job] == names
        assert [job.id for job in jobs[100:] if job] == ["same0"]
        heard = [info.job_id for info in (await ledger.changes(since)).jobs]
        assert heard == [*names, "same0"]
        assert (await ledger.counts())[JobStatus.QUEUED] == 101
    assert len(list((folder / "jobs").glob("*/job.json"))) == 101, "closing waits for the cards"


@story
async def test_who_submits_something_impossible_alone_hears_of_it(folder: Path) -> None:
    request = EvaluateRequest(model="dummy", tasks=["mme"])
    async with opened(folder) as (ledger, _):
        infos = [JobInfo(job_id=n, status=JobStatus.QUEUED, created_at=now(), request=request) for n in "abac"]
        first, second, again, last = await asyncio.gather(*map(ledger.add, infos), return_exceptions=True)
        assert isinstance(again, sqlite3.IntegrityError)
        assert [job.id for job in (first, second, last) if isinstance(job, Job)] == ["a", "b", "c"]


@story
async def test_without_room_nothing_is_accepted(folder: Path) -> None:
    room = ["the disk is full"]
    ledger = JobLedger(JobStore(folder / "jobs.sqlite"), JobQueue(["cpu:0"]), 10, lambda: room[0] if room else None)
    await ledger.open()
    info = JobInfo(
        job_id="a", status=JobStatus.QUEUED, created_at=now(), request=EvaluateRequest(model="dummy", tasks=["mme"])
    )
    with pytest.raises(DiskFull):
        await ledger.add(info)
    assert (await ledger.page()).jobs == []
    room.clear()
    assert await ledger.add(info) is not None
    await ledger.close()


def test_more_who_wait_are_woken_more_rarely(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(listeners, "MOST_WOKEN_A_SECOND", 1)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0.01)

    async def many() -> None:
        async with opened(tmp_path) as (ledger, queue):
            job = await submit(ledger, queue, "a")
            revision = (await ledger.changes(0)).revision
            waiting = [asyncio.create_task(ledger.news(revision, 60)) for _ in range(30)]
            await sleep(0)
            monkeypatch.setattr(asyncio, "sleep", counted)
            ledger.note(job, progress=Progress(phase="starting"))
            await asyncio.gather(*waiting)
            monkeypatch.undo()

    asyncio.run(many())
    assert pauses == [30]
