"""`python -m jupyter_lmms_eval.launch_server`: the way lmms-eval's own server is started, for ours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .cli.serve import add_arguments, run


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m jupyter_lmms_eval.launch_server", description="Launch the evaluation server"
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
