"""The faults, each caused for real by a function that says to whom, or that there was nobody."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from jupyter_lmms_eval.protocol.run import RunFiles

from .folders import Folders
from .keeper import Keeper
from .memory import Memory
from .plan import Planned
from .processes import RANK, SUPERVISOR, describe, is_of, left_of, processes_of, running_module, waits

# A stopped rank that nobody ended for so long hung where hanging is not watched: loading and scoring.
_RESUME_SECONDS = 90.0
_SUBMITTERS = 8
# An evaluation that could stay is over within so long, or there is none; and so often new ones are looked for.
_WAITS_WITHIN_SECONDS, _LOOK_AGAIN_SECONDS = 6.0, 0.3


@dataclass
class Scene:
    """What a fault finds.

    Attributes
    ----------
    folders
        Where everything lies.
    keeper
        Has the server.
    memory
        What the harness knows.
    dice
        The run's chance.
    another
        Gives a planned job that was not submitted yet, or none.
    give_back
        Takes a planned job that is still to be submitted.
    most_cancelled
        So many jobs may be cancelled, so that enough are left to be completed.
    """

    folders: Folders
    keeper: Keeper
    memory: Memory
    dice: random.Random
    another: Callable[[], Planned | None]
    give_back: Callable[[Planned], None]
    most_cancelled: int

    def processes(self, module: str) -> list[tuple[psutil.Process, Path]]:
        """Return the processes of one kind, each with its job's directory."""
        return list(running_module(processes_of(self.folders.state), module))

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the jobs that wait or run."""
        page = self.keeper.rest.get("/jobs", status=["queued", "running"], limit=200)
        return list(page["jobs"])


# Says what was done to whom; None if there was nothing to do it to.
Fault = Callable[[Scene], "str | None"]


# ------------------------------------------------------------------------------------------- the server


def server_killed(scene: Scene) -> str | None:
    """SIGKILL to the server, which comes back at once or a little later."""
    scene.keeper.kill()
    return _come_back(scene)


def server_and_supervisors_killed(scene: Scene) -> str | None:
    """SIGKILL to the server and to every supervisor in the same moment: nobody is left to take the ranks down."""
    if not scene.processes(SUPERVISOR):
        return None
    scene.keeper.kill(with_supervisors=True)
    return _come_back(scene)


def server_restarted(scene: Scene) -> str | None:
    """SIGINT to the server, as a person's Ctrl-C."""
    scene.keeper.stop()
    scene.keeper.start()
    return "by SIGINT"


