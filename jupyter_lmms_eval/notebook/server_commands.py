"""Subcommands that are about servers: start, stop, status, list, connect, devices, free."""

from __future__ import annotations

import argparse
import os
from typing import Any

from IPython.core.error import UsageError

from ..api.server_args import ServerArgs
from ..client import EvalClient, wording
from ..client.address import split_credentials
from ..discovery import NoServerRunning, running_servers
from ..hosting import lifecycle
from ..hosting.arguments import add_server_arguments, environment_token, given
from ..hosting.detached import start_detached
from ..hosting.outcomes import Reused, Started, whereabouts
from ..protocol.server import Device, ServerRecord
from .job import JobHandle
from .markup import Table
from .parsing import nearest
from .server import ServerHandle
from .session import TIMEOUT_SECONDS, session

DEFAULT_PORT = 8800


def add_start(parser: argparse.ArgumentParser) -> None:
    """Add the options of `start`."""
    add_server_arguments(parser, port=DEFAULT_PORT)
    parser.add_argument(
        "--detach", action="store_true", help="Run it as a process of its own, which outlives this kernel"
    )


def start(_: Any, args: argparse.Namespace) -> ServerHandle:
    """Start a server, or use the one there is."""
    asked = given(args)
    any_port = asked.get("port") == 0
    if any_port:
        del asked["port"]
    try:
        server_args = ServerArgs(**{"port": DEFAULT_PORT, **environment_token(), **asked})
    except ValueError as error:
        raise UsageError(str(error)) from None
    starting = start_detached if args.detach else lifecycle.start
    outcome = starting(server_args, any_port=any_port, asked=asked)
    if not isinstance(outcome, Started | Reused):
        raise UsageError(
            " ".join(outcome.message.replace("another --port", "another --port (0: any free one)").split())
        )
    session.use_record(outcome.record)
    return ServerHandle(outcome.record, outcome.message if isinstance(outcome, Reused) or outcome.detached else "")


def add_stop(parser: argparse.ArgumentParser) -> None:
    """Add the options of `stop`."""
    parser.add_argument("server", nargs="?", help="Address or id of another server than this kernel's")


def stop(_: Any, args: argparse.Namespace) -> None:
    """Stop a server."""
    if args.server is None and lifecycle.current() is None and not session.chosen:
        raise UsageError(
            "No server runs in this kernel; `%lmms_eval_server list` shows others, and `stop ID` stops one of them"
        )
    handle = ServerHandle(pick(args.server) if args.server is not None else here_or_chosen())
    handle.stop()
    print(f"The server at {handle.url} is stopped. Its jobs stay on disk; unfinished ones go on at the next start.")


def add_status(parser: argparse.ArgumentParser) -> None:
    """Add the options of `status`."""
    parser.add_argument("job", nargs="?", metavar="JOB", help="A job's id or its beginning; without it, the server")
    parser.add_argument(
        "--show-token", action="store_true", help="Print the server's token; clear the output after use"
    )


def status(_: Any, args: argparse.Namespace) -> object:
    """Show a job, or the server."""
    if args.job is not None:
        client = session.client()
        session.last_job = client.resolve_job_id(args.job)
        return JobHandle(client, session.last_job)
    handle = ServerHandle(here_or_chosen())
    if not args.show_token:
        return handle
    print(handle.token)
    return None


def no_options(_: argparse.ArgumentParser) -> None:
    """Add nothing."""


def servers(_: Any, __: argparse.Namespace) -> Table:
    """List this user's servers on this machine."""
    own = lifecycle.current()
    rows = [
        (
            server.record.id[: wording.SHORT_ID],
            server.record.url,
            "this kernel" if own is not None and own.record == server.record else _where(server.record),
            server.liveness.value,
            _local(server.record.started_at),
        )
        for server in running_servers()
    ]
    return Table(
        "Evaluation servers",
        ("Id", "Address", "Runs", "State", "Since"),
        rows,
        empty="No evaluation server runs; `%lmms_eval_server start` starts one.",
    )


