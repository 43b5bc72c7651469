"""Whether what a process has imported, and under which environment, is still what a new process would see."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..protocol.redaction import is_secret_name

# These may differ from job to job: they are read when they are used, or set again in the child.
_OWN_OF_A_JOB = frozenset({
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "_",
})  # fmt: skip


@dataclass(frozen=True)
class ImportedFiles:
    """The files of all imported modules.

    Attributes
    ----------
    states
        Size, and times of modification and of change, of each.
    """

    states: Mapping[str, tuple[int, int, int]]

    @classmethod
    def now(cls) -> ImportedFiles:
        """Take note of what is imported by now."""
        return cls({file: state for file in imported_files() if (state := _state(file))})

    def changed(self) -> str | None:
        """Return a file that is no longer what was imported; None if all are."""
        return next((file for file, state in self.states.items() if _state(file) != state), None)


def installed_modules(besides: Collection[str]) -> list[str]:
    """Return the modules that were imported from where packages are installed, in order of import.

    Parameters
    ----------
    besides
        Names of modules that are left out.
    """
    places = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in besides and str(getattr(module, "__file__", None)).startswith(places)
    ]


def imported_files() -> frozenset[str]:
    """Return the files of all imported modules."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    # Some modules name a file without saying where it is.
    return frozenset(file for file in files if isinstance(file, str) and file.startswith(os.sep))


def changed_since(began: int, files: Iterable[str]) -> str | None:
    """Return a file that was changed since a process began; None if none was.

    Whatever replaces a file gives it another time of change, also where it keeps the time of modification.

    Parameters
    ----------
    began
        Nanoseconds since the epoch.
    files
        The files.
    """
    stat = os.stat
    for file in files:  # thousands of them
        try:
            if stat(file).st_ctime_ns > began:
                return file
        except OSError:
            continue
    return None


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116  (thousands of them)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def differing_variables(
    imported_under: Mapping[str, str], wanted: Mapping[str, str], *, secrets: bool = False
) -> str | None:
    """Return a variable that an import may have read and that is another by now; None if there is none.

    Parameters
    ----------
    imported_under
        The environment at the time of the imports.
    wanted
        The environment of a job.
    secrets
        Whether secrets count: no import reads them, but models do when they are built.
    """
    for name in sorted({*imported_under, *wanted}):
        if name in _OWN_OF_A_JOB or (is_secret_name(name) and not secrets):
            continue
        if imported_under.get(name) != wanted.get(name):
            return name
    return None
