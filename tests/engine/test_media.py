"""The process that reads datasets, and what it leaves on disk."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.engine.errors import MediaNotFound, MediaUnavailable
from jupyter_lmms_eval.engine.media import MediaStore, make_room
from jupyter_lmms_eval.engine.media_process import MediaProcess
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus
from tests.conftest import Server, eventually
from tests.processes import GONE

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]

TASK = """
task: media_zoo
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function media_zoo.doc_to_visual
doc_to_text: "?"
doc_to_target: answer
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""
CODE = """
import pathlib, sys, time
CLIP = {clip!r}
def doc_to_visual(doc):
    answer = int(doc["answer"])
    if answer == 0:
        return None
    if answer == 1:
        return [[doc["image"]], CLIP]
    if answer == 2:
        return [{{"array": [0.0] * 800, "sampling_rate": 8000}}]
    if answer == 3:
        sys.exit(3)
    if answer == 4:
        time.sleep(3600)
    if answer == 5:
        print("a task may print what it wants")
        raise ValueError("no such picture")
    return [doc["image"]]
"""
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(1000)


@pytest.fixture(scope="module")
def answers() -> list[int]:
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(TASKS_DIR / "data" / "digits-test.parquet", columns=["answer"]).to_pylist()
    return [int(row["answer"]) for row in rows]


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A folder with a task that gives, by the digit shown, every kind of media."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (tmp_path / "clip.mp4").write_bytes(MP4)
    (folder / "media_zoo.yaml").write_text(TASK.format(data=TASKS_DIR / "data" / "digits-test.parquet"))
    (folder / "media_zoo.py").write_text(CODE.format(clip=str(tmp_path / "clip.mp4")))
    return folder


def job(tmp_path: Path, task: str = "media_zoo", **more: Any) -> JobInfo:
    return JobInfo(
        job_id="a-job",
        status=JobStatus.COMPLETED,
        created_at="2026-11-23T00:00:00+00:00",
        request=EvaluateRequest(model="dummy", tasks=[task], **more),
        job_dir=str(tmp_path),
    )


def with_store(
    tmp_path: Path, folder: Path, use: Callable[[MediaStore, MediaProcess], Awaitable[None]], **patience: float
) -> None:
    async def run() -> None:
        process = MediaProcess(tmp_path, **patience)
        store = MediaStore(tmp_path / "media", [str(folder)], process)
        try:
            await use(store, process)
        finally:
            await store.close()
            assert process.pid is None

    asyncio.run(run())


def test_every_kind_of_media(tmp_path: Path, zoo: Path, answers: list[int]) -> None:
    info, name = job(tmp_path), "media_zoo"

    async def use(store: MediaStore, process: MediaProcess) -> None:
        kinds = {
            answer: [medium.kind for medium in await store.media(info, name, answers.index(answer))]
            for answer in (0, 1, 2, 6)
        }
        assert kinds == {0: [], 1: ["image", "video"], 2: ["audio"], 6: ["image"]}
        clip = await store.file(info, name, answers.index(1), 1)
        assert (clip.path, clip.medium.type) == (tmp_path / "clip.mp4", "video/mp4")
        before = clip.medium.tag
        clip.path.write_bytes(MP4 + b"another")  # what was kept is looked at again
        again = await store.file(info, name, answers.index(1), 1)
        assert (again.medium.tag != before, again.medium.size) == (True, len(MP4) + 7)
        with pytest.raises(MediaNotFound, match="no media"):
            await store.file(info, name, answers.index(0), 0)
        with pytest.raises(MediaNotFound, match=r"could not give its media.*no such picture"):
            await store.media(info, name, answers.index(5))
        with pytest.raises(MediaNotFound, match="SystemExit"):
            await store.media(info, name, answers.index(3))
        with pytest.raises(MediaNotFound, match="no document 100000"):
            await store.media(info, name, 100_000)
        pid = process.pid
        assert [medium.kind for medium in await store.media(info, name, answers.index(7))] == ["image"]
        assert process.pid == pid  # none of this ended it
        for path in (tmp_path / "media").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
        known = await store.known(info, name, [answers.index(1), answers.index(8)])
        assert [medium.kind for medium in known[answers.index(1)]] == ["image", "video"]
        assert answers.index(8) not in known

    with_store(tmp_path, zoo, use)


def test_a_task_that_hangs_is_ended_and_others_go_on(tmp_path: Path, zoo: Path, answers: list[int]) -> None:
    async def use(store: MediaStore, process: MediaProcess) -> None:
        digits = job(tmp_path, "digits_read", include_path=str(TASKS_DIR))
        assert await store.media(digits, "digits_read", 0)
        with pytest.raises(MediaUnavailable, match="not read within 5 s"):
            await store.media(job(tmp_path), "media_zoo", answers.index(4))
        assert process.pid is None
        with pytest.raises(MediaUnavailable, match="not read within"):  # nobody waits for it again so soon
            await store.media(job(tmp_path), "media_zoo", answers.index(7))
        assert await store.media(digits, "digits_read", 1)
        os.kill(int(process.pid or 0), signal.SIGKILL)  # it may die at any time
        assert await store.media(digits, "digits_read", 2)

    with_store(tmp_path, zoo, use, answer_seconds=5)


