"""Clients of an evaluation server: over HTTP only, found through discovery."""

from .async_client import AsyncEvalClient
from .client import EvalClient
from .errors import EvalServerError, JobCancelled, JobFailed, ServerUnreachable
from .job_ids import UnknownJob

__all__ = [
    "AsyncEvalClient",
    "EvalClient",
    "EvalServerError",
    "JobCancelled",
    "JobFailed",
    "ServerUnreachable",
    "UnknownJob",
]
