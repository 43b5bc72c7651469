"""Has imported lmms-eval and forks evaluations: ``python -m jupyter_lmms_eval.runner.template FD SERVER_PID``.

It never computes and never talks to a GPU: after an OpenMP or CUDA operation its children would hang in theirs.
Whatever was imported must be as it is on disk, and its environment that of the job; otherwise it ends, and the
server makes a new one.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from typing import Any, NoReturn

from .. import importing
from ..protocol.run import ForkRequest, Learned, RunFiles
from . import startup
from .forking import fork_rank
from .imported import ImportedFiles, differing_variables
from .kinship import die_with
from .spec import read_spec
from .supervisor import Supervision
from .task_cache import TaskCache
from .titles import retitle

_IMPORTED = (
    "lmms_eval.__main__",
    "lmms_eval.evaluator",
    "lmms_eval.llm_judge",
    "lmms_eval.loggers.evaluation_tracker",
    "lmms_eval.models",
    "lmms_eval.models.model_utils.gen_metrics",
    "lmms_eval.models.model_utils.usage_metrics",
    "lmms_eval.tasks",
    "nltk",
    "pytablewriter",
    "scipy.stats",
    "sklearn.metrics",
    "torch.distributed.distributed_c10d",
    "transformers",
    f"{__package__}.answering",
    f"{__package__}.evaluate",
    f"{__package__}.finishing",
    f"{__package__}.instruments",
    f"{__package__}.model_building",
    f"{__package__}.optional_packages",
    f"{__package__}.saving",
    f"{__package__}.upstream_fixes",
)
# For so long it does not listen while it imports.
_BUSY_SECONDS = 0.2
_LONGEST_MESSAGE = 1 << 20
_MOST_DESCRIPTORS = 32


class Template:
    """Waits for requests, forks, and tells how its children ended.

    Parameters
    ----------
    connection
        Packets from and to the server; its end is the end of this process.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._environment = dict(os.environ)
        self._later: deque[str] = deque()

    def run(self) -> None:
        """Import everything, then serve until the server is gone."""
        import_everything()
        self._tasks = TaskCache()
        self._tasks.install()
        self._tasks.read_defaults()
        self._imported = ImportedFiles.now()
        _settle()
        # Children are waited for in this very loop: a handler wakes it, and does nothing else.
        wakes, woken = socket.socketpair()
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._private = (wakes, woken)
        self._tell(ready=True)
        while True:
            readable, _, _ = select.select([self._connection, wakes], [], [], 0 if self._later else None)
            if not readable:
                self._import_more()
            if wakes in readable:
                wakes.recv(4096)
            self._tell_ended()
            if self._connection in readable and not self._serve():
                return

    def _serve(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._connection, _LONGEST_MESSAGE, _MOST_DESCRIPTORS)
        if not data:
            return False
        if not descriptors:
            self._later.extend(Learned.model_validate_json(data).modules)
            return True
        request = ForkRequest.model_validate_json(data)
        stale = self._imported.changed() or differing_variables(self._environment, request.environment)
        if stale:
            self._tell(number=request.number, stale=stale)
            return False
        news, leading = os.pipe()
        pid = os.fork()
        if pid == 0:
            become_supervisor(request, descriptors, [self._connection, *self._private], (news, leading))
        os.close(leading)
        os.read(news, 1)  # it leads its group, or is gone: before that, whoever is told of it could not end the group
        for descriptor in (news, *descriptors):
            os.close(descriptor)
        self._tell(number=request.number, started=pid)
        return True

    def _import_more(self) -> None:
        """Import what comes next, for a moment."""
        began = time.monotonic()
        with importing.undisturbed():
            while self._later and time.monotonic() - began < _BUSY_SECONDS:
                name = self._later.popleft()
                try:
                    importlib.import_module(name)
                except Exception as error:  # noqa: BLE001  (whoever needs it will be told)
                    print(f"{name} could not be imported: {error}", file=sys.stderr)
        _settle()
        self._imported = ImportedFiles.now()

    def _tell_ended(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._tell(ended=pid, code=os.waitstatus_to_exitcode(status))

    def _tell(self, **message: Any) -> None:
        self._connection.send(json.dumps(message).encode())


def become_supervisor(
    request: ForkRequest, descriptors: list[int], private: list[socket.socket], leading: tuple[int, int]
) -> NoReturn:
    """Be the supervisor of an attempt, as if freshly started; in a forked child.

    Parameters
    ----------
    request
        What to run.
    descriptors
        The log, the socket from the server, and the locks of devices.
    private
        What belongs to the template alone.
    leading
        A pipe that is closed as soon as it leads a process group of its own.
    """
    code = 1
    try:
        os.setsid()
        for descriptor in leading:
            os.close(descriptor)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for own in private:
            own.close()
        log, server, *_locks = descriptors  # the locks hold as long as they are open here
        for standard in (1, 2):
            os.dup2(log, standard)
        os.close(log)
        os.environ.clear()
        os.environ.update(request.environment)
        os.chdir(request.job_dir)
        retitle("jupyter_lmms_eval.runner", request.job_dir, str(request.attempt))
        files = RunFiles(request.job_dir)
        spec = read_spec(files, request.attempt)
        code = Supervision(files, spec, server, start_rank=fork_rank(spec)).run()
    except BaseException as error:  # noqa: BLE001  (a child must never go on as the template)
        print(f"the evaluation could not be started: {type(error).__name__}: {error}", file=sys.stderr)
    startup.leave(code)


def _settle() -> None:
    """Make what was imported fit for forks.

    Raises
    ------
    SystemExit
        If it cannot be: a child has none of the threads, and waits for ever for what they hold.
    """
    gc.freeze()  # children need not look through all of this for garbage, nor copy its pages
    if others := threading.active_count() - 1:
        raise SystemExit(f"{others} threads were started by an import: forks would not be safe")


def import_everything() -> None:
    """Import what every evaluation needs, and what most need when they build a model, score and save."""
    with importing.undisturbed():
        startup.apply()
        for name in _IMPORTED:
            importlib.import_module(name)


def main() -> None:
    """Serve on the connection that was inherited."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    die_with(int(sys.argv[2]))
    # Where the arguments lie is found by the environment, which children replace.
    retitle(f"{__package__}.template", *sys.argv[1:])
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        Template(connection).run()
    # What interpreters do at their end takes a second, and children of ours may still run.
    startup.leave(0)


if __name__ == "__main__":
    main()
