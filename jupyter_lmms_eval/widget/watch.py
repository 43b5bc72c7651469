"""What a server is asked, how often, and what is made of its answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import ValidationError

from ..client import EvalClient, EvalServerError
from ..protocol.jobs import JobInfo, JobStatus
from ..protocol.server import Device
from .tails import Tails

PATIENCE = 10.0  # seconds that a server may take to answer


@dataclass(frozen=True)
class Pace:
    """How often a server is asked, in seconds.

    Attributes
    ----------
    busy
        Between two questions for jobs while one is unfinished.
    idle
        The same while none is.
    devices
        Between two questions for devices while a job runs.
    idle_devices
        The same while none does.
    identity
        Between two questions whether it is still the same server.
    longest
        The longest pause while nothing answers.
    """

    busy: float = 1.0
    idle: float = 2.0
    devices: float = 2.0
    idle_devices: float = 10.0
    identity: float = 30.0
    longest: float = 30.0


@dataclass(frozen=True)
class News:
    """What was heard at once.

    Attributes
    ----------
    jobs
        Jobs that changed.
    everything
        Whether these are all jobs there are.
    devices
        The devices; None if they were not asked for.
    trouble
        Why nothing was heard, in a sentence; empty if the server answered.
    url
        The server.
    logs
        For each watched job its new text, where it begins and whether it is complete.
    """

    jobs: list[JobInfo] = field(default_factory=list)
    everything: bool = False
    devices: list[Device] | None = None
    trouble: str = ""
    url: str = ""
    logs: list[dict[str, Any]] = field(default_factory=list)


class Watch:
    """What is known of a server, and the questions that bring it up to date.

    Parameters
    ----------
    connect
        Makes a client, anew after each failure: a restarted server has another token or another port.
    newest
        Jobs to ask for at first.
    pace
        How often to ask.
    """

    def __init__(self, connect: Callable[[], EvalClient], newest: int, pace: Pace) -> None:
        self._connect = connect
        self._newest = newest
        self._pace = pace
        self._client: EvalClient | None = None
        self._revision: int | None = None
        self._server_id: str | None = None
        self._token: str | None = None
        self._devices_at = self._identity_at = float("-inf")
        self._unfinished: dict[str, JobStatus] = {}
        self._failures = 0
        self.tails = Tails()

    @property
    def pause(self) -> float:
        """Seconds until the next questions."""
        if self._failures:
            return float(min(self._pace.longest, self._pace.busy * 2 ** min(self._failures - 1, 10)))
        return self._pace.busy if self._unfinished or self.tails.open else self._pace.idle

    def open(self) -> EvalClient:
        """Return the client, a new one if there is none.

        Raises
        ------
        NoServerRunning
            If no server is known and none is found.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def ask(self) -> News:
        """Ask what is due; never raises for a server that fails."""
        try:
            news = self._questions(self.open())
        except (OSError, httpx.HTTPError, ValidationError) as error:  # NoServerRunning is an OSError
            self._failures += 1
            url = self._client.base_url if self._client else ""
            self.close()
            return News(trouble=_sentence(error, url), url=url)
        self._failures = 0
        return news

    def close(self) -> None:
        """Close the connections; the next question opens others."""
        if self._client is not None:
            self._client.close()
        self._client = None
        # Whatever answers next may be another server.
        self._identity_at = self._devices_at = float("-inf")

    def _questions(self, client: EvalClient) -> News:
        now = time.monotonic()
        if client.credentials.token != self._token:  # it was found anew, as that of a server that was started anew
            self._token, self._identity_at = client.credentials.token, float("-inf")
        if now - self._identity_at >= self._pace.identity:
            server_id = str(client.health().get("server_id", ""))
            if server_id != self._server_id:
                self._server_id, self._revision = server_id, None
            self._identity_at = now
        jobs, everything = self._jobs(client)
        self._note(jobs, everything)
        devices = None
        running = JobStatus.RUNNING in self._unfinished.values()
        if now - self._devices_at >= (self._pace.devices if running else self._pace.idle_devices):
            devices = [Device.model_validate(device) for device in client.devices()]
            self._devices_at = now
        return News(jobs, everything, devices, url=client.base_url, logs=self.tails.read(client))

    def _jobs(self, client: EvalClient) -> tuple[list[JobInfo], bool]:
        if self._revision is not None:
            answer = client.changed_jobs(self._revision)
            if answer.get("revision", 0) >= self._revision:
                self._revision = answer["revision"]
                return [JobInfo.model_validate(job) for job in answer["jobs"]], False
        # The revision of the first page: what changes while the others are read is told again.
        page = client.list_jobs(limit=min(self._newest, 500))
        self._revision = page.get("revision")
        found = page["jobs"]
        while (cursor := page.get("next_cursor")) is not None and len(found) < self._newest:
            page = client.list_jobs(limit=min(self._newest - len(found), 500), cursor=cursor)
            found += page["jobs"]
        return [JobInfo.model_validate(job) for job in found], True

    def _note(self, jobs: list[JobInfo], everything: bool) -> None:
        if everything:
            self._unfinished.clear()
        before = dict(self._unfinished)
        for job in jobs:
            if job.status.finished:
                self._unfinished.pop(job.job_id, None)
            else:
                self._unfinished[job.job_id] = job.status
        if before != self._unfinished:
            self._devices_at = float("-inf")  # who holds which device has changed


def _sentence(error: Exception, url: str) -> str:
    if isinstance(error, EvalServerError) and error.status_code == httpx.codes.NOT_FOUND:
        return f"The server at {url} cannot list its jobs; it is not one of this package."
    if isinstance(error, httpx.TimeoutException):
        return f"The server at {url} takes longer than {PATIENCE:.0f} s to answer."
    if isinstance(error, httpx.TransportError) and not str(error).startswith("No evaluation server"):
        return f"The connection to the server at {url} broke: start it again with `%lmms_eval_server start`."
    if isinstance(error, ValidationError):
        return f"What answers at {url} does not speak as this package expects: are both of the same version?"
    return str(error)