def database_damaged(scene: Scene) -> str | None:
    """The database is damaged while the server is down; it must be set aside and made anew."""
    scene.keeper.kill()
    database = scene.folders.state / "jobs.sqlite"
    parts = [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
    kind = scene.dice.choice(("header", "emptied", "deleted", "log lost"))
    before = len(list(database.parent.glob("jobs.sqlite.damaged-*")))
    for part in parts:
        if not part.exists() or (kind == "log lost" and part == database):
            continue
        if kind == "header":
            with part.open("r+b") as file:
                file.write(scene.dice.randbytes(200))
        elif kind == "emptied":
            os.truncate(part, 0)
        else:
            part.unlink()
    scene.keeper.start()
    aside = len(list(database.parent.glob("jobs.sqlite.damaged-*"))) > before
    if kind in ("header", "emptied") and not aside:
        scene.memory.incident(f"a database whose files were damaged ({kind}) was not set aside")
    return kind


def _come_back(scene: Scene) -> str:
    pause = scene.dice.choice((0.0, scene.dice.uniform(0, 2)))
    time.sleep(pause)
    scene.keeper.start()
    return f"back after {pause:.1f} s"


# ------------------------------------------------------------------------------------------- evaluations


def supervisor_killed(scene: Scene) -> str | None:
    """SIGKILL to the supervisor of an evaluation."""
    return _signalled(scene, SUPERVISOR, lambda process: process.kill())


def rank_killed(scene: Scene) -> str | None:
    """SIGKILL to a rank, as the kernel does when memory is short."""
    return _signalled(scene, RANK, lambda process: process.kill())


def group_terminated(scene: Scene) -> str | None:
    """SIGTERM to a whole evaluation by a stranger."""
    return _signalled(scene, SUPERVISOR, lambda process: os.killpg(process.pid, signal.SIGTERM))


def rank_stopped(scene: Scene) -> str | None:
    """SIGSTOP to a rank that answers: it hangs, and must be noticed, ended and tried again."""
    answering = [found for found in scene.processes(RANK) if _phase(found[1]) == "answering"]
    if not answering:
        return None
    process, job_dir = scene.dice.choice(answering)
    try:
        process.suspend()
    except psutil.NoSuchProcess:
        return None
    threading.Thread(target=_resume_in_the_end, args=(process, scene.memory), daemon=True).start()
    return f"{process.pid} of {job_dir.name}"


def rank_in_waiting_killed(scene: Scene) -> str | None:
    """SIGKILL to a process that waits with a model in memory, about when it begins to wait or is given a job."""
    return _killed_in_waiting(scene, RANK)


def supervisor_in_waiting_killed(scene: Scene) -> str | None:
    """SIGKILL to the supervisor of a process that waits with a model in memory, in the same moments."""
    return _killed_in_waiting(scene, SUPERVISOR)


def _killed_in_waiting(scene: Scene, module: str) -> str | None:
    """Watch the evaluations until one waits: while others are queued, that may be for a thousandth of a second."""
    until = time.monotonic() + _WAITS_WITHIN_SECONDS
    while time.monotonic() < until:
        watched = [process for process in processes_of(scene.folders.state) if is_of(process, module)]
        again = time.monotonic() + _LOOK_AGAIN_SECONDS
        while time.monotonic() < again:
            for process in filter(waits, watched):
                pause = scene.dice.choice((0.0, scene.dice.uniform(0, 0.05)))
                time.sleep(pause)
                with suppress(psutil.NoSuchProcess):  # it had to go just before
                    process.kill()
                    return f"{process.pid}, {pause * 1000:.0f} ms after it was seen to wait"
            time.sleep(0.001)
    return None


def _signalled(scene: Scene, module: str, send: Callable[[psutil.Process], None]) -> str | None:
    found = scene.processes(module)
    if not found:
        return None
    process, job_dir = scene.dice.choice(found)
    phase = _phase(job_dir)
    try:
        send(process)
    except (psutil.NoSuchProcess, ProcessLookupError):  # it ended just before
        return None
    return f"{process.pid} of {job_dir.name}, {phase or 'starting'}"


def _phase(job_dir: Path) -> str | None:
    """Read the phase of an evaluation's first rank."""
    with suppress(OSError, ValueError):
        events = [json.loads(line) for line in RunFiles(job_dir).events.read_text().splitlines()]
        phases = [event["phase"] for event in events if event["event"] == "phase" and not event.get("rank")]
        return str(phases[-1]) if phases else None
    return None


def _resume_in_the_end(process: psutil.Process, memory: Memory) -> None:
    began = time.monotonic()
    while left_of([process]) and time.monotonic() - began < _RESUME_SECONDS:
        time.sleep(0.1)
    if not left_of([process]):
        memory.took("rank stopped until it is ended", time.monotonic() - began)
        return
    memory.took("rank stopped and resumed by hand", _RESUME_SECONDS)
    print(f"    not ended for {_RESUME_SECONDS:.0f} s, resumed: {describe(process)}", flush=True)
    with suppress(psutil.NoSuchProcess):
        process.resume()


# ------------------------------------------------------------------------------------------- clients


def client_disconnected(scene: Scene) -> str | None:
    """A client goes away in the middle of its submission, or before the answer; later it tries again."""
    job = scene.another()
    if job is None:
        return None
    scene.memory.begun(job)
    body = json.dumps(job.request(scene.folders.asked)).encode()
    head = (
        f"POST /evaluate HTTP/1.1\r\nHost: 127.0.0.1:{scene.keeper.port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {scene.keeper.token}\r\nIdempotency-Key: {job.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    sent = head + body
    if scene.dice.random() < 0.5:
        sent = sent[: scene.dice.randrange(1, len(sent))]
        scene.memory.half(job.key)
    else:
        scene.memory.whole(job.key)
    try:
        with socket.create_connection(("127.0.0.1", scene.keeper.port), timeout=10) as connection:
            if scene.dice.random() < 0.5:  # a reset instead of an orderly end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(sent)
    finally:
        scene.give_back(job)
    return f"{job.key}, {len(sent)} of {len(head + body)} bytes sent"


def duplicate_submits(scene: Scene) -> str | None:
    """Several clients submit the same job with the same key in the same moment."""
    job = scene.another()
    if job is None:
        if not scene.memory.planned:
            return None
        job = scene.dice.choice(list(scene.memory.planned.values()))  # a job of long ago
    scene.memory.begun(job)
    request = job.request(scene.folders.asked)
    gate = threading.Barrier(_SUBMITTERS)

    def submit(_: int) -> None:
        gate.wait()
        answer = scene.keeper.rest.submit(job.key, request)
        scene.memory.answered(job.key, answer["job_id"], created=answer["created"])

    scene.memory.whole(job.key)
    with ThreadPoolExecutor(_SUBMITTERS) as clients:
        list(clients.map(submit, range(_SUBMITTERS)))
    return job.key


def job_cancelled(scene: Scene) -> str | None:
    """A person cancels a job that waits or runs, with or without its scores."""
    job = _to_cancel(scene)
    return None if job is None else f"{_cancel(scene, job['job_id'])}, was {job['status']}"


def server_killed_while_cancelling(scene: Scene) -> str | None:
    """SIGKILL to the server in the middle of a cancellation: it counts wholly or not at all."""
    job = _to_cancel(scene)
    if job is None:
        return None
    told: list[str] = []
    person = threading.Thread(target=lambda: told.append(_cancel(scene, job["job_id"], insist=False)))
    moment = scene.dice.choice((0.005, 0.02, 0.5)) * scene.dice.random()

    def begin() -> None:
        person.start()
        time.sleep(moment)

    scene.keeper.kill(just_before=begin)
    person.join()
    scene.keeper.start()
    return f"after {moment * 1000:.0f} ms, {told[0]}, was {job['status']}"


def cancelled_again(scene: Scene) -> str | None:
    """A person cancels a job that was cancelled before."""
    if not scene.memory.cancels:
        return None
    return _cancel(scene, scene.dice.choice(sorted(scene.memory.cancels)))


def _to_cancel(scene: Scene) -> dict[str, Any] | None:
    if len(scene.memory.cancels) >= scene.most_cancelled:
        return None
    jobs = scene.unfinished()
    # Those with answers to score are few, and the more interesting ones.
    answered = [job for job in jobs if _has_answers(Path(job["job_dir"]))]
    chosen = answered if answered and scene.dice.random() < 0.7 else jobs
    return scene.dice.choice(chosen) if chosen else None


def _has_answers(job_dir: Path) -> bool:
    journal = RunFiles(job_dir).journal
    return journal.exists() and journal.stat().st_size > 0


def _cancel(scene: Scene, job_id: str, *, insist: bool = True) -> str:
    mode = scene.dice.choice(("abort", "finish"))
    scene.memory.cancelling(job_id, mode)
    confirmed_before = job_id in scene.memory.aborted
    send = scene.keeper.rest.until_answered if insist else scene.keeper.rest.once
    response = send("DELETE", f"/jobs/{job_id}", params={"mode": mode})
    if response is None:
        return f"{job_id} ({mode}) was not answered"
    if response.status_code == 200:
        if mode == "abort":
            scene.memory.confirmed(job_id)
    elif response.status_code != 400 or confirmed_before:  # 400: it came to its end before
        scene.memory.incident(f"cancelling {job_id} ({mode}) answered {response.status_code}: {response.text}")
    return f"{job_id} ({mode}) answered {response.status_code}"


# ------------------------------------------------------------------------------------------- files

_GARBAGE = (
    b"\x00\xff\xfe\n",
    b'{"key": "torn in the mid',
    b"[" * 5000 + b"\n",
    b'{"key": 1}\nnull\n"text"\n\n',
    "\u2028 caf\xe9 ".encode("latin-1", "replace") * 500 + b"\n",
)


def journal_garbage(scene: Scene) -> str | None:
    """Garbage is appended to the journal of an unfinished job."""
    soiled = [Path(job["job_dir"]) for job in scene.unfinished()]
    journals = [RunFiles(job_dir).journal for job_dir in soiled if RunFiles(job_dir).journal.exists()]
    if not journals:
        return None
    journal = scene.dice.choice(journals)
    scene.memory.soiled(str(journal.parent))
    with journal.open("ab", buffering=0) as file:
        file.write(scene.dice.choice(_GARBAGE))
    return journal.parent.name


# How often each comes, against the others: those that cost everyone's work come less often.
FAULTS: dict[Fault, int] = {
    server_killed: 3,
    server_and_supervisors_killed: 2,
    server_restarted: 1,
    database_damaged: 1,
    supervisor_killed: 2,
    rank_killed: 3,
    group_terminated: 2,
    rank_stopped: 2,
    rank_in_waiting_killed: 2,
    supervisor_in_waiting_killed: 2,
    client_disconnected: 3,
    duplicate_submits: 3,
    job_cancelled: 4,
    server_killed_while_cancelling: 2,
    cancelled_again: 2,
    journal_garbage: 3,
}


def name_of(fault: Fault) -> str:
    """Name a fault for people."""
    return fault.__name__.replace("_", " ")
