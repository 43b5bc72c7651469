"""Runs chaos from a terminal: ``python -m tests.chaos --jobs 200 --seed 1 --minutes 20``."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .faults import FAULTS, name_of
from .folders import Folders
from .harness import ChaosRun, Settings


def main() -> int:
    """Run; returns 1 if an invariant is broken, and keeps the folder then."""
    names = {name_of(fault).replace(" ", "-"): fault for fault in FAULTS}
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="jobs to submit (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice (default: %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=40, help="then no fault and no new job any more (default: %(default)s)"
    )
    parser.add_argument("--pause", type=float, nargs=2, default=(2.0, 10.0), metavar="S", help="between two faults")
    parser.add_argument("--fault", action="append", choices=sorted(names), help="only this one; may be repeated")
    parser.add_argument("--no-faults", action="store_true", help="only the jobs and the checks")
    parser.add_argument("--folder", type=Path, help="folder of the run, which is kept (default: a temporary one)")
    given = parser.parse_args()
    settings = Settings(given.jobs, given.seed, given.minutes, pause=tuple(given.pause))
    if given.no_faults:
        settings = dataclasses.replace(settings, most_faults=0)
    if given.fault:
        settings = dataclasses.replace(settings, faults={names[name]: 1 for name in given.fault})
    root = given.folder or Path(tempfile.mkdtemp(prefix="lmms-eval-chaos-"))
    began = time.monotonic()

    def tell(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {text}\n")
        sys.stdout.flush()

    tell(f"everything lies in {root}")
    found = ChaosRun(settings, Folders(root.resolve()), tell).run()
    sys.stdout.write(f"\n{found}\n")
    if found.sound and given.folder is None:
        shutil.rmtree(root)
    return 0 if found.sound else 1


if __name__ == "__main__":
    sys.exit(main())
