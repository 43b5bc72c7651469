"""Saves the results under the model's name, and makes sure that they are really there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

_NAMING = ("peft", "delta", "pretrained", "model", "model_version", "model_name", "model_id", "path", "engine")


_PROBE_BYTES = 1 << 20


class SavingFailed(RuntimeError):
    """lmms-eval computed results and could not write them; it only logs that."""


def model_name_of(arguments: dict[str, Any] | str | None, model: str) -> str:
    """The name results are filed under.

    Parameters
    ----------
    arguments
        ``model_args`` of the request.
    model
        Model type of the request; the name if the arguments hold none, because lmms-eval would put the files
        beside the folders of all other models.
    """
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in arguments.split(","))
        arguments = {key.strip(): value.strip() for key, separator, value in pairs if separator}
    for key in _NAMING:
        value = (arguments or {}).get(key)
        if isinstance(value, (str, Path)) and str(value).strip("./"):
            return str(value)
    return model


def tracker_for(output_path: str, model_name: str) -> Any:
    """lmms-eval's tracker of results, filing under a name of our choice.

    Parameters
    ----------
    output_path
        Folder that receives the model's folder.
    model_name
        As `model_name_of` gives it.
    """
    from lmms_eval.loggers.evaluation_tracker import EvaluationTracker, GeneralConfigTracker
    from lmms_eval.utils import sanitize_model_name

    class Named(GeneralConfigTracker):  # type: ignore[misc]
        def log_experiment_args(self, **arguments: Any) -> None:
            super().log_experiment_args(**arguments)
            self.model_name = model_name
            self.model_name_sanitized = sanitize_model_name(model_name)

    tracker = EvaluationTracker(output_path=output_path)
    tracker.general_config_tracker = Named()
    return tracker


@dataclass
class SavedFiles:
    """The files of an evaluation.

    Parameters
    ----------
    results
        Scores and configuration.
    samples
        One file per task.
    """

    results: Path
    samples: list[Path] = field(default_factory=list)


def save(tracker: Any, results: dict[str, Any], samples: dict[str, Any] | None, stamp: str) -> SavedFiles:
    """Write results and samples, and check that they are there.

    Parameters
    ----------
    tracker
        As `tracker_for` gives it.
    results
        What the evaluator returned, without the samples.
    samples
        Samples per task, if they are kept.
    stamp
        Start of the files' names.

    Raises
    ------
    SavingFailed
        If a file is missing or incomplete.
    """
    counts = {task: len(of_task) for task, of_task in (samples or {}).items()}
    said = _Listener()
    with said:
        tracker.save_results_aggregated(results=results, samples=samples, datetime_str=stamp)
        if samples is not None:
            for task in results["configs"]:
                tracker.save_results_samples(task_name=task, samples=samples[task])
    folder = Path(tracker.output_path) / tracker.general_config_tracker.model_name_sanitized
    results_file = folder / f"{stamp}_results.json"
    try:
        json.loads(results_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SavingFailed(f"the results could not be saved to {results_file}: {said.last or error}") from (
            _refusal(results_file.parent) or error
        )
    saved = SavedFiles(results_file)
    for task in results["configs"] if samples is not None else ():
        file = folder / f"{stamp}_samples_{task}.jsonl"
        if not counts.get(task):
            continue
        try:
            with file.open("rb") as stream:
                lines = sum(1 for _ in stream)
        except OSError:
            lines = 0
        if lines != counts[task]:
            raise SavingFailed(
                f"only {lines} of {counts[task]} samples of {task} could be saved to {file}: {said.last}"
            ) from _refusal(file.parent)
        saved.samples.append(file)
    return saved


def _refusal(folder: Path) -> OSError | None:
    """Why a disk takes no more, if so: lmms-eval leaves its files to be closed by chance, which raises nothing."""
    try:
        with tempfile.TemporaryFile(dir=folder if folder.is_dir() else folder.parent) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error
    return None


class _Listener:
    """Remembers lmms-eval's last complaint: it logs why saving failed instead of raising it."""

    def __init__(self) -> None:
        self.last = ""

    def __enter__(self) -> Self:
        from loguru import logger

        self._sink = logger.add(self._hear, level="INFO", format="{message}")
        return self

    def _hear(self, message: str) -> None:
        text = str(message).strip()
        if "Error(" in text or "Exception(" in text:
            self.last = text

    def __exit__(self, *_: object) -> None:
        from loguru import logger

        logger.remove(self._sink)


def copy_to(saved: SavedFiles, output_dir: Path, tag: str) -> SavedFiles:
    """Copy the files into the folder of a request.

    Parameters
    ----------
    saved
        The private files.
    output_dir
        The folder; the files go into one of the model's name in it.
    tag
        Added to the names if files of the same second are already there.
    """
    folder = output_dir / saved.results.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    files = [saved.results, *saved.samples]
    taken = any((folder / file.name).exists() for file in files)
    stamp = saved.results.name.removesuffix("_results.json")
    copies: list[Path] = []
    for file in files:
        name = f"{stamp}-{tag}{file.name.removeprefix(stamp)}" if taken else file.name
        copies.append(Path(shutil.copy2(file, folder / name)))
    return SavedFiles(copies[0], copies[1:])
