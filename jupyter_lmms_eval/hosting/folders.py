"""The folders that a server writes to, and what to do where it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..api.app import state_dir_of
from ..api.server_args import ServerArgs
from ..discovery.records import runtime_dir


class FolderUnusable(OSError):
    """A folder cannot be written to; the text says which, why, and how to choose another."""


@contextmanager
def writing(args: ServerArgs) -> Iterator[None]:
    """Say which of a server's folders could not be written to, around whatever writes to them.

    Parameters
    ----------
    args
        The server's arguments.

    Raises
    ------
    FolderUnusable
        If something failed in its folder of jobs or in Jupyter's runtime directory.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or error.strerror is None:
            raise
        path = Path(os.fsdecode(error.filename)).absolute()
        for folder, what, choose in (
            (state_dir_of(args), "The folder of the jobs", "--state-dir"),
            (runtime_dir().absolute(), "Jupyter's runtime directory", "JUPYTER_RUNTIME_DIR"),
        ):
            # One above it failed where it was to be made.
            if path == folder or folder in path.parents or path in folder.parents:
                why = error.strerror if path == folder else f"{path}: {error.strerror}"
                raise FolderUnusable(
                    f"{what}, {folder}, cannot be used ({why}); choose another with {choose}"
                ) from error
        raise
