"""Abbreviated job ids."""

from __future__ import annotations

from collections.abc import Iterable


class UnknownJob(LookupError):
    """No job, or more than one, has an id that begins as given."""


_WHOLE_LENGTH = 32  # hexadecimal digits of a UUID


def is_whole(job_id: str) -> bool:
    """Whether an id is surely not abbreviated, so that nothing need be looked up.

    Parameters
    ----------
    job_id
        What was given.

    Returns
    -------
    bool
        True if it is as long as a UUID.
    """
    return len(job_id) >= _WHOLE_LENGTH


def complete(prefix: str, job_ids: Iterable[str]) -> str:
    """Find the one id that begins with a prefix.

    Parameters
    ----------
    prefix
        The beginning of an id, or all of it.
    job_ids
        The ids there are.

    Returns
    -------
    str
        The whole id.

    Raises
    ------
    UnknownJob
        If none or several match; the message names them.
    """
    matches = sorted({job_id for job_id in job_ids if prefix and job_id.startswith(prefix)})
    if prefix in matches:
        return prefix
    if not matches:
        raise UnknownJob(f"No job has an id that begins with {prefix!r}; `jupyter lmms-eval jobs` lists them.")
    if len(matches) > 1:
        shown = ", ".join(match[: len(prefix) + 4] + "…" for match in matches[:4])
        raise UnknownJob(f"{len(matches)} jobs have an id that begins with {prefix!r}: {shown}; give more of it.")
    return matches[0]
