"""Which jobs a chaos run submits: a few shapes of requests in a seeded random order; pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_lmms_eval.demo.catalog import MODELS


@dataclass(frozen=True)
class Shape:
    """What jobs have in common whose answers and scores must be equal.

    Attributes
    ----------
    name
        For people.
    tasks
        The tasks.
    limit
        Samples of each.
    ranks
        Processes that share them.
    model
        One of the demonstration's models, or ``dummy``; nothing for the echo model.
    weight
        How often it comes, against the others.
    """

    name: str
    tasks: tuple[str, ...]
    limit: int
    ranks: int = 1
    model: str | None = None
    weight: int = 1

    @property
    def requests(self) -> int:
        """How many requests the model gets; a choice is ten."""
        return sum(self.limit * (10 if task == "digits_choice" else 1) for task in self.tasks)

    def request(self, asked: Path, delay: float) -> dict[str, Any]:
        """Return the body of a submission, less its name.

        Parameters
        ----------
        asked
            Where the echo model writes down what it is asked.
        delay
            Seconds it takes for each answer.
        """
        body: dict[str, Any] = {"tasks": list(self.tasks), "limit": self.limit, "device": "cpu", "num_gpus": self.ranks}
        if self.model is None:
            return body | {"model": "echo", "model_args": {"asked": str(asked), "delay": delay}}
        if self.model == "dummy":
            return body | {"model": "dummy", "model_args": {"response": "7"}}
        model = MODELS[self.model]
        return body | {
            "model": model.model,
            "model_args": dict(model.model_args),
            "batch_size": model.batch_size,
            "force_simple": model.force_simple,
        }


# Seconds that a job of the echo model answers: several chunks, so that faults fall between and into them.
ANSWERING = (0.5, 4.0)

SHAPES = (
    Shape("one task", ("digits_read",), 12, weight=5),
    Shape("two tasks", ("digits_read", "numbers_read"), 8, weight=4),
    Shape("choices", ("digits_choice",), 3, weight=3),
    Shape("two ranks", ("digits_read",), 40, ranks=2, weight=4),
    Shape("dummy model", ("numbers_read",), 6, model="dummy", weight=1),
    Shape("tiny Qwen2.5-VL", ("digits_read", "numbers_read"), 6, model="tiny_qwen2_5_vl", weight=2),
    Shape("tiny LLaVA", ("digits_choice",), 2, model="tiny_llava", weight=1),
)


@dataclass(frozen=True)
class Planned:
    """A job to submit.

    Attributes
    ----------
    key
        Its idempotency key, and its name.
    shape
        What it asks.
    delay
        Seconds the echo model takes for each answer.
    """

    key: str
    shape: Shape
    delay: float

    def request(self, asked: Path) -> dict[str, Any]:
        """Return the body of its submission.

        Parameters
        ----------
        asked
            Folder for what the echo model writes down.
        """
        return self.shape.request(asked / f"{self.key}.jsonl", self.delay) | {"name": self.key}


def plan(jobs: int, seed: int, shapes: Sequence[Shape] = SHAPES) -> list[Planned]:
    """Return the jobs of a run.

    Every shape comes once, if there are enough jobs, before any comes again.

    Parameters
    ----------
    jobs
        How many.
    seed
        Equal seeds give equal plans.
    shapes
        Of which shapes.
    """
    dice = random.Random(seed)
    chosen = list(shapes[:jobs])
    chosen += dice.choices(shapes, [shape.weight for shape in shapes], k=jobs - len(chosen))
    dice.shuffle(chosen)
    return [
        Planned(f"chaos-{seed}-{number:04}", shape, round(dice.uniform(*ANSWERING) * shape.ranks / shape.requests, 4))
        for number, shape in enumerate(chosen)
    ]