def add_connect(parser: argparse.ArgumentParser) -> None:
    """Add the options of `connect`."""
    parser.add_argument("server", nargs="?", help="Address (http://host:port) or id; not needed if there is but one")
    parser.add_argument("--token", help="Token of a server that is not yours or not on this machine")


def connect(_: Any, args: argparse.Namespace) -> ServerHandle:
    """Choose the server that this notebook talks to."""
    record = pick(args.server, args.token)
    handle = ServerHandle(record)
    handle.client.health()
    session.use(handle.client)
    return handle


def devices(_: Any, __: argparse.Namespace) -> Table:
    """List devices."""
    return _devices_table(session.client(), "")


def free(_: Any, __: argparse.Namespace) -> Table:
    """Take models out of memory that stay there for the next job."""
    client = session.client()
    freed = client.free()
    said = f"Free now: {', '.join(freed)}" if freed else "No model was in memory without a job"
    return _devices_table(client, f"{said}. To end a job: %lmms_eval_server cancel JOB")


def here_or_chosen() -> ServerRecord:
    """Return the record of the server that this notebook talks to.

    Raises
    ------
    NoServerRunning
        If there is none.
    """
    if not session.chosen:
        own = lifecycle.current()
        if own is not None and own.record is not None:
            return own.record
    client = session.client()
    return _record_at(client)


def pick(selector: str | None, token: str | None = None) -> ServerRecord:
    """Choose a server.

    Parameters
    ----------
    selector
        Its address, its port, or (the beginning of) its id; None if there is but one.
    token
        Its token, if it is not this user's on this machine.
    """
    if selector is not None and (":" in selector or "." in selector or selector == "localhost"):
        try:
            split_credentials(selector)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return _record_at(EvalClient(selector, timeout=TIMEOUT_SECONDS, token=token))
    if selector is None and os.environ.get("LMMS_EVAL_SERVER", "").strip():
        return _record_at(EvalClient(timeout=TIMEOUT_SECONDS, token=token))
    known = [server.record for server in running_servers()]
    found = [one for one in known if selector is None or one.id.startswith(selector) or str(one.port) == selector]
    if len(found) == 1:
        return found[0]
    if not known:
        raise NoServerRunning
    choice = ", ".join(f"{one.id[: wording.SHORT_ID]} ({one.url}, {_where(one)})" for one in found or known)
    if found:
        raise UsageError(f"{len(found)} servers run: {choice}. Choose one with `%lmms_eval_server connect ID`")
    raise UsageError(
        f"No server has the id {selector!r}{nearest(selector or '', [one.id for one in known])}; there are: {choice}"
    )


def _record_at(client: EvalClient) -> ServerRecord:
    """Describe the server that a client talks to."""
    health = client.health()
    identity = str(health.get("server_id") or "unknown")
    for server in running_servers():
        if server.record.id == identity:
            return server.record
    host, _, port = client.base_url.partition("://")[2].partition("/")[0].rpartition(":")
    return ServerRecord(
        id=identity,
        pid=int(health.get("pid") or 0),
        create_time=0.0,
        hostname=host or port,
        host=host or port,
        port=int(port) if port.isdigit() and host else 80,
        url=client.base_url,
        token=client.credentials.token or "",
        state_dir="",
        started_at="",
        version=str(health.get("version") or ""),
    )


def _devices_table(client: EvalClient, note: str) -> Table:
    rows = [
        (
            device.id,
            device.name,
            wording.memory(device.memory_used, device.memory_total),
            "" if device.utilization is None else f"{device.utilization:.0%}",
            wording.holder(device),
        )
        for device in map(Device.model_validate, client.devices())
    ]
    columns = ("Device", "Name", "Memory (GB)", "Busy", "Job")
    return Table("Devices", columns, rows, right=columns[2:4], note=note, empty="No devices.")


def _where(record: ServerRecord) -> str:
    return whereabouts(record, here=False).partition(", at ")[0]


def _local(text: str) -> str:
    at = wording.moment(text)
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else ""
