"""lmms-eval with the demonstration's tasks among its own, for its own server, which takes no task folders."""

from __future__ import annotations

import compileall
import importlib.util
import os
import shutil
from pathlib import Path

from jupyter_lmms_eval.demo.catalog import TASKS_DIR

_PACKAGE = "lmms_eval"


def make_overlay(folder: Path) -> Path:
    """Copy the installed lmms-eval, untouched, and put the tasks beside its own.

    Parameters
    ----------
    folder
        Receives the copy.

    Returns
    -------
    Path
        What to put first on ``PYTHONPATH``.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit("lmms-eval is not installed")
    copy = folder / _PACKAGE
    # Files keep their times, so their byte code counts.
    shutil.copytree(Path(spec.origin).parent, copy)
    shutil.copytree(TASKS_DIR, copy / "tasks" / "digits_of_the_benchmark")
    compile_quietly(copy)
    return folder


def compile_quietly(folder: Path) -> None:
    """Write byte code where it is missing or old; what cannot be compiled is left as it is."""
    compileall.compile_dir(folder, quiet=2, workers=os.cpu_count() or 1)
