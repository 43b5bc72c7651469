"""Runs real evaluations: a tiny task folder, the spec of a job, and its supervisor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.engine.environment import evaluation_environment
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest
from jupyter_lmms_eval.protocol.run import RunEvent, RunFiles, RunOutcome, RunSpec

SECRET = "hf_abcdefghijklmnopqrstuvwxyz"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_TOKEN": SECRET,
}

TASK = """\
task: {name}
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {data}.parquet
test_split: test
output_type: {output_type}
doc_to_visual: !function tiny_functions.doc_to_visual
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
metric_list:
  - metric: {metric}
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
{more}
"""

GROUP = """\
group: tiny_{group}
task: {members}
aggregate_metric_list:
  - metric: {metric}
    aggregation: mean
    weight_by_size: true
    filter_list: none
metadata:
  version: 1.0
"""

FUNCTIONS = """\
import ctypes, os, pathlib, signal, subprocess, sys, threading, time


def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]


def fails(doc, results):
    raise NameError("no such metric here")


def engine_dies(doc, results):
    said = "import sys; sys.exit('(EngineCore pid=81) ERROR torch.OutOfMemoryError: CUDA out of memory.')"
    subprocess.run([sys.executable, "-c", said])
    print("(EngineCore pid=81) stack\\n" * 200, flush=True)
    raise RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")


def leaves(doc, results):
    sys.exit(3)


def dies(doc, results):
    os.kill(os.getpid(), signal.SIGKILL)


def waits(doc, results):
    print("\\x1b[31mtoken is", os.environ.get("HF_TOKEN"), "\\x1b[0m", flush=True)
    time.sleep(120)


def complains(doc, results):
    from loguru import logger

    logger.error("the judge did not answer")
    return {"exact_match": 1.0}


def converse(doc, lmms_eval_specific_kwargs=None, previous_output=None, round_idx=None, previous_round_info=None):
    if round_idx is None:
        return doc["question"]
    return [], "go on", round_idx >= 3, None, None


def tell_to_finish(doc, lmms_eval_specific_kwargs=None, round_idx=None, **rounds):
    # Its first question tells the evaluation to finish; all others are answered after that only.
    marker = pathlib.Path("finish")
    if round_idx is None:
        return doc["question"]
    if doc["answer"] == "0":
        marker.touch()
    while not marker.exists():
        time.sleep(0.01)
    return [], "go on", True, None, None


def wait_for_a_judge():
    threading.Event().wait()


def hangs(doc, results):
    helper = subprocess.Popen(["sleep", "600"])
    threading.Thread(target=wait_for_a_judge, daemon=True).start()
    print("helper is", helper.pid, flush=True)
    while True:
        ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock: no line of Python runs any more


def right(doc, results):
    return {"exact_match": 1.0}


def rank_1_fails(doc, results):
    if os.environ.get("RANK") == "1":
        raise NameError("only here")
    return {"exact_match": 1.0}
