"""A submitted job in a notebook: waited for, awaited, looked at."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, Literal

import httpx

from ..client import AsyncEvalClient, EvalClient, wording
from ..client.attempts import attempts
from ..client.progress import pace
from ..protocol.jobs import JobInfo, JobResults, JobStatus
from ..protocol.samples import SamplePage
from ..results import headline
from .markup import Html, card, code, lines, sentence
from .markup import Table as TextTable
from .scores import DIGITS, Scores

_POLL_SECONDS = 0.5
# Showing a handle must not hold up a notebook whose server is gone.
_SHOW_SECONDS = 2.0


class JobHandle:
    """A job on a server.

    Evaluations go on whatever becomes of the handle: it is a way to look at one.

    Parameters
    ----------
    client
        The job's server.
    job_id
        The job.
    notes
        Sentences to show with it.

    Examples
    --------
    >>> job = %lmms_eval_server submit --model dummy --tasks mme --limit 8
    >>> job.wait()      # or: await job
    >>> job.results
    """

    def __init__(self, client: EvalClient, job_id: str, notes: Sequence[str] = ()) -> None:
        self.client = client
        self.job_id = job_id
        self.notes = tuple(notes)
        self._last: JobInfo | None = None

    @property
    def info(self) -> JobInfo:
        """Everything the server knows about the job now."""
        self._last = JobInfo.model_validate(self.client.get_job(self.job_id))
        return self._last

    @property
    def status(self) -> str:
        """``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``."""
        return self.info.status.value

    @property
    def results(self) -> Scores:
        """The scores of the completed job, or the partial ones of a job that was told to finish early.

        Raises
        ------
        EvalServerError
            If there are none, or not yet.
        """
        return Scores([(self.info, JobResults.model_validate(self.client.results(self.job_id)))])

    def wait(self, timeout: float | None = None, verbose: bool = True) -> JobHandle:
        """Wait until the job is completed; interrupting the cell ends the waiting, not the job.

        Parameters
        ----------
        timeout
            Seconds to wait in all; None for no limit.
        verbose
            Show a progress bar.

        Raises
        ------
        JobFailed
            If the job fails.
        JobCancelled
            If it is cancelled, also if it was told to finish early.
        TimeoutError
            If it is not over in time; it goes on.
        """
        job = self.client.wait_for_job(self.job_id, poll_interval=_POLL_SECONDS, timeout=timeout, verbose=verbose)
        self._last = JobInfo.model_validate(job)
        return self

    def __await__(self) -> Generator[Any, None, JobHandle]:
        """Wait in the notebook's event loop, without blocking other tasks."""
        return self._completed().__await__()

    async def _completed(self) -> JobHandle:
        async with AsyncEvalClient(self.client.base_url, token=self.client.credentials.handed_on) as client:
            job = await client.wait_for_job(self.job_id, poll_interval=_POLL_SECONDS, verbose=False)
        self._last = JobInfo.model_validate(job)
        return self

    def cancel(self, *, finish: bool = False) -> JobHandle:
        """Cancel the job; when this returns, its processes are gone.

        Parameters
        ----------
        finish
            Whether it shall score the samples that are answered first, and then end as ``cancelled`` with partial
            results. This returns at once.
        """
        self.client.cancel_job(self.job_id, finish=finish)
        return self

    def retry(self) -> JobHandle:
        """Run the finished job again, under its id; samples that were answered count."""
        self.client.retry_job(self.job_id)
        return self

    def samples(
        self,
        task: str | None = None,
        offset: int = 0,
        limit: int = 50,
        filter: Literal["all", "wrong", "right"] = "all",  # noqa: A002  (the word of the route)
        q: str = "",
    ) -> SamplePage:
        """Look at a page of the job's samples: answers while it runs, scores too when it is over.

        Parameters
        ----------
        task
            One of its tasks; None for the first that has samples. The page lists them all.
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
            If there are none, or not yet.
        """
        return SamplePage.model_validate(self.client.samples(self.job_id, task, offset, limit, filter, q))

    def logs(self, lines: int | None = None) -> str:
        """Return the job's log, or its last lines."""
        parts, offset = [], 0
        while (chunk := self.client.logs(self.job_id, offset))["text"]:
            parts.append(chunk["text"])
            offset = chunk["next_offset"]
        text = "".join(parts)
        return text if lines is None else "".join(text.splitlines(keepends=True)[-lines:])

    def follow(self) -> Iterator[str]:
        """Return the job's log piece by piece, until the job is over."""
        return self.client.follow_logs(self.job_id)

    def __repr__(self) -> str:
        job = self._shown()
        if job is None:
            return f"<JobHandle {self.job_id}>"
        text = f"Job {job.job_id[: wording.SHORT_ID]} {job.status.value}: {wording.title(job)} on "
        about = ", ".join(part for part in (_score(job), _note(job) if job.partial or not job.metrics else "") if part)
        first = text + ", ".join(job.request.tasks) + (f"; {about}" if about else "")
        return "\n".join([first, *attempts(job), *self.notes])

    def _repr_html_(self) -> str:
        """Show the job as it is now; useful also in a saved notebook, without a kernel."""
        job = self._shown()
        attach = sentence("Look at it again, from any notebook: ", code(f"%lmms_eval_server status {self.job_id}"))
        if job is None:
            return card(f"Job {self.job_id}", [], "The server does not answer now.", attach)
        scores = [
            [metric.task, metric.metric, *wording.score_parts(metric.value, metric.stderr, DIGITS)]
            for metric in job.metrics or []
        ]
        return card(
            sentence(f"Job {job.job_id[: wording.SHORT_ID]}  ", wording.status(job.status)),
            [
                ("Name", job.request.name or ""),
                ("Model", job.request.model),
                ("Tasks", ", ".join(job.request.tasks)),
                ("Limit", "" if job.request.limit is None else job.request.limit),
                ("Progress", _note(job)),
                ("Advice", job.failure.advice if job.failure else ""),
                ("Time", wording.duration(job, datetime.now(timezone.utc))),
                ("Attempts", lines(attempts(job))),
                ("Notes", lines([*job.warnings, *self.notes])),
            ],
            _scores(scores),
            attach,
        )

    def _shown(self) -> JobInfo | None:
        """Return the job as it is now, or as it was last seen if its server does not answer soon."""
        try:
            answer = self.client.client.get(f"{self.client.base_url}/jobs/{self.job_id}", timeout=_SHOW_SECONDS)
            self._last = JobInfo.model_validate(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError):
            return self._last
        return self._last


