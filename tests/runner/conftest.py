"""Runs real evaluations: a tiny task folder, the spec of a job, and its supervisor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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

FUNCTIONS = """\
import os, signal, sys, time


def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]


def fails(doc, results):
    raise NameError("no such metric here")


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
        "tiny_rounds": {"data": "four", "more": "repeats: 2"},
    }
    for function in ("fails", "leaves", "dies", "waits", "complains", "rank_1_fails"):
        tasks[f"tiny_{function}"] = {
            "data": "four",
            "more": f"process_results: !function tiny_functions.{function}",
        }
    for name, values in tasks.items():
        defaults = {"name": name, "output_type": "generate_until", "metric": "exact_match"}
        (folder / f"{name}.yaml").write_text(TASK.format(**{**defaults, **values}))
    (folder / "tiny_group.yaml").write_text("group: tiny_group\ntask:\n  - tiny_ten\n  - tiny_four\n")


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
        return self.files.log.read_text()

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
        job: str | None = None,
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
            command += ["--parent-fd", str(parent_fd)]
        process = subprocess.Popen(
            command,
            cwd=cwd or job_dir,
            env={**os.environ, **OFFLINE, "HF_HOME": str(self.tasks.parent / "hf"), **(environment or {})},
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
                os.killpg(attempt.process.pid, 9)
                attempt.process.wait()


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