"""


def write_tasks(folder: Path) -> None:
    """Ten and four questions about tiny pictures, and tasks that go wrong in every way."""
    from datasets import Dataset, Features, Image, Value
    from PIL import Image as Pictures

    for name, count in (("ten", 10), ("four", 4)):
        rows = {
            "image": [Pictures.new("RGB", (8, 8), (index * 20, 0, 0)) for index in range(count)],
            "question": [f"which number is {index}?" for index in range(count)],
            "answer": [str(index) for index in range(count)],
        }
        features = Features({"image": Image(), "question": Value("string"), "answer": Value("string")})
        Dataset.from_dict(rows, features=features).to_parquet(folder / f"{name}.parquet")
    (folder / "tiny_functions.py").write_text(FUNCTIONS)
    tasks = {
        "tiny_ten": {"data": "ten", "more": "tag: tiny_tag"},
        "tiny_four": {"data": "four", "more": "tag: tiny_tag"},
        "tiny_choice": {
            "data": "four",
            "output_type": "multiple_choice",
            "metric": "acc",
            "more": "doc_to_choice: ['0', '1', '2', '3']",
        },
        "tiny_agent": {
            "data": "four",
            "output_type": "generate_until_agentic",
            "more": "doc_to_text: !function tiny_functions.converse\nprocess_results: !function tiny_functions.right",
        },
        "tiny_finish": {
            "data": "ten",
            "output_type": "generate_until_agentic",
            "more": "doc_to_text: !function tiny_functions.tell_to_finish\n"
            "process_results: !function tiny_functions.right",
        },
        "tiny_rounds": {"data": "four", "more": "repeats: 2"},
    }
    for function in ("fails", "leaves", "dies", "waits", "complains", "rank_1_fails", "hangs", "engine_dies"):
        tasks[f"tiny_{function}"] = {
            "data": "four",
            "more": f"process_results: !function tiny_functions.{function}",
        }
    for name, values in tasks.items():
        defaults = {"name": name, "output_type": "generate_until", "metric": "exact_match"}
        (folder / f"{name}.yaml").write_text(TASK.format(**{**defaults, **values}))
    averages = (("numbers", ["tiny_ten", "tiny_four"], "exact_match"), ("choices", ["tiny_choice"], "acc"))
    for group, members, metric in averages:
        (folder / f"tiny_{group}.yaml").write_text(GROUP.format(group=group, members=members, metric=metric))
    (folder / "tiny_group.yaml").write_text("group: tiny_group\ntask:\n  - tiny_ten\n  - tiny_four\n")
    # lmms-eval finds the data beside the file only for a task that is alone in it.
    own = TASK.format(
        name="tiny_own", data=folder / "four", output_type="generate_until", metric="exact_match", more=""
    )
    member = "  - " + own.strip().replace("\n", "\n    ") + "\n"
    (folder / "tiny_written_out.yaml").write_text("group: tiny_written_out\ntask:\n  - tiny_ten\n" + member)


@dataclass
class Attempt:
    """A supervised attempt at a job."""

    files: RunFiles
    process: subprocess.Popen[bytes]
    number: int = 1

    def wait(self, seconds: float = 120) -> int:
        return self.process.wait(seconds)

    @property
    def outcome(self) -> RunOutcome:
        return RunOutcome.model_validate_json(self.files.outcome(self.number).read_bytes())

    @property
    def events(self) -> list[RunEvent]:
        if not self.files.events.exists():
            return []
        return [RunEvent.model_validate_json(line) for line in self.files.events.read_text().splitlines()]

    @property
    def log(self) -> str:
        return self.files.log.read_text() if self.files.log.exists() else ""

    @property
    def ranks(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    @property
    def results(self) -> dict[str, Any]:
        assert self.outcome.results_path is not None, self.outcome
        return dict(json.loads(Path(self.outcome.results_path).read_text()))

    @property
    def samples(self) -> dict[str, list[dict[str, Any]]]:
        return {
            Path(path).stem.partition("_samples_")[2]: [
                json.loads(line) for line in Path(path).read_text().splitlines()
            ]
            for path in self.outcome.samples_paths
        }


class Runner:
    """Starts attempts, and ends what it started."""

    def __init__(self, folder: Path, tasks: Path) -> None:
        self.folder = folder
        self.tasks = tasks
        self.started: list[Attempt] = []

    def start(
        self,
        tasks: list[str],
        *,
        job: str | Path | None = None,
        attempt: int = 1,
        ranks: int = 1,
        chunk_seconds: float = 2.0,
        parent_fd: int | None = None,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        **request: Any,
    ) -> Attempt:
        request.setdefault("model", "dummy")
        if request["model"] == "dummy":
            request.setdefault("model_args", {"response": "7"})
        job_dir = self.folder / (job or f"job-{len(self.started)}")
        job_dir.mkdir(exist_ok=True)
        files = RunFiles(job_dir)
        spec = RunSpec(
            job_id=f"{len(self.started):032x}",
            attempt=attempt,
            job_dir=str(job_dir),
            request=EvaluateRequest(tasks=tasks, **request),
            include_paths=[str(self.tasks)],
            ranks=ranks,
            chunk_seconds=chunk_seconds,
        )
        files.spec.write_text(spec.model_dump_json())
        command = [sys.executable, "-m", "jupyter_lmms_eval.runner", str(job_dir), str(attempt)]
        if parent_fd is not None:
            command += ["--server-fd", str(parent_fd)]
        process = subprocess.Popen(
            command,
            cwd=cwd or job_dir,
            env=evaluation_environment(
                {**os.environ, **OFFLINE, "HF_HOME": str(self.tasks.parent / "hf"), **(environment or {})},
                ["cpu:0"],
                threads=1,
            ),
            start_new_session=True,
            pass_fds=() if parent_fd is None else (parent_fd,),
        )
        self.started.append(Attempt(files, process, attempt))
        return self.started[-1]

    def run(self, tasks: list[str], **how: Any) -> Attempt:
        attempt = self.start(tasks, **how)
        attempt.wait()
        return attempt

    def end(self) -> None:
        for attempt in self.started:
            if attempt.process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(attempt.process.pid, 9)
                attempt.process.wait()


def group_of(pid: int) -> list[int]:
    """The living processes of a group."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return members


def wait_until(condition: Callable[[], Any], seconds: float) -> bool:
    """Whether something became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass
class SmallDisk:
    """A real file system with a megabyte of room."""

    folder: Path

    @property
    def free(self) -> int:
        """Bytes that still fit."""
        return shutil.disk_usage(self.folder).free

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            while self.free:
                ballast.write(bytes(self.free))

    def make_room(self) -> None:
        """Take away what `fill` put there."""
        (self.folder / "ballast").unlink()

    def grow(self, size: str) -> None:
        """Have more room from now on."""
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that is really full when it is full; needs the right to mount one."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
        )
    except OSError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    if made.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    yield SmallDisk(folder)
    # Lazily: a process that a test left behind must not keep the disk.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def tiny_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("lmms_eval")
    folder = tmp_path_factory.mktemp("evaluations") / "tiny"
    folder.mkdir()
    write_tasks(folder)
    return folder


@pytest.fixture(scope="session")
def runner(tiny_tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    runner = Runner(tmp_path_factory.mktemp("jobs"), tiny_tasks)
    yield runner
    runner.end()
