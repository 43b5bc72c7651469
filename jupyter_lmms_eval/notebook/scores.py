"""The scores of jobs, as something to look at and to compute with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..client import wording
from ..protocol.jobs import JobInfo, JobResults
from .markup import Table

DIGITS = 4  # of a score below 10, after the point


class Scores:
    """The outcome of one or more completed jobs, or of jobs that were told to finish early.

    Parameters
    ----------
    jobs
        Jobs and their results, in the order in which they are shown.

    Attributes
    ----------
    results
        What the server said of each: scores, sample counts, timings, paths of files.
    """

    def __init__(self, jobs: Sequence[tuple[JobInfo, JobResults]]) -> None:
        self._jobs = list(jobs)
        self.results = [results for _, results in self._jobs]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dictionary per score, ready for ``pandas.DataFrame(scores.rows)``."""
        return [
            {"job_id": job.job_id, "model": wording.title(job), **metric.model_dump(), "partial": results.partial}
            for job, results in self._jobs
            for metric in results.metrics
        ]

    def __getitem__(self, name: str) -> float | None:
        """Return a score by ``task`` or ``task/metric``; of several jobs, the first that has it."""
        task, _, metric = name.partition("/")
        for row in self.rows:
            if row["task"] == task and metric in ("", row["metric"]):
                value: float | None = row["value"]
                return value
        known = ", ".join(f"{row['task']}/{row['metric']}" for row in self.rows)
        raise KeyError(f"no score {name!r}; there are {known}")

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    @property
    def table(self) -> Table:
        """The scores in a table."""
        filtered = any(wording.filter_name(row["filter"]) for row in self.rows)
        names = ["Job", "Model", "Task", "Metric", *(["Filter"] if filtered else [])]
        rows = []
        for row in self.rows:
            value, stderr = wording.score_parts(row["value"], row["stderr"], DIGITS)
            rows.append(
                [
                    row["job_id"][: wording.SHORT_ID],
                    row["model"],
                    row["task"],
                    f"{row['metric']} {wording.ARROWS[row['higher_is_better']]}".strip(),
                    *([wording.filter_name(row["filter"])] if filtered else []),
                    value or "none",
                    stderr,
                    "" if row["samples"] is None else f"{row['samples']:,}",
                ]
            )
        numbers = ["Score", "Std. error", "Samples"]
        note = "; ".join(wording.partial_notes(job for job, _ in self._jobs))
        return Table("Scores", [*names, *numbers], rows, right=numbers, note=note, empty="No scores.")
