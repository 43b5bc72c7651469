"""What an answer leads to: OpenAPI links from what one route answers to what another asks for.

Readers of the documentation see them beside each answer, programs made of it can follow them, and the tests do.
"""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute

Responses = dict[int | str, dict[str, Any]]

# Seconds; a client asks again then.
PATIENCE = 20


def operation_id(route: APIRoute) -> str:
    """Name an operation as its function, which is unique: links say it, and programs made of the documentation too.

    Parameters
    ----------
    route
        A route.
    """
    return route.name


def link(operation: str, **parameters: str | int) -> dict[str, Any]:
    """Describe a link.

    Parameters
    ----------
    operation
        Name of the operation that it leads to.
    parameters
        What that is given: OpenAPI's runtime expressions, or values.
    """
    return {"operationId": operation, "parameters": parameters}


def links(**named: dict[str, Any]) -> Responses:
    """Declare links of a good answer, to be given to a route as its ``responses``.

    Parameters
    ----------
    named
        Each link under its name.
    """
    return {200: {"links": named}}


def links_to_job(job_id: str, status: str = "") -> Responses:
    """Declare links from an answer that names a job to everything that can be done with the job.

    Parameters
    ----------
    job_id
        Runtime expression of its id.
    status
        Runtime expression of its status, if the answer says it.
    """
    operations = ("get_job", "read_logs", "get_results", "list_samples", "cancel_job", "retry_job")
    found = {operation: link(operation, job_id=job_id) for operation in operations}
    if status:
        parameters: dict[str, str | int] = {"job_id": job_id, "while": status, "wait": PATIENCE}
        found["wait_for_change"] = link("get_job", **parameters)
    return links(**found)
