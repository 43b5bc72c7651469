"""`python -m jupyter_lmms_eval.serverext.child`: starts or stops a server, in a process of its own.

Starting needs what a server is made of, which the Jupyter server shall not import; and it may be done by the Python
of another environment. What is wanted is read from stdin, as other users can read arguments; the answer is one line
of JSON on stdout.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import Any

from ..api.server_args import ServerArgs
from ..discovery import running_servers
from ..discovery.records import read_record, record_path, remove_record
from ..engine.validation import nearest
from ..hosting.arguments import FLAGS
from ..hosting.detached import NotStoppable, start_detached, stop_by_record
from ..hosting.outcomes import Outcome, PortTaken, Reused, Started, TimedOut
from ..paths import absolute


def main() -> int:
    """Do what stdin says."""
    wanted = json.load(sys.stdin)
    answer = start(wanted["start"]) if "start" in wanted else stop(wanted["stop"])
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def start(values: Mapping[str, Any]) -> dict[str, Any]:
    """Start a detached server.

    Parameters
    ----------
    values
        Arguments by name, those of `jupyter lmms-eval serve`. Without a port, any free one is taken.

    Returns
    -------
    dict
        ``status`` of HTTP, ``message``, and ``id`` if there is a server.
    """
    try:
        args, any_port = read_arguments(values)
    except ValueError as error:
        return {"status": 422, "message": str(error)}
    running_servers()  # forgets those that are gone
    asked = [name for name in values if name != "port" or not any_port]
    outcome = start_detached(args, any_port=any_port, asked=asked)
    answer: dict[str, Any] = {"status": _status(outcome), "message": outcome.message}
    if isinstance(outcome, Started):
        answer["message"] = f"The evaluation server runs as process {outcome.record.pid} and outlives this Jupyter"
    if isinstance(outcome, Started | Reused):
        answer["id"] = outcome.record.id
    return answer


def read_arguments(values: Mapping[str, Any]) -> tuple[ServerArgs, bool]:
    """Check the arguments of a server.

    Parameters
    ----------
    values
        Arguments by name.

    Returns
    -------
    tuple of ServerArgs and bool
        The arguments, and whether any free port will do.

    Raises
    ------
    ValueError
        If one is unknown or cannot work, in one sentence.
    """
    fields = {field.name: field for field in dataclasses.fields(ServerArgs)}
    if "token" in values:
        raise ValueError("token: leave it out; the server makes its own, and Jupyter sends it for you")
    for name, value in values.items():
        if name not in fields:
            near = nearest(name, fields, 1)
            raise ValueError(f"{name} is no argument of a server" + (f"; did you mean {near[0]}?" if near else ""))
        default = fields[name].default
        if isinstance(default, bool) and not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")
        if name == "state_dir" and not isinstance(value, str | None):
            raise ValueError(f"state_dir must be the name of a folder, got {value!r}")
    port = values.get("port")
    any_port = port is None or (port == 0 and not isinstance(port, bool))
    args = ServerArgs(**{name: value for name, value in values.items() if name != "port" or not any_port})
    for name in (flag.field for flag in FLAGS if flag.path and getattr(args, flag.field)):
        value = getattr(args, name)
        setattr(args, name, [absolute(path) for path in value] if isinstance(value, list) else absolute(value))
    return args, any_port


def stop(server_id: str) -> dict[str, Any]:
    """Stop a server that is a process of its own, or forget one that is gone.

    Parameters
    ----------
    server_id
        The id of its record.

    Returns
    -------
    dict
        ``status`` of HTTP and ``message``.
    """
    record = read_record(record_path(server_id))
    if record is None:
        return {"status": 204, "message": ""}
    try:
        over = stop_by_record(record)
    except NotStoppable as error:
        return {"status": 409, "message": str(error)}
    if not over:
        return {
            "status": 504,
            "message": f"The server (pid {record.pid}) was told to stop but has not ended yet; look again later",
        }
    remove_record(server_id)
    return {"status": 204, "message": ""}


def _status(outcome: Outcome) -> int:
    if isinstance(outcome, Started):
        return 201
    if isinstance(outcome, Reused):
        return 200
    if isinstance(outcome, PortTaken):
        return 409
    return 504 if isinstance(outcome, TimedOut) else 500


if __name__ == "__main__":
    sys.exit(main())