class JobHandles(list[JobHandle]):
    """Several jobs; waited for together."""

    def wait(self, verbose: bool = True) -> JobHandles:
        """Wait until all are completed; the first that is not raises."""
        for handle in self:
            handle.wait(verbose=verbose)
        return self

    def __await__(self) -> Generator[Any, None, JobHandles]:
        """Wait for all in the notebook's event loop."""
        for handle in self:
            yield from handle.__await__()
        return self

    @property
    def results(self) -> Scores:
        """The scores of all, in one table."""
        return Scores([(job.info, JobResults.model_validate(job.client.results(job.job_id))) for job in self])

    def __repr__(self) -> str:
        return "\n".join(repr(handle) for handle in self)

    def _repr_html_(self) -> str:
        return "".join(handle._repr_html_() for handle in self)


def _note(job: JobInfo) -> str:
    """Write how far a job is, why it waits, or why it failed."""
    if job.status is not JobStatus.RUNNING or job.progress is None:
        return wording.note(job)
    samples = wording.samples(job)
    known = wording.pace_of(job)
    parts = (samples and f"{samples} samples", wording.note(job), pace(known.model_dump()) if known else "")
    return ", ".join(part for part in parts if part)


def _score(job: JobInfo) -> str:
    """Write the score that stands for a job, by its name."""
    best = headline(job.metrics or [])
    return f"{best.metric} {wording.score([best], DIGITS)}" if best else ""


def _scores(rows: Sequence[Sequence[object]]) -> Html:
    if not rows:
        return Html("")
    columns = ("Task", "Metric", "Score", "Std. error")
    table = TextTable("Scores", columns, rows, right=columns[2:])
    return Html(table._repr_html_())


def jobs_table(jobs: Sequence[JobInfo], note: str = "") -> TextTable:
    """Show jobs as they are at this moment, and a sentence below."""
    return TextTable(
        "Jobs, newest first",
        ("Job", "Model", "Tasks", "Status", "Progress", "Score", "Time"),
        [
            (
                job.job_id[: wording.SHORT_ID],
                wording.title(job),
                ", ".join(job.request.tasks),
                wording.status(job.status),
                _note(job),
                _score(job),
                wording.duration(job, datetime.now(timezone.utc)),
            )
            for job in jobs
        ],
        right=("Time",),
        note=note,
        empty="No jobs yet; submit one with %lmms_eval_server submit --model ... --tasks ...",
    )
