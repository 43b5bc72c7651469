"""Make the demonstration's data and models from nothing: `python -m jupyter_lmms_eval.demo.build OUT`."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from jupyter_lmms_eval.demo import llava, qwen2_5_vl
from jupyter_lmms_eval.demo.dataset import Questions, Scans, exam, load_scans, write_parquet
from jupyter_lmms_eval.demo.training import Recipe, Student, accuracy, train

_FAMILIES: Mapping[str, tuple[Callable[[], Student], Recipe]] = {
    "llava": (llava.new_student, llava.RECIPE),
    "qwen2_5_vl": (qwen2_5_vl.new_student, qwen2_5_vl.RECIPE),
}
_SEED = 0
_READABLE = 0o644


def build_model(
    family: str, folder: Path, scans: Scans, tests: Mapping[str, Questions], say: Callable[[str], None]
) -> None:
    """Train one model and save it as an ordinary transformers checkpoint.

    Parameters
    ----------
    family : str
        `llava` or `qwen2_5_vl`.
    folder : Path
        The checkpoint's folder.
    scans : Scans
        The digits to train on.
    tests : mapping of str to Questions
        What to ask the trained model; only reported, nothing depends on it.
    say : callable
        Takes lines about the progress.
    """
    # One thread: sums come out in the same order every time, and so do the weights.
    torch.set_num_threads(1)
    torch.manual_seed(_SEED)
    new_student, recipe = _FAMILIES[family]
    student = new_student()
    say(f"{family}: {student.model.num_parameters():,} parameters")
    train(student, scans, recipe, say)

    # Half the size in the repository, and what lmms-eval's Qwen class computes with anyway.
    student.model.to(torch.bfloat16)
    student.model.save_pretrained(folder)
    student.processor.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(_READABLE)  # weights are saved for the owner alone

    student.model.to(torch.float32)
    for name, questions in tests.items():
        say(f"{name}: {accuracy(student, questions):.1%} right")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the builder's command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What to parse instead of the process's own arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "out", type=Path, help="a folder; gets tasks/data and checkpoints, as the package's own demo folder"
    )
    parser.add_argument("--model", choices=[*_FAMILIES, "all"], default="all")
    options = parser.parse_args(arguments)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {line}", flush=True)

    train_scans, test_scans = load_scans()
    tests = exam(test_scans)
    for name, questions in tests.items():
        write_parquet(questions, options.out / "tasks" / "data" / name)
    for family in _FAMILIES if options.model == "all" else (options.model,):
        folder = options.out / "checkpoints" / f"tiny_{family}"
        build_model(family, folder, train_scans, tests, say)


if __name__ == "__main__":
    main()
