"""Measures ours beside lmms-eval's own server and prints a table: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import machine
from .effort import QUICK, Effort
from .figures import Figure
from .plot import draw
from .table import table

RAW, PICTURE = "benchmark.json", "benchmark.svg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names.

    Returns
    -------
    int
        0, or 1 if a case could not be measured. A target that is not met is no failure.
    """
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    if options.redraw:
        found = json.loads((options.redraw / RAW).read_text())
        _report([Figure.from_json(figure) for figure in found["figures"]], found["machine"], options.redraw)
        return 0
    from .cases import CASES, gpu

    cases = {name: CASES[name] for name in options.case} if options.case else dict(CASES)
    if options.gpu:
        cases = {gpu.CASE: gpu.with_model(options.model_path)}
    effort = QUICK if options.quick else Effort()
    if options.rounds:
        effort = dataclasses.replace(effort, rounds=options.rounds, starts=options.rounds * 3)
    if options.jobs:
        effort = dataclasses.replace(effort, jobs=options.jobs)
    figures: list[Figure] = []
    where = machine.surroundings()
    failed = False
    folder = Path(tempfile.mkdtemp(prefix="benchmark_"))
    try:
        from .servers import Servers

        servers = Servers(folder)
        for name, measure in cases.items():
            began = time.perf_counter()
            try:
                figures += measure(servers, effort)
            except Exception:  # noqa: BLE001  (the other cases are worth measuring)
                traceback.print_exc()
                failed = True
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            if options.out and figures:
                options.out.mkdir(parents=True, exist_ok=True)
                _write(figures, where, options.out)
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"the servers' output is in {folder}", file=sys.stderr)
    _report(figures, where, options.out)
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--case", action="append", choices=_case_names(), help="Only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="Little of everything, to see that it works")
    parser.add_argument("--rounds", type=int, metavar="N", help="How often each server is started for a case")
    parser.add_argument("--jobs", type=int, metavar="N", help="Jobs in a row, at least 2")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"Folder that receives {RAW} and {PICTURE}")
    parser.add_argument("--redraw", type=Path, metavar="DIR", help=f"Only draw and print what is in DIR/{RAW}")
    parser.add_argument("--gpu", action="store_true", help="Instead, what matters on a GPU")
    parser.add_argument("--model-path", type=Path, metavar="DIR", help="Checkpoint of a Qwen2.5-VL for --gpu")
    return parser


def _case_names() -> list[str]:
    from .cases import CASES

    return list(CASES)


def _write(figures: Sequence[Figure], where: dict[str, Any], folder: Path) -> None:
    written = {"machine": where, "figures": [figure.to_json() for figure in figures]}
    (folder / RAW).write_text(json.dumps(written, indent=1) + "\n")


def _report(figures: Sequence[Figure], where: dict[str, Any], folder: Path | None) -> None:
    if not figures:
        return
    print(f"{machine.words(where)}. Medians, in brackets the least and the most; measured in turns.\n")
    print(table(figures))
    if folder is not None:
        draw(figures, where, folder / PICTURE)


if __name__ == "__main__":
    sys.exit(main())
