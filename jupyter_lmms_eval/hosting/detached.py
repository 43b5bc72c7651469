"""A server as a process of its own, which outlives the kernel that started it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from ..api.app import state_dir_of
from ..api.server_args import ServerArgs
from ..discovery import Liveness, running_servers
from ..discovery.liveness import process_lives
from ..discovery.records import read_records
from ..engine.catalog import require_evaluation_packages
from ..engine.errors import EngineError
from ..protocol.server import ServerRecord
from . import arguments, binding
from .differences import otherwise, resolved
from .folders import writing
from .lifecycle import START_SECONDS, find_by_state_dir
from .outcomes import Failed, Outcome, PortTaken, Reused, Started, TimedOut
from .thread import LOG_NAME
from .tls import check_certificate

_POLL_SECONDS = 0.05
_MODULE = "jupyter_lmms_eval.launch_server"
# They say which kernel a process belongs to; this one belongs to none.
_KERNEL_VARIABLES = ("JPY_CONNECTION_FILE", "JPY_PARENT_PID", "JPY_INTERRUPT_EVENT")

# Processes of this one's making, so that they leave no zombies when they end before it.
_children: dict[int, subprocess.Popen[bytes]] = {}


class NotStoppable(RuntimeError):
    """The server's process is not one that may be ended from here."""


def start_detached(
    args: ServerArgs, *, any_port: bool = False, asked: Collection[str] = (), timeout: float = START_SECONDS
) -> Outcome:
    """Start a server in a session of its own, or use the one on the same folder of jobs.

    Parameters
    ----------
    args
        The server's arguments.
    any_port
        Whether any free port will do, instead of ``args.port``.
    asked
        Names of the arguments that a person chose: a running server that has others is used, but this is said.
    timeout
        Seconds within which it must answer.

    Returns
    -------
    Outcome
        What came of it.
    """
    began = time.monotonic()
    state_dir = state_dir_of(args)
    if (running := find_by_state_dir(state_dir)) is not None:
        return Reused(running, here=running.pid == os.getpid(), kept=otherwise(running, args, asked))
    try:
        require_evaluation_packages()
        check_certificate(args)
        # Asked here, where the answer can be given; the process takes the port anew.
        for listener in binding.bind(args.host, 0 if any_port else args.port):
            listener.close()
        with writing(args):
            log = _log_file(state_dir)
    except binding.PortTaken as error:
        return PortTaken(args.port, str(error))
    except (EngineError, OSError) as error:
        return Failed(str(error))
    start_of_log = log.stat().st_size
    with log.open("ab") as output:
        process = subprocess.Popen(
            command_line(args, any_port=any_port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(os.environ, secrets.token_urlsafe(32) if args.token is None else args.token),
            start_new_session=True,
        )
    _children[process.pid] = process
    try:
        record = _wait(process, began + timeout)
    except BaseException:  # the cell was interrupted
        _end(process)
        raise
    if record is not None:
        return Started(record, time.monotonic() - began, detached=True)
    if process.poll() is None:
        _end(process)
        return TimedOut(timeout, log)
    return Failed(_last_words(log, start_of_log) or f"The server ended at once with exit code {process.returncode}")


def command_line(args: ServerArgs, *, any_port: bool) -> list[str]:
    """Write the command that starts a server with these arguments; a token is not in it.

    Parameters
    ----------
    args
        The server's arguments.
    any_port
        Whether any free port will do.
    """
    values = resolved(args)
    if any_port:
        values["port"] = 0
    if args.token:  # it goes by environment, which other users cannot read
        del values["token"]
    return [sys.executable, "-m", _MODULE, *arguments.words(values)]


def environment(base: Mapping[str, str], token: str) -> dict[str, str]:
    """Make the environment of a detached server.

    Parameters
    ----------
    base
        The environment of this process.
    token
        The server's token; empty if there is none. Other users can read a process's arguments, but not its
        environment.
    """
    kept = {name: value for name, value in base.items() if name not in _KERNEL_VARIABLES}
    # `python -m` would import from the notebook's folder first.
    return {**kept, arguments.TOKEN_VARIABLE: token, "PYTHONSAFEPATH": "1"}


def stop_by_record(record: ServerRecord, timeout: float = 15.0) -> bool:
    """Stop a server that is a process of its own.

    Parameters
    ----------
    record
        The server. Only the very process that wrote it is signalled.
    timeout
        Seconds to wait for its end.

    Returns
    -------
    bool
        Whether it is over.

    Raises
    ------
    NotStoppable
        If the server is a part of another program, such as a notebook's kernel, or on another machine.
    """
    if record.hostname not in ("", socket.gethostname()):
        raise NotStoppable(f"The server at {record.url} runs on another machine; stop it there")
    try:
        process = psutil.Process(record.pid)
        if not process_lives(record):
            return True
        if not _is_dedicated(process.cmdline()):
            notebook = f" of {Path(record.notebook).name}" if record.notebook else ""
            raise NotStoppable(
                f"The server at {record.url} runs in the kernel{notebook} (pid {record.pid}); "
                "run `%lmms_eval_server stop` there, or shut that kernel down"
            )
        process.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        return True
    deadline = time.monotonic() + timeout
    while process_lives(record) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if (child := _children.get(record.pid)) is not None and child.poll() is not None:
        del _children[record.pid]
    return not process_lives(record)


def _is_dedicated(words: list[str]) -> bool:
    """Whether a command line is that of a program which does nothing but serve."""
    return _MODULE in words or ("serve" in words and any(word.endswith("lmms-eval") for word in words[:3]))


def _log_file(state_dir: Path) -> Path:
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state_dir / LOG_NAME
    # A traceback in it may quote a request.
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    path.chmod(0o600)
    return path


def _wait(process: subprocess.Popen[bytes], deadline: float) -> ServerRecord | None:
    while time.monotonic() < deadline and process.poll() is None:
        if any(record.pid == process.pid for record in read_records()):
            for server in running_servers():
                if server.record.pid == process.pid and server.liveness is Liveness.ALIVE:
                    return server.record
        time.sleep(_POLL_SECONDS)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
