"""What may become a job: requests that can work, where there is room for them, each once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ..protocol.jobs import EvaluateRequest, JobInfo, JobStatus, RetryRequest
from ..protocol.secrets import holds_secrets, same_but_for_secrets, sealed_fields
from ..protocol.server import FieldError
from .catalog import CatalogCache
from .clock import now
from .errors import EngineError, InvalidRequest, KeyReused, QueueFull, SecretsNeeded, StorageFull
from .job_card import Submission
from .ledger import JobLedger
from .paths import with_absolute_paths
from .queueing import Job, JobQueue
from .settings import SchedulerSettings
from .state_dir import StateDir
from .storage import Storage
from .validation import Findings, examine
from .vault import Vault

# A request with more tasks is looked over in another thread.
MOST_AT_ONCE = 20


class Admission:
    """Makes stored jobs of requests, or says why not.

    Parameters
    ----------
    settings
        How much is let in, and what.
    state_dir
        Where the jobs' directories are to be.
    device_ids
        Identities of the devices there are.
    queue
        The jobs that wait.
    ledger
        Where the jobs are stored.
    vault
        Where their secrets are kept.
    catalog
        The tasks and models.
    expect
        Told of each job, by id and request, before it is stored.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        state_dir: StateDir,
        device_ids: Sequence[str],
        queue: JobQueue,
        ledger: JobLedger,
        vault: Vault,
        catalog: CatalogCache,
        expect: Callable[[str, EvaluateRequest], None],
    ) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._device_ids = device_ids
        self._queue = queue
        self._ledger = ledger
        self._vault = vault
        self._catalog = catalog
        self._expect = expect
        self._storage = Storage(state_dir.jobs, settings.max_stored_bytes)
        # Resolved once: every submission is held against them.
        self._task_folders = settings.task_folders
        # Submissions that are being stored, and count as if they waited.
        self._arriving = 0

    async def admit(self, request: EvaluateRequest, key: str | None = None) -> Job | JobInfo:
        """Store a job for an evaluation.

        Parameters
        ----------
        request
            The evaluation.
        key
            Idempotency key.

        Returns
        -------
        Job or JobInfo
            The new job, which is not in the queue yet; or what became of the one that the key made before.

        Raises
        ------
        KeyReused, InvalidRequest, CatalogUnavailable, DiskFull, StorageFull, QueueFull
            See `JobScheduler.submit`.
        """
        submission = None
        if key is not None:
            public, _ = await self._sealed(request)
            submission = Submission.of(key, public)
        try:
            job = await self._accept(request, submission)
        except EngineError:
            # What was accepted before is not refused now, whatever became of the tasks or of the disk.
            if submission and (known := await self._submitted_before(submission)):
                return known
            raise
        if job is not None:
            return job
        assert submission is not None  # noqa: S101  (only a key can be in the way)
        known = await self._submitted_before(submission)
        assert known is not None  # noqa: S101  (that is why nothing was added)
        return known

    def refuse_if_many_wait(self) -> None:
        """Take no further job into a queue that is long enough.

        Raises
        ------
        QueueFull
            If too many jobs wait.
        """
        if len(self._queue) + self._arriving >= self._settings.max_queued_jobs:
            raise QueueFull(self._settings.max_queued_jobs)

    def request_again(self, info: JobInfo, given: RetryRequest) -> tuple[EvaluateRequest, dict[str, object]]:
        """Return the request of a job that is tried again, with placeholders, and what they stand for; blocking.

        Raises
        ------
        InvalidRequest
            If what is given differs from its request in more than secrets.
        SecretsNeeded
            If it had secrets that are not given.
        """
        changes = given.model_dump(exclude_none=True)
        request, secrets = self._vault.seal(
            with_absolute_paths(info.request.model_copy(update=changes), Path.cwd()) if changes else info.request
        )
        if not same_but_for_secrets(request, info.request):
            names = " and ".join(changes)
            problem = f"{names}: a job is tried again as it was, with other secrets at most; submit a new job instead"
            raise InvalidRequest([FieldError(field=name, message=problem) for name in changes][:1])
        if missing := sealed_fields(request, secrets):
            raise SecretsNeeded(info.job_id, missing)
        return request, secrets

    async def _accept(self, request: EvaluateRequest, submission: Submission | None) -> Job | None:
        """Take in an evaluation that can work; None if its key was used before."""
        findings = await self._examine(request, fresh=False)
        if findings.errors:  # the task may be seconds old
            findings = await self._examine(request, fresh=True)
        if findings.errors:
            raise InvalidRequest(findings.errors)
        if request.unknown_fields:
            request = EvaluateRequest.model_validate(request.model_dump(exclude=set(request.unknown_fields)))
        request = with_absolute_paths(request.model_copy(update={"tasks": findings.tasks}), Path.cwd())
        await self._refuse_if_full()
        # Nothing is awaited between this look and the count.
        self.refuse_if_many_wait()
        self._arriving += 1
        try:
            return await self._store(request, findings, submission)
        finally:
            self._arriving -= 1

    async def _store(self, request: EvaluateRequest, findings: Findings, submission: Submission | None) -> Job | None:
        request, secrets = await self._sealed(request)
        job_id = str(uuid.uuid4())
        self._expect(job_id, request)
        info = JobInfo(
            job_id=job_id,
            status=JobStatus.QUEUED,
            created_at=now(),
            request=request,
            warnings=findings.warnings,
            job_dir=str(self._state_dir.job_dir(self._settings.temp_dir_prefix, job_id)),
        )
        if not secrets:
            return await self._ledger.add(info, submission)
        # First, so that no job is ever without them.
        await asyncio.to_thread(self._vault.keep, job_id, secrets)
        job: Job | None = None
        try:
            job = await self._ledger.add(info, submission)
        finally:
            if job is None:
                await asyncio.to_thread(self._vault.forget, job_id)
        return job

    async def _sealed(self, request: EvaluateRequest) -> tuple[EvaluateRequest, dict[str, object]]:
        # Another thread costs more than most submissions have to spend on it.
        return await asyncio.to_thread(self._vault.seal, request) if holds_secrets(request) else (request, {})

    async def _refuse_if_full(self) -> None:
        if self._storage.stale:  # not for every submission: all that wait are named
            live = {job.directory.name for job in self._ledger.live if not job.info.status.finished}
            await asyncio.to_thread(self._storage.measure, live)
        if excess := self._storage.excess():
            raise StorageFull(excess)

    async def _examine(self, request: EvaluateRequest, *, fresh: bool) -> Findings:
        catalog = await self._catalog.get(fresh=fresh, at_once=not fresh)
        look = partial(
            examine,
            request,
            catalog,
            self._device_ids,
            self._task_folders,
            allow_remote_code=self._settings.allow_remote_code,
            # What may be known to the fresh catalog is not likened to what the old one knows.
            suggest=fresh,
        )
        # Another thread costs more than the look at most requests; a look at many names, or for like ones, would keep
        # everybody else waiting.
        return await asyncio.to_thread(look) if fresh or len(request.tasks) > MOST_AT_ONCE else look()

    async def _submitted_before(self, submission: Submission) -> JobInfo | None:
        found = await self._ledger.submitted(submission)
        if found is None:
            return None
        job_id, digest = found
        if digest != submission.digest:
            raise KeyReused(f"This idempotency key belongs to job {job_id}, whose request is another; use a new key")
        return await self._ledger.get(job_id)
