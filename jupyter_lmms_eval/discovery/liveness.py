"""Whether a recorded server still lives."""

from __future__ import annotations

import json
from enum import Enum

from ..protocol.server import ServerRecord
from .certificate import trusting
from .identity import ProcessIdentity, process_create_time

__all__ = ["Answer", "Liveness", "ask", "judge", "liveness", "process_create_time", "process_lives"]


class Liveness(Enum):
    """What is known about a recorded server."""

    ALIVE = "alive"
    BUSY = "busy"
    GONE = "gone"


class Answer(Enum):
    """How ``/health`` answered."""

    SAME_SERVER = "same server"
    OTHER_SERVER = "other server"
    NONE = "none"


def judge(process_lives: bool, answer: Answer) -> Liveness:
    """Decide from the evidence.

    A silent server is busy, not gone, as long as its process lives: it shares the interpreter lock of its kernel.

    Parameters
    ----------
    process_lives
        Whether the very process of the record is there.
    answer
        How ``/health`` answered at the recorded address.

    Returns
    -------
    Liveness
        The decision.
    """
    if not process_lives or answer is Answer.OTHER_SERVER:
        return Liveness.GONE
    return Liveness.ALIVE if answer is Answer.SAME_SERVER else Liveness.BUSY


def process_lives(record: ServerRecord) -> bool:
    """Whether the process that wrote the record is still there, and its number was not given to another.

    Parameters
    ----------
    record
        The record.

    Returns
    -------
    bool
        True if number and start time agree.
    """
    # Servers of before recorded only the time of the wall clock.
    return ProcessIdentity(record.pid, record.process_start or repr(record.create_time)).alive()


def ask(record: ServerRecord, timeout: float) -> Answer:
    """Ask the server at the recorded address who it is.

    Parameters
    ----------
    record
        The record; its token is sent to its own address only.
    timeout
        Seconds to wait for the answer.

    Returns
    -------
    Answer
        `Answer.NONE` for silence, a refused connection or a server error; `Answer.OTHER_SERVER` if something
        answers that is not the recorded server.
    """
    import httpx

    try:
        response = httpx.get(
            f"{record.url.rstrip('/')}/health",
            headers={"Authorization": f"Bearer {record.token}"} if record.token else {},
            timeout=timeout,
            trust_env=False,  # a proxy of the environment cannot know this machine's loopback
            verify=trusting(record.certificate) if record.certificate else True,
        )
        if response.status_code >= 500:
            return Answer.NONE
        body = response.json()
    except (httpx.HTTPError, httpx.InvalidURL):
        return Answer.NONE
    except (json.JSONDecodeError, UnicodeDecodeError):
        return Answer.OTHER_SERVER
    same = isinstance(body, dict) and body.get("server_id") == record.id
    return Answer.SAME_SERVER if same else Answer.OTHER_SERVER


def liveness(record: ServerRecord, timeout: float) -> Liveness:
    """Find out whether a recorded server lives.

    Parameters
    ----------
    record
        The record.
    timeout
        Seconds to wait for its answer; a dead process is not asked.

    Returns
    -------
    Liveness
        The decision of `judge`.
    """
    lives = process_lives(record)
    return judge(lives, ask(record, timeout) if lives else Answer.NONE)
