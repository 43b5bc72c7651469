"""What a running server does otherwise than it was asked for."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from ..api.app import state_dir_of
from ..api.server_args import ServerArgs
from ..protocol.server import ServerRecord
from .arguments import FLAGS


def resolved(args: ServerArgs) -> dict[str, Any]:
    """Write arguments as they mean the same in any working directory.

    Parameters
    ----------
    args
        The arguments.

    Returns
    -------
    dict
        Values by field.
    """
    values = args.to_dict()
    values["state_dir"] = str(state_dir_of(args))
    values["include_paths"] = [os.path.realpath(folder) for folder in args.include_paths]
    for name in ("tls_certificate", "tls_key"):
        if values[name] is not None:
            values[name] = os.path.abspath(values[name])  # noqa: PTH100  (keeps symbolic links: they are renewed)
    return values


def otherwise(record: ServerRecord, args: ServerArgs, asked: Collection[str]) -> tuple[str, ...]:
    """Tell what a running server does otherwise than it was asked for.

    Parameters
    ----------
    record
        The server.
    args
        The arguments that it should have.
    asked
        Names of those that a person chose.

    Returns
    -------
    tuple of str
        Their flags, as they are typed.
    """
    # A server of before recorded its address only: of the rest it is not known that it is so.
    running = {"host": record.host, "port": record.port, **(record.arguments or {}), "token": record.token}
    wanted = resolved(args)
    return tuple(
        flag.flag
        for flag in FLAGS
        # By its folder of jobs it was found.
        if flag.field in asked and flag.field != "state_dir" and running.get(flag.field) != wanted[flag.field]
    )
