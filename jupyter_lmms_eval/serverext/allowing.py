"""What may be asked of an evaluation server through Jupyter, and how long its answer may take: pure decisions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from .refusal import Refusal

# `*` stands for one part of a path, `**` for one or more. What belongs to a job may be read; what changes is named.
ROUTES = {
    "GET": (
        "health",
        "queue",
        "devices",
        "tasks",
        "tasks/**",
        "models",
        "models/**",
        "metrics",
        "events",
        "jobs",
        "jobs/**",
        "docs",
        "docs/oauth2-redirect",
        "redoc",
        "openapi.json",
        "static-offline-docs/*",
    ),
    "POST": ("evaluate", "merge", "devices/free", "jobs/*/retry"),
    "PATCH": ("jobs/*",),
    "DELETE": ("jobs/*",),
}
# Pages with scripts of ours; all else is data, whoever wrote it.
PAGES = ("docs", "redoc")

# They are meant for Jupyter: its token must not travel on.
_JUPYTERS_OWN = {"token", "_xsrf", "no_track_activity"}
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
LONGEST_WAIT = 60.0
# Three heartbeats that did not come.
_EVENTS_SILENCE = 45.0
_MERGE_SECONDS = 3600.0
# The first look at the media of a task starts a process that loads its dataset.
_MEDIA = re.compile(r"/jobs/[^/]+/samples/[^/]+/[^/]+/media(/[^/]+)?")
_MEDIA_SECONDS = 90.0


@dataclass(frozen=True)
class Target:
    """What is asked of an evaluation server.

    Attributes
    ----------
    path
        Its path, beginning with a slash, quoted anew.
    query
        Its query, without what is meant for Jupyter.
    page
        Whether it is one of our pages, which hold scripts.
    """

    path: str
    query: str
    page: bool = False

    @property
    def raw(self) -> bytes:
        """Path and query as they are sent."""
        return f"{self.path}?{self.query}".encode("ascii") if self.query else self.path.encode("ascii")


@dataclass(frozen=True)
class Patience:
    """How long an answer may take.

    Attributes
    ----------
    first
        Seconds until it begins.
    between
        Seconds of silence within it; None: as long as it takes.
    """

    first: float
    between: float | None


def target(method: str, raw_path: str, raw_query: str) -> Target:
    """Decide whether something may be asked.

    Parameters
    ----------
    method
        HTTP method.
    raw_path
        Path below the server, as it was sent, without its first slash.
    raw_query
        Query as it was sent.

    Returns
    -------
    Target
        What to ask.

    Raises
    ------
    Refusal
        400 for a path that may mean something else further on, 404 for one that is not of our API, 405 for a verb
        that it does not have.
    """
    parts = [_part(part) for part in raw_path.split("/")]
    verbs = [verb for verb, routes in ROUTES.items() if any(_matches(route, parts) for route in routes)]
    if not verbs:
        raise Refusal(404, f"An evaluation server has nothing at /{'/'.join(parts)}; its /docs lists what it has")
    if method not in verbs:
        raise Refusal(405, f"/{'/'.join(parts)} cannot be asked with {method}, only with {' or '.join(verbs)}")
    try:
        pairs = parse_qsl(raw_query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Refusal(400, "The query has too many fields") from None
    query = urlencode([(name, value) for name, value in pairs if name not in _JUPYTERS_OWN])
    return Target("/" + "/".join(quote(part, safe="") for part in parts), query, raw_path in PAGES)


def _part(raw: str) -> str:
    """Read one part of a path; whatever could be read otherwise by somebody else is refused."""
    decoded = unquote_to_bytes(raw)
    if b"/" in decoded or b"\\" in decoded or b"%" in decoded or decoded in (b".", b"..") or _CONTROL.search(decoded):
        raise Refusal(400, "The path holds an encoded slash, a dot segment or a control character; send it plainly")
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "The path is not UTF-8") from None


def _matches(route: str, parts: list[str]) -> bool:
    if not all(parts):
        return False
    pattern = route.split("/")
    if pattern[-1] == "**":
        return len(parts) >= len(pattern) and parts[: len(pattern) - 1] == pattern[:-1]
    return len(parts) == len(pattern) and all(
        wanted in ("*", part) for wanted, part in zip(pattern, parts, strict=True)
    )


def patience(asked: Target, usual: float) -> Patience:
    """Say how long an answer may take.

    Parameters
    ----------
    asked
        What was asked.
    usual
        Seconds for an answer that is not held back.
    """
    query = dict(parse_qsl(asked.query))
    if asked.path == "/events":
        return Patience(usual, max(usual, _EVENTS_SILENCE))
    if asked.path.endswith("/logs") and query.get("follow", "").lower() in ("true", "1", "yes", "on"):
        return Patience(usual, None)  # a log is silent for as long as a model takes to load
    if _MEDIA.fullmatch(asked.path):
        return Patience(usual + _MEDIA_SECONDS, usual)
    if asked.path == "/merge":
        return Patience(_MERGE_SECONDS, usual)
    return Patience(usual + _held_back(query.get("wait", "")), usual)


def _held_back(wait: str) -> float:
    try:
        seconds = float(wait)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds <= LONGEST_WAIT else 0.0
