"""Begins one rank of an attempt: ``python -m jupyter_lmms_eval.runner.rank JOB_DIR ATTEMPT [SUPERVISOR_PID [FD]]``.

Through the descriptor, if it is given one, it talks with its supervisor when it stays after its evaluation.
"""

from __future__ import annotations

import sys
import time
from typing import NoReturn

from .kinship import die_with
from .stacks import write_stacks


def main() -> NoReturn:
    """Tie the rank to its supervisor and make it tell its stacks; only then import what takes long."""
    began = time.monotonic()
    if len(sys.argv) > 3:
        die_with(int(sys.argv[3]))
    write_stacks()
    from .evaluate import evaluate

    evaluate(sys.argv[1], int(sys.argv[2]), began, int(sys.argv[4]) if len(sys.argv) > 4 else None)


if __name__ == "__main__":
    main()
