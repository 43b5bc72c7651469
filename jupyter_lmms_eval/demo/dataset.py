"""Turn scikit-learn's scanned handwritten digits into questions about pictures."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

TEST_SCANS = 450
TEST_NUMBERS = 300
# 8 x 7 = 56: large enough to look at, and a multiple of the 28 pixels Qwen's image code rounds to, so that
# a picture reaches both models without being resized on the way.
SCALE = 7


@dataclass(frozen=True)
class Kind:
    """One kind of question.

    Attributes
    ----------
    question : str
        What the picture is asked.
    instruction : str
        How to answer; the task files add it to the question.
    digits : int
        How many digits the picture shows.
    """

    question: str
    instruction: str
    digits: int

    @property
    def prompt(self) -> str:
        """The words a model is given beside the picture."""
        return f"{self.question}\n{self.instruction}"


DIGIT = Kind("What digit is shown?", "Answer with a single digit.", 1)
NUMBER = Kind("What number is shown?", "Answer with a number.", 3)
KINDS = (DIGIT, NUMBER)


@dataclass(frozen=True)
class Scans:
    """Scanned digits: grey values from 0 to 16 in `pixels` (n, 8, 8) and what they show in `labels` (n,)."""

    pixels: Array
    labels: Array


@dataclass(frozen=True)
class Questions:
    """Pictures (n, height, width; bytes, white on black) and the right answer to each."""

    kind: Kind
    pictures: Array
    answers: Sequence[str]


def load_scans() -> tuple[Scans, Scans]:
    """Load the 1,797 scans and split them.

    Returns
    -------
    tuple of Scans
        1,347 scans to train on and 450 to test on; every digit has its share in both.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, test = train_test_split(
        np.arange(len(digits.target)), test_size=TEST_SCANS, stratify=digits.target, random_state=0
    )
    return (
        Scans(digits.images[train], digits.target[train]),
        Scans(digits.images[test], digits.target[test]),
    )


def one_question_per_scan(scans: Scans) -> Questions:
    """Ask every scan which digit it shows.

    Parameters
    ----------
    scans : Scans
        The digits to ask about.

    Returns
    -------
    Questions
        As many questions as scans, in their order.
    """
    return _ask(DIGIT, scans.pixels[:, None], scans.labels[:, None])


def random_questions(kind: Kind, scans: Scans, count: int, rng: np.random.Generator, noise: float = 0.0) -> Questions:
    """Compose pictures from randomly chosen scans.

    Parameters
    ----------
    kind : Kind
        What to ask, and so how many scans stand side by side.
    scans : Scans
        The digits to choose from.
    count : int
        How many questions to make.
    rng : numpy.random.Generator
        Chooses the scans, and draws the noise.
    noise : float
        Spread of the grey values added to each scan pixel, whose own values go from 0 to 16. Also makes
        scans up to 15 % darker or brighter. More variety for training; 0 leaves the scans as they are.

    Returns
    -------
    Questions
        The composed questions.
    """
    chosen = rng.integers(len(scans.labels), size=(count, kind.digits))
    pixels = scans.pixels[chosen]
    if noise:
        brightness = rng.uniform(0.85, 1.15, size=(count, kind.digits, 1, 1))
        pixels = np.clip(pixels * brightness + rng.normal(0, noise, size=pixels.shape), 0, 16)
    return _ask(kind, pixels, scans.labels[chosen])


def exam(scans: Scans) -> Mapping[str, Questions]:
    """Make the questions that the tasks ask.

    Parameters
    ----------
    scans : Scans
        The digits kept for testing.

    Returns
    -------
    mapping of str to Questions
        By the name of the file that the task files expect them in.
    """
    return {
        "digits-test.parquet": one_question_per_scan(scans),
        "numbers-test.parquet": random_questions(NUMBER, scans, TEST_NUMBERS, np.random.default_rng(0)),
    }


def write_parquet(questions: Questions, path: Path) -> None:
    """Write questions as a file that the `parquet` builder of `datasets` opens.

    Parameters
    ----------
    questions : Questions
        What to write; one row each, with the columns `image`, `question` and `answer`.
    path : Path
        The file to write; its folder is made if missing.
    """
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "question": datasets.Value("string"), "answer": datasets.Value("string")}
    )
    rows = [
        {
            "image": {"bytes": _png(picture), "path": None},
            "question": questions.kind.question,
            "answer": answer,
        }
        for picture, answer in zip(questions.pictures, questions.answers, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(path))


def _ask(kind: Kind, pixels: Array, labels: Array) -> Questions:
    """Lay scans (n, digits, 8, 8) side by side and enlarge them."""
    side_by_side = np.concatenate(list(pixels.swapaxes(0, 1)), axis=2)
    grey = np.round(side_by_side * 255 / 16).astype(np.uint8)
    pictures = grey.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    return Questions(kind, pictures, ["".join(map(str, row)) for row in labels.tolist()])


def _png(picture: Array) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()
