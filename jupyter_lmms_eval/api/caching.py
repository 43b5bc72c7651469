"""Answers that are not sent again: a client that shows the tag of what it has hears in a few bytes that it still holds.

Tags are made of revisions, not of answers, so that an answer nobody needs is not even made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel

from ..engine.catalog import Catalog
from .dependencies import Scheduler

UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What the client has, by its `If-None-Match`, still holds"}
}


class NotModified(Exception):
    """What the client has still holds.

    Parameters
    ----------
    tag
        Its tag.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag


class Freshness:
    """What the client has, as it says itself, and the answer it gets.

    Parameters
    ----------
    response
        Where the tag of the answer goes.
    known
        The request's ``If-None-Match``.
    """

    def __init__(self, response: Response, known: str | None) -> None:
        self._response = response
        self.known = known

    def check(self, tag: str) -> None:
        """Tag the answer.

        Parameters
        ----------
        tag
            Names the state that is going to be answered; taken before that is read, so that it is never newer.

        Raises
        ------
        NotModified
            If the client has just that.
        """
        if self.known is not None and matches(self.known, tag):
            raise NotModified(tag)
        self._response.headers.update(_headers(tag))

    def answer(self, text: str) -> Response:
        """Send JSON that is as it should be, without a second look; with the tag."""
        return Response(text, headers=dict(self._response.headers), media_type="application/json")


class LastText:
    """The text of an answer as it was last made."""

    def __init__(self) -> None:
        self._tag: str | None = None
        self._text = ""

    async def get(self, tag: str, make: Callable[[], Awaitable[BaseModel]]) -> str:
        """Return the text of a state, which is made only if the last one was of another.

        Parameters
        ----------
        tag
            Names the state, see `Freshness.check`.
        make
            Makes the answer.
        """
        if tag != self._tag:
            self._text = (await make()).model_dump_json()
            self._tag = tag
        return self._text


def matches(known: str, tag: str) -> bool:
    """Tell whether an ``If-None-Match`` header names a tag.

    Parameters
    ----------
    known
        The header: tags in quotes, weak or not, separated by commas; or ``*``.
    tag
        The tag, without quotes.
    """
    given = [each.strip().removeprefix("W/") for each in known.split(",")]
    return "*" in given or f'"{tag}"' in given


def register(app: FastAPI) -> None:
    """Let an app answer `NotModified`."""

    @app.exception_handler(NotModified)
    async def not_modified(_: Request, unchanged: NotModified) -> Response:
        return Response(status_code=304, headers=_headers(unchanged.tag))


def _headers(tag: str) -> dict[str, str]:
    # Weak: the same state may be sent compressed or not. A browser has to ask each time, and no proxy may keep it.
    return {"ETag": f'W/"{tag}"', "Cache-Control": "private, no-cache"}


async def _freshness(
    response: Response,
    if_none_match: Annotated[
        str | None, Header(description="The `ETag` of an earlier answer; 304 without a body if it still holds")
    ] = None,
) -> Freshness:
    return Freshness(response, if_none_match)


Fresh = Annotated[Freshness, Depends(_freshness)]


async def catalog_unless_known(request: Request, fresh: Fresh, scheduler: Scheduler) -> None:
    """Answer with tasks and models only if they changed; to be depended on by their router."""
    catalog = await scheduler.catalog.get()
    last: tuple[Catalog, int] | None = getattr(request.app.state, "catalog_seen", None)
    if last is None or last[0] is not catalog:
        request.app.state.catalog_seen = last = (catalog, 1 if last is None else last[1] + 1)
    # What is told of single tasks and models depends on results and on what is installed too.
    if request.url.path.endswith(("/tasks", "/models")) and not request.url.query:
        fresh.check(f"{request.app.state.server_id}.c{last[1]}")