def test_many_who_ask_at_once_share_one_reading(tmp_path: Path, zoo: Path, answers: list[int]) -> None:
    async def use(store: MediaStore, process: MediaProcess) -> None:
        info = job(tmp_path)
        asked = [answers.index(6), answers.index(7)] * 10
        found = await asyncio.gather(*(store.media(info, "media_zoo", doc_id) for doc_id in asked))
        assert all(len(media) == 1 for media in found)
        assert len(list((tmp_path / "media").iterdir())) == 2

    with_store(tmp_path, zoo, use)


def test_it_ends_when_nobody_looks(tmp_path: Path, zoo: Path, answers: list[int]) -> None:
    async def use(store: MediaStore, process: MediaProcess) -> None:
        await store.media(job(tmp_path), "media_zoo", answers.index(6))
        pid = int(process.pid or 0)
        deadline = time.monotonic() + 20
        while psutil.pid_exists(pid):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert process.descriptors == []

    with_store(tmp_path, zoo, use, idle_seconds=0.3)


def test_a_dataset_that_is_not_here_is_not_fetched(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    text = TASK.format(data="x.parquet").replace("dataset_path: parquet", "dataset_path: nobody/no-such-dataset")
    lines = [line for line in text.splitlines() if not line.startswith(("dataset_kwargs", "doc_to_visual"))]
    (folder / "media_zoo.yaml").write_text("\n".join(lines))

    async def use(store: MediaStore, process: MediaProcess) -> None:
        began = time.monotonic()
        for doc_id in range(5):
            with pytest.raises(MediaNotFound, match="cannot be read on this machine, and nothing is downloaded"):
                await store.media(job(tmp_path), "media_zoo", doc_id)
        assert time.monotonic() - began < 50
        with pytest.raises(MediaNotFound, match="knows no task gone_task"):
            await store.media(job(tmp_path, "digits_read", include_path=str(TASKS_DIR)), "gone_task", 0)

    with_store(tmp_path, folder, use)


def test_a_killed_server_leaves_no_process_behind(start_server: Callable[..., Server]) -> None:
    server = start_server("--include-path", str(TASKS_DIR), "--cpu-slots", "1")
    job_id = server.client.evaluate("dummy", ["digits_read"], model_args={"response": "7"}, limit=2)["job_id"]
    server.client.wait_for_job(job_id, verbose=False)
    server.client.sample_media(job_id, "digits_read", 0)
    (reader,) = (
        child
        for child in psutil.Process(server.process.pid).children()
        if "jupyter_lmms_eval.runner.media" in " ".join(child.cmdline())
    )
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    eventually(lambda: not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE, patience=GONE)


def test_what_was_not_looked_at_for_longest_goes_first(tmp_path: Path) -> None:
    for number in range(5):
        place = tmp_path / f"place-{number}"
        place.mkdir()
        (place / "0.bin").write_bytes(bytes(100_000))
        (place / "index.json").write_text(json.dumps({"media": []}))
        os.utime(place / "index.json", (1000 + number, 1000 + number))
    os.utime(tmp_path / "place-0" / "index.json")
    for name, age in (("making-old", 7200), ("making-new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    make_room(tmp_path, 250_000)
    assert {place.name for place in tmp_path.iterdir()} == {"place-0", "place-4", "making-new"}


def test_a_group_that_changes_its_tasks_changes_their_media(tmp_path: Path, zoo: Path, answers: list[int]) -> None:
    numbers = TASKS_DIR / "data" / "numbers-test.parquet"
    (zoo / "changing.yaml").write_text(
        "group: changing\ntask:\n"
        f"  - {{task: digits_read, dataset_kwargs: {{data_files: {{test: {numbers}}}}}}}\n"
        "  - media_zoo\n"
    )
    (zoo / "outer.yaml").write_text("group: outer\ntask:\n  - changing\n")

    async def use(store: MediaStore, process: MediaProcess) -> None:
        async def width(*tasks: str, name: str) -> int:
            info = job(tmp_path, "x", include_path=str(TASKS_DIR))
            info.request.tasks = list(tasks)
            info.job_id = "-".join(tasks)
            return Image.open((await store.file(info, name, answers.index(6), 0)).path).width

        assert await width("digits_read", name="digits_read") == 56
        assert await width("changing", name="digits_read") == 168
        assert await width("outer", name="digits_read") == 168
        assert await width("changing", "digits_demo", name="media_zoo") == 56
        assert await width("digits_demo", name="digits_read") == 56

    with_store(tmp_path, zoo, use)
