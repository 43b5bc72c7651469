"""What a server offers, to a program that awaits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import httpx

from . import calls
from .connection import AsyncConnection
from .errors import EvalServerError
from .event_stream import EventStream
from .job_ids import complete, is_whole
from .options import EvaluateOptions, evaluate_payload
from .progress import display
from .waiting import Deadline, finished, left_to_sleep, may_be_back, next_look

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncEvalClient(AsyncConnection):
    """`EvalClient` for asyncio: the same methods, awaited.

    Parameters
    ----------
    base_url
        The server, ``http://host:port`` or ``http://any:TOKEN@host:port``; without it, the one that runs.
    timeout
        Seconds for a request; None waits for as long as it takes, once the server is reached.
    token
        The server's token; not needed for a server of yours on this machine.

    Raises
    ------
    NoServerRunning
        If no URL is given and no server runs.

    Examples
    --------
    >>> async with AsyncEvalClient() as client:
    ...     job = await client.evaluate(model="dummy", tasks=["mme"], limit=8)
    ...     await client.wait_for_job(job["job_id"])
    """

    async def health(self) -> dict[str, Any]:
        """See `EvalClient.health`."""
        return await self._request(calls.HEALTH)

    async def is_healthy(self) -> bool:
        """See `EvalClient.is_healthy`."""
        try:
            return (await self.health()).get("status") == "healthy"
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    async def list_tasks(self) -> list[str]:
        """See `EvalClient.list_tasks`."""
        return list((await self._request(calls.TASKS)).get("tasks", []))

    async def list_models(self) -> list[str]:
        """See `EvalClient.list_models`."""
        return list((await self._request(calls.MODELS)).get("models", []))

    async def find_tasks(
        self,
        words: str = "",
        *,
        kind: str | None = None,
        output_type: str | None = None,
        dataset: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """See `EvalClient.find_tasks`."""
        call = calls.find_tasks(words, kind, output_type, dataset, limit, offset)
        return list((await self._request(call))["details"])

    async def get_task(self, name: str) -> dict[str, Any]:
        """See `EvalClient.get_task`."""
        return await self._request(calls.task(name))

    async def find_models(self, words: str = "") -> list[str]:
        """See `EvalClient.find_models`."""
        return list((await self._request(calls.find_models(words)))["models"])

    async def get_model(self, name: str) -> dict[str, Any]:
        """See `EvalClient.get_model`."""
        return await self._request(calls.model(name))

    async def devices(self) -> list[dict[str, Any]]:
        """See `EvalClient.devices`."""
        return list((await self._request(calls.DEVICES)).get("devices", []))

    async def free(self, devices: Sequence[str] | None = None) -> list[str]:
        """See `EvalClient.free`."""
        return list((await self._request(calls.free(devices)))["freed"])

    async def evaluate(
        self,
        model: str,
        tasks: Sequence[str] | str,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[EvaluateOptions],
    ) -> dict[str, Any]:
        """See `EvalClient.evaluate`."""
        return await self._request(calls.evaluate(evaluate_payload(model, tasks, options), idempotency_key))

    async def get_job(self, job_id: str) -> dict[str, Any]:
        """See `EvalClient.get_job`."""
        return await self._request(calls.job(job_id))

    async def cancel_job(self, job_id: str, *, finish: bool = False) -> dict[str, Any]:
        """See `EvalClient.cancel_job`."""
        return await self._request(calls.cancel(job_id, finish))

    async def retry_job(
        self,
        job_id: str,
        keep_answers: bool = True,
        *,
        model_args: Mapping[str, Any] | str | None = None,
        gen_kwargs: Mapping[str, Any] | str | None = None,
        launcher_args: str | None = None,
    ) -> dict[str, Any]:
        """See `EvalClient.retry_job`."""
        given = {"model_args": model_args, "gen_kwargs": gen_kwargs, "launcher_args": launcher_args}
        return await self._request(calls.retry(job_id, keep_answers, given))

    async def changed_jobs(self, since: int, wait: float | None = None) -> dict[str, Any]:
        """See `EvalClient.changed_jobs`."""
        return await self._request(calls.changes(since, wait))

    async def events(self, since: int | None = None, patience: float = 60.0) -> AsyncIterator[dict[str, Any]]:
        """See `EvalClient.events`."""
        stream = EventStream(since, patience)
        while True:
            error = None
            try:
                async for text in self._stream(calls.events(stream.since), calls.EVENTS_TIMEOUT):
                    for event in stream.feed(text):
                        if event.kind == "job":
                            yield event.data
                        elif event.kind == "restarted":
                            async for job in self.iter_jobs():
                                yield job
            except httpx.TransportError as caught:
                error = caught
            await asyncio.sleep(stream.broke_off(error))

    async def list_jobs(
        self,
        status: str | Sequence[str] | None = None,
        model: str | None = None,
        task: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """See `EvalClient.list_jobs`."""
        return await self._request(calls.jobs(status, model, task, limit, cursor))

    async def iter_jobs(
        self,
        status: str | Sequence[str] | None = None,
        model: str | None = None,
        task: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """See `EvalClient.iter_jobs`."""
        cursor: str | None = None
        while True:
            page = await self.list_jobs(status, model, task, page_size, cursor)
            for job in page["jobs"]:
                yield job
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    async def resolve_job_id(self, prefix: str) -> str:
        """See `EvalClient.resolve_job_id`."""
        return prefix if is_whole(prefix) else complete(prefix, [job["job_id"] async for job in self.iter_jobs()])

    async def logs(self, job_id: str, offset: int = 0) -> dict[str, Any]:
        """See `EvalClient.logs`."""
        return await self._request(calls.logs(job_id, offset))

    async def follow_logs(self, job_id: str, offset: int = 0) -> AsyncIterator[str]:
        """See `EvalClient.follow_logs`."""
        async for text in self._stream(calls.follow_logs(job_id, offset)):
            yield text

    async def results(self, job_id: str) -> dict[str, Any]:
        """See `EvalClient.results`."""
        return await self._request(calls.results(job_id))

    async def update(self, job_id: str, *, priority: int | None = None, name: str | None = None) -> dict[str, Any]:
        """See `EvalClient.update`."""
        return await self._request(calls.update(job_id, priority, name))

    async def samples(
        self,
        job_id: str,
        task: str | None = None,
        offset: int = 0,
        limit: int = 50,
        filter: Literal["all", "wrong", "right"] = "all",  # noqa: A002  (the word of the route)
        q: str = "",
    ) -> dict[str, Any]:
        """See `EvalClient.samples`."""
        return await self._request(calls.samples(job_id, task, offset, limit, filter, q))

    async def sample_media(self, job_id: str, task: str, doc_id: int) -> list[dict[str, Any]]:
        """See `EvalClient.sample_media`."""
        return list((await self._request(calls.sample_media(job_id, task, doc_id)))["media"])

    async def read_media(self, job_id: str, task: str, doc_id: int, number: int = 0) -> bytes:
        """See `EvalClient.read_media`."""
        return await self._read(calls.read_media(job_id, task, doc_id, number))

    async def wait_for_job(
        self, job_id: str, poll_interval: float = 5.0, timeout: float | None = None, verbose: bool = True
    ) -> dict[str, Any]:
        """See `EvalClient.wait_for_job`."""
        shown = display(verbose)
        deadline = Deadline(job_id, poll_interval, timeout, shown.refresh)
        try:
            job = await self.get_job(job_id)
            while True:
                shown.show(job)
                if finished(job):
                    return job
                job = await self._look_again(job_id, job, deadline.pause())
        finally:
            shown.close()

    async def _look_again(self, job_id: str, job: dict[str, Any], pause: float) -> dict[str, Any]:
        call, began = next_look(job_id, job, pause), time.monotonic()
        if call is None:
            await asyncio.sleep(pause)
            return await self.get_job(job_id)
        try:
            found = await self._request(call)
        except (httpx.TransportError, EvalServerError) as error:
            if not may_be_back(error):
                raise
            await asyncio.sleep(pause)
            return await self.get_job(job_id)
        await asyncio.sleep(left_to_sleep(job, found, pause, time.monotonic() - began))
        return found

    async def get_queue_status(self) -> dict[str, Any]:
        """See `EvalClient.get_queue_status`."""
        return await self._request(calls.QUEUE)

    async def merge_checkpoint(
        self,
        checkpoint_path: str,
        output_path: str | None = None,
        checkpoint_type: Literal["regular", "ema"] = "regular",
    ) -> dict[str, Any]:
        """See `EvalClient.merge_checkpoint`."""
        return await self._request(calls.merge(checkpoint_path, output_path, checkpoint_type))
