"""Train a tiny vision-language model on the demonstration's questions, and check what it learned."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from jupyter_lmms_eval.demo.dataset import Array, Kind, Questions, Scans, random_questions

_UNSCORED = -100  # the label that transformers' losses leave out
_CHECK_BATCH = 50


@dataclass(frozen=True)
class Recipe:
    """How long and how to train; a number of steps, not a time, so that a build can be repeated.

    `schedule` says what the batches ask, over and over in this order.
    """

    steps: int
    schedule: tuple[Kind, ...]
    batch_size: int = 32
    learning_rate: float = 2.5e-3
    warmup: int = 60
    weight_decay: float = 0.02
    noise: float = 1.5  # on scans whose grey values go up to 16
    seed: int = 0


@dataclass(frozen=True)
class Student:
    """A model, its processor, and the texts it is asked with.

    Attributes
    ----------
    model, processor
        The transformers objects.
    contexts : Callable
        All forms in which lmms-eval may put a kind of question to this model, picture token included.
    """

    model: Any
    processor: Any
    contexts: Callable[[Kind], Sequence[str]]

    def inputs(self, pictures: Array, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Prepare pictures and as many texts for the model."""
        images = [np.repeat(picture[:, :, None], 3, axis=2) for picture in pictures]
        return dict(self.processor(images=images, text=list(texts), return_tensors="pt"))


def train(student: Student, scans: Scans, recipe: Recipe, say: Callable[[str], None]) -> None:
    """Train a model in place.

    Parameters
    ----------
    student : Student
        What to train.
    scans : Scans
        The digits that the training pictures are made of.
    recipe : Recipe
        How to train.
    say : callable
        Takes a line about the progress, now and then.
    """
    model = student.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate(step, recipe))
    model.train()
    for step, batch in enumerate(_batches(student, scans, recipe), start=1):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == recipe.steps:
            say(f"step {step} of {recipe.steps}, loss {loss.item():.3f}")
    model.eval()


def accuracy(student: Student, questions: Questions) -> float:
    """Let a model answer questions.

    Parameters
    ----------
    student : Student
        Who answers; in the first of its contexts.
    questions : Questions
        What to ask.

    Returns
    -------
    float
        The share of exactly right answers.
    """
    kind, answers = questions.kind, questions.answers
    tokenizer = student.processor.tokenizer
    right = 0
    for start in range(0, len(answers), _CHECK_BATCH):
        pictures = questions.pictures[start : start + _CHECK_BATCH]
        inputs = student.inputs(pictures, [student.contexts(kind)[0]] * len(pictures))
        with torch.inference_mode():
            tokens = student.model.generate(**inputs, max_new_tokens=kind.digits + 1, do_sample=False)
        texts = tokenizer.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        right += sum(text == answer for text, answer in zip(texts, answers[start:], strict=False))
    return right / len(answers)


def _batches(student: Student, scans: Scans, recipe: Recipe) -> Iterator[dict[str, torch.Tensor]]:
    rng = np.random.default_rng(recipe.seed)
    end = student.processor.tokenizer.eos_token
    for step in range(recipe.steps):
        kind = recipe.schedule[step % len(recipe.schedule)]
        questions = random_questions(kind, scans, recipe.batch_size, rng, recipe.noise)
        contexts = student.contexts(kind)
        # One context in a batch: all its texts have the same length, and nothing needs padding.
        context = contexts[int(rng.integers(len(contexts)))]
        batch = student.inputs(questions.pictures, [f"{context}{answer}{end}" for answer in questions.answers])
        labels = batch["input_ids"].clone()
        labels[:, : -(kind.digits + 1)] = _UNSCORED  # only the answer and its end are learned
        yield {**batch, "labels": labels}


def _learning_rate(step: int, recipe: Recipe) -> float:
    """A linear warm-up, then half a cosine down to nearly nothing."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return min(1.0, (step + 1) / recipe.warmup) * (cosine + 0.02)
