"""What a server offers, to a program that waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import httpx

from . import calls
from .connection import Connection
from .errors import EvalServerError
from .event_stream import EventStream
from .job_ids import complete, is_whole
from .options import ExtraOptions, evaluate_payload
from .progress import display
from .waiting import Deadline, finished, left_to_sleep, may_be_back, next_look

if TYPE_CHECKING:
    from typing_extensions import Unpack


class EvalClient(Connection):
    """Client of an evaluation server; understands lmms-eval's own server as well.

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
    >>> client = EvalClient()
    >>> job = client.evaluate(model="dummy", tasks=["mme"], limit=8)
    >>> client.wait_for_job(job["job_id"])["result"]
    """

    def health(self) -> dict[str, Any]:
        """Ask whether the server works, and which one it is (`HealthResponse`)."""
        return self._request(calls.HEALTH)

    def is_healthy(self) -> bool:
        """Whether the server answers that it works."""
        try:
            return self.health().get("status") == "healthy"
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def list_tasks(self) -> list[str]:
        """List the names that a request may give as tasks."""
        return list(self._request(calls.TASKS).get("tasks", []))

    def list_models(self) -> list[str]:
        """List the names that a request may give as model."""
        return list(self._request(calls.MODELS).get("models", []))

    def find_tasks(
        self,
        words: str = "",
        *,
        kind: str | None = None,
        output_type: str | None = None,
        dataset: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Search for tasks, groups and tags; best first, each with what is known of it (`TaskDetails`).

        Parameters
        ----------
        words
            Each must occur in the name, the description or the dataset.
        kind
            Only ``task``, ``group`` or ``tag``.
        output_type
            Only tasks of it, such as ``generate_until``.
        dataset
            Only tasks whose dataset has this in its path or name.
        limit
            So many at most; None for all.
        offset
            Leave out so many at the beginning.
        """
        call = calls.find_tasks(words, kind, output_type, dataset, limit, offset)
        return list(self._request(call)["details"])

    def get_task(self, name: str) -> dict[str, Any]:
        """Tell what is known of a task, a group or a tag (`TaskDetails`)."""
        return self._request(calls.task(name))

    def find_models(self, words: str = "") -> list[str]:
        """Search for models by name, alias, class or its description; best first."""
        return list(self._request(calls.find_models(words))["models"])

    def get_model(self, name: str) -> dict[str, Any]:
        """Tell what the source of a model type says, such as its arguments (`ModelDetails`)."""
        return self._request(calls.model(name))

    def devices(self) -> list[dict[str, Any]]:
        """List the devices of the server's machine (each a `Device`)."""
        return list(self._request(calls.DEVICES).get("devices", []))

    def free(self, devices: Sequence[str] | None = None) -> list[str]:
        """Take models out of memory that stay there for the next job; running evaluations are not touched.

        Parameters
        ----------
        devices
            Identities of the devices, such as ``"cuda:0"``; None for all.

        Returns
        -------
        list of str
            The devices that are free by it.
        """
        return list(self._request(calls.free(devices))["freed"])

    def evaluate(
        self,
        model: str,
        tasks: Sequence[str] | str,
        model_args: dict[str, Any] | str | None = None,
        num_fewshot: int | None = None,
        batch_size: int | str | None = None,
        device: str | None = None,
        limit: float | None = None,
        gen_kwargs: str | dict[str, Any] | None = None,
        log_samples: bool = True,
        predict_only: bool = False,
        num_gpus: int = 1,
        output_dir: str | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[ExtraOptions],
    ) -> dict[str, Any]:
        """Submit an evaluation.

        Parameters
        ----------
        model
            Model type, for example ``qwen2_5_vl``.
        tasks
            Names of tasks, groups or tags.
        model_args
            Arguments of the model, as an object or as lmms-eval's ``key=value,key=value``.
        num_fewshot, batch_size, device, gen_kwargs, log_samples, predict_only
            As on lmms-eval's command line.
        limit
            First N samples of each task, or a fraction of it below 1.
        num_gpus
            Devices to use at once.
        output_dir
            Folder on the server that receives a copy of the results.
        idempotency_key
            Submitting again with the same key and the same request answers the first job instead of a second one.
        **options
            Any other field of `EvaluateRequest`, for example ``name``, ``priority``, ``seed``, ``repeats``. Its
            ``timeout`` is that of the job: seconds it may run, all attempts together.

        Returns
        -------
        dict
            ``job_id``, ``status``, ``position_in_queue``, ``message``, ``warnings`` (`JobSubmitResponse`).

        Raises
        ------
        EvalServerError
            If the server refuses; the message says why.
        TypeError
            If an option does not exist.
        """
        given = {
            "model_args": model_args,
            "num_fewshot": num_fewshot,
            "batch_size": batch_size,
            "device": device,
            "limit": limit,
            "gen_kwargs": gen_kwargs,
            "log_samples": log_samples,
            "predict_only": predict_only,
            "num_gpus": num_gpus,
            "output_dir": output_dir,
            **options,
        }
        return self._request(calls.evaluate(evaluate_payload(model, tasks, given), idempotency_key))

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Ask for a job: status, progress, result, error (`JobInfo`)."""
        return self._request(calls.job(job_id))

    def cancel_job(self, job_id: str, *, finish: bool = False) -> dict[str, Any]:
        """Cancel a job that waits or runs; cancelling it again changes nothing.

        Parameters
        ----------
        job_id
            The job.
        finish
            Whether it shall score the samples that are answered and then end: its status is ``cancelled`` too, but
            ``partial`` is true and `results` gives the scores. This answers at once; otherwise, when the job's
            processes are gone.

        Returns
        -------
        dict
            ``message`` (`CancelResponse`).
        """
        return self._request(calls.cancel(job_id, finish))

    def retry_job(
        self,
        job_id: str,
        keep_answers: bool = True,
        *,
        model_args: Mapping[str, Any] | str | None = None,
        gen_kwargs: Mapping[str, Any] | str | None = None,
        launcher_args: str | None = None,
    ) -> dict[str, Any]:
        """Run a finished job again under its id (`JobInfo`).

        Parameters
        ----------
        job_id
            The job.
        keep_answers
            Whether samples that were answered before count; otherwise the model is asked again.
        model_args, gen_kwargs, launcher_args
            As they were submitted, if they held secrets: the server deleted those when the job ended.
        """
        given = {"model_args": model_args, "gen_kwargs": gen_kwargs, "launcher_args": launcher_args}
        return self._request(calls.retry(job_id, keep_answers, given))

    def changed_jobs(self, since: int, wait: float | None = None) -> dict[str, Any]:
        """Ask for every job that changed after a revision (`JobList`).

        Parameters
        ----------
        since
            The ``revision`` of the answer before. An answer with a lower one comes from a restarted server, which
            counts anew: list the jobs again.
        wait
            Seconds, at most 60, to wait for a change; the answer comes as soon as there is one, and without jobs when
            there is none. None asks what has changed already.
        """
        return self._request(calls.changes(since, wait))

    def events(self, since: int | None = None, patience: float = 60.0) -> Iterator[dict[str, Any]]:
        """Hear of every change: each job that changed (`JobInfo`), in its present state, for as long as one listens.

        Parameters
        ----------
        since
            The ``revision`` after which changes are news; None: from now on.
        patience
            Seconds in which a server that ended must be back. The stream then goes on where it broke off; if the
            server counts anew, with all its jobs.

        Raises
        ------
        ServerUnreachable
            If it cannot be reached, or not again.
        """
        stream = EventStream(since, patience)
        while True:
            error = None
            try:
                for text in self._stream(calls.events(stream.since), calls.EVENTS_TIMEOUT):
                    for event in stream.feed(text):
                        if event.kind == "job":
                            yield event.data
                        elif event.kind == "restarted":
                            yield from self.iter_jobs()
            except httpx.TransportError as caught:
                error = caught
            time.sleep(stream.broke_off(error))

    def list_jobs(
        self,
        status: str | Sequence[str] | None = None,
        model: str | None = None,
        task: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """Ask for a page of jobs, newest first.

        Parameters
        ----------
        status, model, task
            Only jobs of this status (or of one of these), of this model, with this task.
        limit
            Jobs per page.
        cursor
            The ``next_cursor`` of the page before.

        Returns
        -------
        dict
            ``jobs`` and ``next_cursor`` (`JobList`).
        """
        return self._request(calls.jobs(status, model, task, limit, cursor))

    def iter_jobs(
        self,
        status: str | Sequence[str] | None = None,
        model: str | None = None,
        task: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Go through all jobs, newest first; pages are fetched as they are reached.

        The first three parameters are those of `list_jobs`; ``page_size`` is its ``limit``.
        """
        cursor: str | None = None
        while True:
            page = self.list_jobs(status, model, task, page_size, cursor)
            yield from page["jobs"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def resolve_job_id(self, prefix: str) -> str:
        """Complete an abbreviated job id.

        Parameters
        ----------
        prefix
            The beginning of an id, or all of it.

        Returns
        -------
        str
            The whole id.

        Raises
        ------
        UnknownJob
            If none or several jobs match.
        """
        return prefix if is_whole(prefix) else complete(prefix, (job["job_id"] for job in self.iter_jobs()))

    def logs(self, job_id: str, offset: int = 0) -> dict[str, Any]:
        """Read a part of a job's log (`LogChunk`); ``offset`` is the byte to start at, negative from the end."""
        return self._request(calls.logs(job_id, offset))

    def follow_logs(self, job_id: str, offset: int = 0) -> Iterator[str]:
        """Read a job's log as it grows, until the job ends; ``offset`` is that of `logs`."""
        yield from self._stream(calls.follow_logs(job_id, offset))

    def results(self, job_id: str) -> dict[str, Any]:
        """Ask for the parsed outcome of a completed job (`JobResults`).

        A job that was told to finish early has one too, with ``partial`` true.

        Raises
        ------
        EvalServerError
            With status 409 while there is none, with 410 if its files are gone.
        """
        return self._request(calls.results(job_id))

    def update(self, job_id: str, *, priority: int | None = None, name: str | None = None) -> dict[str, Any]:
        """Give a queued job another priority, or any job another name (`JobInfo`).

        Parameters
        ----------
        job_id
            The job.
        priority
            Higher starts first. None: as it is.
        name
            For people. None: as it is.

        Raises
        ------
        EvalServerError
            With status 409 if the priority of a job is to be changed that is not queued; nothing is changed then.
        """
        return self._request(calls.update(job_id, priority, name))

    def samples(
        self,
        job_id: str,
        task: str | None = None,
        offset: int = 0,
        limit: int = 50,
        filter: Literal["all", "wrong", "right"] = "all",  # noqa: A002  (the word of the route)
        q: str = "",
    ) -> dict[str, Any]:
        """Look at the samples of a job: answers while it runs, scores too when it is over (`SamplePage`).

        Parameters
        ----------
        job_id
            The job.
        task
            One of its tasks; None for the first that has samples. The answer lists them all.
        offset
            Leave out so many of those that match.
        limit
            So many at most; 200 is the most.
        filter
            Only those with full marks (``right``), or without (``wrong``).
        q
            A text that occurs in question, answer or target, in whatever case.

        Raises
        ------
        EvalServerError
            With status 409 if there are none (yet), 410 if their files are gone, 404 for an unknown task.
        """
        return self._request(calls.samples(job_id, task, offset, limit, filter, q))

    def sample_media(self, job_id: str, task: str, doc_id: int) -> list[dict[str, Any]]:
        """List the pictures, videos and sounds of a sample (each a `SampleMedia`); `read_media` gives one.

        The first look at a task takes some seconds.
        """
        return list(self._request(calls.sample_media(job_id, task, doc_id))["media"])

    def read_media(self, job_id: str, task: str, doc_id: int, number: int = 0) -> bytes:
        """Return one of the media of a sample: an encoded picture, a WAV file, a video file."""
        return self._read(calls.read_media(job_id, task, doc_id, number))

    def wait_for_job(
        self, job_id: str, poll_interval: float = 5.0, timeout: float | None = None, verbose: bool = True
    ) -> dict[str, Any]:
        """Wait until a job is completed.

        Parameters
        ----------
        job_id
            The job.
        poll_interval
            Seconds between two looks, at most; a progress bar looks every second. That the job is over is heard at
            once, if the server can tell.
        timeout
            Seconds to wait in all; None or 0 for no limit.
        verbose
            Show progress: a bar in terminals and notebooks, lines elsewhere.

        Returns
        -------
        dict
            The completed job (`JobInfo`).

        Raises
        ------
        JobFailed
            If the job fails.
        JobCancelled
            If the job is cancelled, also if it was told to finish early: its scores are not those that were asked for.
        TimeoutError
            If it is not over in time.
        """
        shown = display(verbose)
        deadline = Deadline(job_id, poll_interval, timeout, shown.refresh)
        try:
            job = self.get_job(job_id)
            while True:
                shown.show(job)
                if finished(job):
                    return job
                job = self._look_again(job_id, job, deadline.pause())
        finally:
            shown.close()

    def _look_again(self, job_id: str, job: dict[str, Any], pause: float) -> dict[str, Any]:
        call, began = next_look(job_id, job, pause), time.monotonic()
        if call is None:
            time.sleep(pause)
            return self.get_job(job_id)
        try:
            found = self._request(call)
        except (httpx.TransportError, EvalServerError) as error:
            if not may_be_back(error):
                raise
            time.sleep(pause)
            return self.get_job(job_id)
        time.sleep(left_to_sleep(job, found, pause, time.monotonic() - began))
        return found

    def get_queue_status(self) -> dict[str, Any]:
        """Ask what waits and what runs (`QueueStatusResponse`)."""
        return self._request(calls.QUEUE)

    def merge_checkpoint(
        self,
        checkpoint_path: str,
        output_path: str | None = None,
        checkpoint_type: Literal["regular", "ema"] = "regular",
    ) -> dict[str, Any]:
        """Merge a sharded FSDP2 checkpoint into one.

        Parameters
        ----------
        checkpoint_path
            Folder of the sharded checkpoint, on the server.
        output_path
            Folder for the merged one; None: beside the sharded one.
        checkpoint_type
            ``regular`` or ``ema``.

        Returns
        -------
        dict
            ``success``, ``message``, ``merged_path`` (`MergeResponse`).
        """
        return self._request(calls.merge(checkpoint_path, output_path, checkpoint_type))
