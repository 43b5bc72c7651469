"""What a run reports: its figures and its invariants, as tables that can be pasted; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .asked import needless, read_asks
from .evidence import Evidence
from .invariants import CHECKS


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes
    ----------
    figures
        Names and values.
    complaints
        What is broken, by invariant; every invariant is there.
    """

    figures: Sequence[tuple[str, str]]
    complaints: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether every invariant held."""
        return not any(self.complaints.values())

    def __str__(self) -> str:
        """Tables in Markdown, then what is broken."""
        lines = ["| figure | value |", "|---|---:|", *(f"| {name} | {value} |" for name, value in self.figures), ""]
        lines += ["| invariant | held |", "|---|---|"]
        for name, complaints in self.complaints.items():
            lines.append(f"| {name} | {f'broken {len(complaints)} times' if complaints else 'yes'} |")
        for name, complaints in self.complaints.items():
            lines += ["", f"BROKEN: {name}", *(f"  {text}" for text in complaints)] if complaints else []
        return "\n".join(lines)


def report(evidence: Evidence, seconds: float) -> Report:
    """Judge a run.

    Parameters
    ----------
    evidence
        What is left of it.
    seconds
        How long it took.
    """
    complaints = {name: list(check(evidence)) for name, check in CHECKS.items()}
    return Report(figures(evidence, seconds), complaints)


def figures(evidence: Evidence, seconds: float) -> list[tuple[str, str]]:
    """Count what happened."""
    memory, jobs = evidence.memory, evidence.jobs
    statuses = [job["status"] for job in jobs]
    asked = [read_asks(evidence.asked_by(job)) for job in jobs]
    total = sum(map(len, asked))
    needed = sum(len({ask.question for ask in asks}) for asks in asked)
    shapes = [evidence.planned(job).shape for job in jobs]
    again = sum(needless(asks, shape.ranks, shape.requests) for asks, shape in zip(asked, shapes, strict=True))
    lines = [
        ("jobs submitted", f"{len(jobs)}"),
        ("completed", f"{statuses.count('completed')}"),
        ("cancelled on request", f"{statuses.count('cancelled')}"),
        ("of these with scores of what was answered", f"{sum(bool(job['partial']) for job in jobs)}"),
        ("failed", f"{statuses.count('failed')}"),
        ("attempts in all", f"{sum(job['attempt'] for job in jobs)}"),
        ("faults", f"{sum(memory.faults.values())}"),
        *((f"- {name}", f"{count}") for name, count in memory.faults.most_common()),
        ("requests the echo model was asked", f"{total:,}"),
        ("requests it had to be asked", f"{needed:,}"),
        ("asked / needed", f"{total / needed:.3f}" if needed else "-"),
        ("asked again without need", f"{again}"),
        *((f"{name}, longest (s)", f"{max(found):.1f}") for name, found in sorted(memory.seconds.items())),
        ("wall time (s)", f"{seconds:.0f}"),
    ]
    if memory.server_errors:
        lines.append(("answers of 500 and above", f"{len(memory.server_errors)}"))
    return lines
