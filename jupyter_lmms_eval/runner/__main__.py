"""Runs one attempt of a job: ``python -m jupyter_lmms_eval.runner JOB_DIR ATTEMPT [--server-fd N]``."""

from __future__ import annotations

import argparse
import os
import sys

from ..protocol.run import RunFiles
from .spec import read_spec
from .supervisor import Supervision


def main() -> int:
    """Supervise the attempt named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_lmms_eval.runner", description=__doc__)
    parser.add_argument("job_dir", help="directory of the job, with its spec.json")
    parser.add_argument("attempt", type=int, help="which attempt at the job this is")
    parser.add_argument("--server-fd", type=int, help="pipe or socket whose end means that the server is gone")
    arguments = parser.parse_args()
    if arguments.server_fd is not None:
        # A child that held it would not hurt (only the server's end keeps it open), but has no business with it.
        os.set_inheritable(arguments.server_fd, False)
    files = RunFiles(os.path.abspath(arguments.job_dir))  # noqa: PTH100  (keeps symbolic links)
    try:
        spec = read_spec(files, arguments.attempt)
    except (OSError, ValueError) as error:
        print(f"{files.spec} cannot be used: {error}", file=sys.stderr)
        return 2
    return Supervision(files, spec, arguments.server_fd).run()


if __name__ == "__main__":
    sys.exit(main())
