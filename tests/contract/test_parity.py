"""A job's scores and answers are those of `python -m lmms_eval` with the same arguments."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR, DemoModel
from tests.conftest import Server, run_server

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(600)]

# The reference is lmms-eval's command line with two faults of 0.7.3 mended, without which it cannot score a choice
# with this model at all: it turns (log-likelihood, is_greedy) tuples into text, and its LLaVA adapter measures the
# context without the pictures, which transformers 5 refuses. Where lmms-eval mends them, nothing changes.
REFERENCE = """
import lmms_eval.evaluator as evaluator
broken = evaluator.unwrap_generation_output
def unwrap(output):
    if isinstance(output, tuple) and len(output) == 2 and isinstance(output[0], float):
        return output, None
    return broken(output)
evaluator.unwrap_generation_output = unwrap
from transformers import LlavaProcessor
process = LlavaProcessor.__call__
def with_pictures(self, images=None, text=None, **options):
    self.pictures = images = self.pictures if images is None and "<image>" in str(text) else images
    return process(self, images=images, text=text, **options)
LlavaProcessor.__call__ = with_pictures
from lmms_eval.__main__ import cli_evaluate
cli_evaluate()
"""

CASES = [
    ("tiny_llava", ("digits_read",), 12),
    ("tiny_llava", ("digits_choice",), 12),
    ("tiny_llava", ("digits_read", "digits_choice", "numbers_read"), 16),
    ("tiny_qwen2_5_vl", ("digits_read",), 40),
    ("tiny_qwen2_5_vl", ("digits_read", "numbers_read"), None),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # A slot for each core: the job computes with one thread, as the reference beside it does.
    slots = str(len(os.sched_getaffinity(0)))
    with run_server(tmp_path_factory.mktemp("parity"), "--include-path", str(TASKS_DIR), "--cpu-slots", slots) as found:
        yield found


def reference(model: DemoModel, tasks: tuple[str, ...], limit: int | None, folder: Path) -> Path:
    arguments = ",".join(f"{key}={value}" for key, value in model.model_args.items())
    command = [sys.executable, "-c", REFERENCE, "--model", model.model, "--model_args", arguments]
    command += ["--tasks", ",".join(tasks), "--batch_size", str(model.batch_size), "--include_path", str(TASKS_DIR)]
    command += ["--log_samples", "--output_path", str(folder)]
    command += ["--limit", str(limit)] if limit else []
    command += ["--force_simple"] if model.force_simple else []
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    found = list(folder.glob("*/*_results.json"))
    assert len(found) == 1, run.stdout[-3000:] + run.stderr[-3000:]
    return found[0]


def content(results: Path) -> dict[str, Any]:
    """The results file without what differs from process to process: addresses of functions in memory."""
    found: dict[str, Any] = json.loads(re.sub(r" at 0x[0-9a-f]+", "", results.read_text()))
    return found


def answers(results: Path, task: str) -> dict[int, dict[str, Any]]:
    (file,) = results.parent.glob(f"{results.name.removesuffix('_results.json')}_samples_{task}.jsonl")
    return {sample["doc_id"]: sample for sample in map(json.loads, file.read_text().splitlines())}


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are equal, numbers among the texts up to the last bits of a sum."""
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    try:
        return math.isclose(float(ours), float(theirs), abs_tol=1e-3)
    except (TypeError, ValueError):
        return bool(ours == theirs)


@pytest.mark.parametrize(("name", "tasks", "limit"), CASES)
def test_scores_and_answers_are_those_of_the_command_line(
    server: Server, tmp_path: Path, name: str, tasks: tuple[str, ...], limit: int | None
) -> None:
    model = MODELS[name]
    client = server.client
    job = client.evaluate(
        model=model.model,
        model_args=dict(model.model_args),
        tasks=list(tasks),
        batch_size=model.batch_size,
        force_simple=model.force_simple,
        limit=limit,
    )
    theirs = reference(model, tasks, limit, tmp_path)
    finished = client.wait_for_job(job["job_id"], poll_interval=0.2, verbose=False)
    ours = Path(client.results(job["job_id"])["results_path"])

    our_file, their_file = content(ours), content(theirs)
    assert our_file["results"].keys() == their_file["results"].keys()
    for task, scores in their_file["results"].items():
        assert our_file["results"][task].keys() == scores.keys()
        for name_of_score, score in scores.items():
            assert same(our_file["results"][task][name_of_score], score), name_of_score
    for part in ("configs", "n-samples", "n-shot", "versions", "higher_is_better"):
        assert our_file[part] == their_file[part], part
    for task in tasks:
        mine, cli = answers(ours, task), answers(theirs, task)
        assert mine.keys() == cli.keys()
        assert len(cli) == (limit or finished["progress"]["tasks"][task]["total"])
        for doc_id, sample in cli.items():
            assert mine[doc_id].keys() == sample.keys()
            for field in ("filtered_resps", "resps"):
                assert same(mine[doc_id].get(field), sample.get(field)), (doc_id, field)
            rest = sample.keys() - {"filtered_resps", "resps"}
            if model.batch_size > 1:
                # This model counts the padding up to the longest answer of a batch, and chunks make other batches.
                rest -= {"token_counts"}
            assert {key: mine[doc_id][key] for key in rest} == {key: sample[key] for key in rest}
