"""The requests a server understands, as data: the same for a client that waits and one that awaits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from ..protocol.jobs import CancelMode


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes
    ----------
    method
        HTTP method.
    path
        Path below the server's base URL.
    params
        Query; a list repeats its name.
    json
        Body, if any.
    headers
        Headers beyond the usual ones.
    wait
        Seconds for which the server may keep its answer back.
    """

    method: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait: float | None = None

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments of httpx's ``request``."""
        given: dict[str, Any] = {}
        if self.params:
            given["params"] = self.params
        if self.json is not None:
            given["json"] = self.json
        if self.headers:
            given["headers"] = self.headers
        if self.wait is not None:
            given["timeout"] = httpx.Timeout(self.wait + ANSWER_SECONDS, connect=CONNECT_SECONDS)
        return given


CONNECT_SECONDS = 10.0
# Beyond the time for which an answer is kept back.
ANSWER_SECONDS = 30.0
# The longest that a server keeps an answer back.
LONGEST_WAIT = 60.0
# The first look at the media of a task loads its dataset.
MEDIA_SECONDS = 90.0
# A log may be silent for as long as a model takes to load; only connecting is bounded (seconds).
FOLLOW_TIMEOUT = httpx.Timeout(None, connect=CONNECT_SECONDS)
# Three heartbeats that did not come: the server, or the way to it, is gone without a word.
EVENTS_TIMEOUT = httpx.Timeout(45.0, connect=CONNECT_SECONDS)

HEALTH = Call("GET", "/health")
TASKS = Call("GET", "/tasks")
MODELS = Call("GET", "/models")
QUEUE = Call("GET", "/queue")
DEVICES = Call("GET", "/devices")


def find_tasks(
    words: str, kind: str | None, output_type: str | None, dataset: str | None, limit: int | None, offset: int
) -> Call:
    """Search for tasks, and ask what is known of them."""
    given = {"q": words or None, "kind": kind, "output_type": output_type, "dataset": dataset, "limit": limit}
    params = {name: value for name, value in given.items() if value is not None}
    return Call("GET", "/tasks", params={**params, "offset": offset, "details": "true"})


def task(name: str) -> Call:
    """Ask what is known of a task."""
    return Call("GET", f"/tasks/{quote(name, safe='')}")


def find_models(words: str) -> Call:
    """Search for models."""
    return Call("GET", "/models", params={"q": words})


def model(name: str) -> Call:
    """Ask what is known of a model."""
    return Call("GET", f"/models/{quote(name, safe='')}")


def free(devices: Sequence[str] | None) -> Call:
    """Take models out of the memory of devices, or of all."""
    return Call("POST", "/devices/free", params={} if devices is None else {"device": list(devices)})


def evaluate(payload: dict[str, Any], idempotency_key: str | None = None) -> Call:
    """Submit an evaluation; with a key, once only."""
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    return Call("POST", "/evaluate", json=payload, headers=headers)


def job(job_id: str) -> Call:
    """Ask for a job."""
    return Call("GET", _job_path(job_id))


def cancel(job_id: str, finish: bool) -> Call:
    """Cancel a job, or let it score what is answered and end."""
    return Call("DELETE", _job_path(job_id), params={"mode": CancelMode.FINISH.value} if finish else {})


def retry(job_id: str, keep_answers: bool, secret_fields: Mapping[str, Any]) -> Call:
    """Put a finished job back into the queue; fields that are None are not given."""
    given = {name: value for name, value in secret_fields.items() if value is not None}
    params = {"keep_answers": str(keep_answers).lower()}
    return Call("POST", f"{_job_path(job_id)}/retry", params=params, json=given or None)


def job_with_other_status(job_id: str, status: str, wait: float) -> Call:
    """Ask for a job when its status is another one, or after some seconds."""
    return Call("GET", _job_path(job_id), params={"while": status, "wait": wait}, wait=wait)


def changes(since: int, wait: float | None = None) -> Call:
    """Ask for the jobs that changed after a revision, with ``wait`` as soon as there are any."""
    params = {"since": since} if wait is None else {"since": since, "wait": wait}
    return Call("GET", "/jobs", params=params, wait=wait)


def events(since: int | None) -> Call:
    """Ask for the stream of changes after a revision; None: from now on."""
    headers = {} if since is None else {"Last-Event-ID": str(since)}
    return Call("GET", "/events", headers={"Accept": "text/event-stream", **headers})


def jobs(
    status: str | Sequence[str] | None, model: str | None, task: str | None, limit: int | None, cursor: str | None
) -> Call:
    """Ask for a page of jobs."""
    # str() of an enum that is also a string is its name, so take its value.
    statuses = None if status is None else [status] if isinstance(status, str) else list(status)
    params = {
        "status": None if statuses is None else [getattr(one, "value", one) for one in statuses],
        "model": model,
        "task": task,
        "limit": limit,
        "cursor": cursor,
    }
    return Call("GET", "/jobs", params={name: value for name, value in params.items() if value is not None})


def logs(job_id: str, offset: int) -> Call:
    """Ask for a part of a job's log."""
    return Call("GET", f"{_job_path(job_id)}/logs", params={"offset": offset})


def follow_logs(job_id: str, offset: int) -> Call:
    """Ask for a job's log until the job ends."""
    return Call("GET", f"{_job_path(job_id)}/logs", params={"offset": offset, "follow": "true"})


def results(job_id: str) -> Call:
    """Ask for the outcome of a completed job."""
    return Call("GET", f"{_job_path(job_id)}/results")


def update(job_id: str, priority: int | None, name: str | None) -> Call:
    """Change a job; what is None stays."""
    given = {"priority": priority, "name": name}
    return Call("PATCH", _job_path(job_id), json={key: value for key, value in given.items() if value is not None})


def samples(job_id: str, task: str | None, offset: int, limit: int, which: str, words: str) -> Call:
    """Ask for a page of the samples of a job."""
    given = {"task": task, "offset": offset, "limit": limit, "filter": which, "q": words or None}
    params = {name: value for name, value in given.items() if value is not None}
    return Call("GET", f"{_job_path(job_id)}/samples", params=params)


def sample_media(job_id: str, task: str, doc_id: int) -> Call:
    """Ask which media a sample has."""
    return Call("GET", f"{_job_path(job_id)}/samples/{quote(task, safe='')}/{doc_id}/media", wait=MEDIA_SECONDS)


def read_media(job_id: str, task: str, doc_id: int, number: int) -> Call:
    """Ask for one of the media of a sample."""
    return Call("GET", f"{sample_media(job_id, task, doc_id).path}/{number}", wait=MEDIA_SECONDS)


def merge(checkpoint_path: str, output_path: str | None, checkpoint_type: str) -> Call:
    """Merge a sharded checkpoint."""
    body = {"checkpoint_path": checkpoint_path, "output_path": output_path, "checkpoint_type": checkpoint_type}
    return Call("POST", "/merge", json=body)


def _job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"
