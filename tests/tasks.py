"""Tasks made for a test: the demonstration's digits, scored when and as the test wants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jupyter_lmms_eval.demo.catalog import TASKS_DIR

_TASK = """
task: {name}
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function {name}.doc_to_visual
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
process_results: !function {name}.process_results
generation_kwargs: {{max_new_tokens: 4}}
metric_list:
  - {{metric: own, aggregation: mean, higher_is_better: true}}
"""
_CODE = """
import pathlib, time
def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]
def process_results(doc, results):
    time.sleep({seconds})
    while not pathlib.Path({gate!r}).exists():
        time.sleep(0.05)
    return {{"own": {score}}}
"""
_OPEN = Path("/")


@dataclass(frozen=True)
class Gated:
    """A task that is scored once the gate is opened."""

    folder: Path
    gate: Path

    def open(self) -> None:
        self.gate.touch()


def write_task(folder: Path, name: str, *, score: float = 0.0, seconds: float = 0.0, gate: Path = _OPEN) -> Path:
    """Write a task, again if it is there, and return its folder.

    Parameters
    ----------
    folder
        Where; a server is given it as ``--include-path``.
    name
        Of the task.
    score
        Of every sample, as the metric ``own``.
    seconds
        How long the scoring of a sample takes.
    gate
        File that must be there before anything is scored.
    """
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(_TASK.format(name=name, data=TASKS_DIR / "data" / "digits-test.parquet"))
    (folder / f"{name}.py").write_text(_CODE.format(score=score, seconds=seconds, gate=str(gate)))
    return folder


def write_gated_task(folder: Path, name: str = "gated_digits") -> Gated:
    """Write a task that is scored once its gate is opened.

    Parameters
    ----------
    folder, name
        As for `write_task`.
    """
    gate = folder.with_name(f"{folder.name}.gate")
    return Gated(write_task(folder, name, score=1.0, gate=gate), gate)
