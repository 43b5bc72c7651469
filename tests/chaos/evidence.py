"""What is left of a run when it is over: read from the server and from its files, for the invariants to judge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .folders import Folders
from .memory import Memory
from .plan import Planned, Shape
from .rest import Rest

Samples = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Scores:
    """What a job's results say.

    Attributes
    ----------
    metrics
        Its scores.
    samples
        Each task's lines of its samples file.
    """

    metrics: Sequence[Mapping[str, Any]]
    samples: Samples


@dataclass
class Evidence:
    """The end of a run.

    Attributes
    ----------
    memory
        What the harness saw meanwhile.
    asked
        Folder of what the echo model was asked.
    jobs
        All jobs, as the server lists them.
    scores
        Of the jobs that have results, by job.
    found
        The job that each key finds at the end, and whether it had to be made then.
    reference
        Results of a run in peace, by name of the shape.
    left
        What is left when the server is stopped: processes, held devices, complaints.
    """

    memory: Memory
    asked: Path
    jobs: list[dict[str, Any]]
    scores: dict[str, Scores]
    found: dict[str, tuple[str, bool]]
    reference: dict[str, Scores]
    processes: list[str] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)
    state_dir: str = ""
    database: str = ""

    def planned(self, job: Mapping[str, Any]) -> Planned:
        """Return what a job was meant to be."""
        return self.memory.planned[str(job["request"]["name"])]

    def asked_by(self, job: Mapping[str, Any]) -> Path:
        """Return the file of what a job's model was asked."""
        return self.asked / f"{job['request']['name']}.jsonl"


def gather(rest: Rest, memory: Memory, folders: Folders, reference: dict[str, Scores]) -> Evidence:
    """Ask the server for everything; submits every key once more, which must find its job."""
    jobs = list(rest.jobs())
    scores = {job["job_id"]: read_scores(rest, job["job_id"]) for job in jobs if job["result"]}

    def find(planned: Planned) -> tuple[str, tuple[str, bool]]:
        answer = rest.submit(planned.key, planned.request(folders.asked))
        return planned.key, (answer["job_id"], answer["created"])

    with ThreadPoolExecutor(4) as clients:
        found = dict(clients.map(find, list(memory.planned.values())))
    return Evidence(memory, folders.asked, jobs, scores, found, reference)


def read_scores(rest: Rest, job_id: str) -> Scores:
    """Read the results of a job."""
    results = rest.get(f"/jobs/{job_id}/results")
    samples: dict[str, list[dict[str, Any]]] = {}
    for path in map(Path, results["samples_paths"]):
        task = path.stem.rpartition("_samples_")[2]
        samples.setdefault(task, []).extend(json.loads(line) for line in path.read_text().splitlines())
    return Scores(results["metrics"], samples)


def run_in_peace(rest: Rest, shapes: Sequence[Shape], asked: Path) -> dict[str, Scores]:
    """Run one job of each shape undisturbed, one after the other's submission, and return their results."""
    jobs = {
        shape: rest.submit(f"reference-{number}", shape.request(asked / f"reference-{number}.jsonl", 0.0))["job_id"]
        for number, shape in enumerate(shapes)
    }
    return {shape.name: _result_of(rest, job_id) for shape, job_id in jobs.items()}


def _result_of(rest: Rest, job_id: str) -> Scores:
    from tests.conftest import eventually

    job = eventually(lambda: _over(rest, job_id), patience=300, every=0.2)
    assert job["status"] == "completed", f"a reference run failed: {job['error']}"
    return read_scores(rest, job_id)


def _over(rest: Rest, job_id: str) -> dict[str, Any] | None:
    job = rest.get(f"/jobs/{job_id}")
    return job if job["status"] not in ("queued", "running") else None
