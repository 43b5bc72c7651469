"""Connections to a server: sending calls and reading answers."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx

from .address import http_options, resolve
from .calls import FOLLOW_TIMEOUT, Call
from .errors import content, raise_for_status, reaching

if TYPE_CHECKING:
    from typing_extensions import Self


class Connection:
    """A connection that waits for answers.

    Parameters
    ----------
    base_url
        The server, ``http://host:port`` or ``http://any:TOKEN@host:port``; without it, the one that runs.
    timeout
        Seconds for a request; None waits for as long as it takes, once the server is reached.
    token
        The server's token.

    Attributes
    ----------
    base_url
        The server, without credentials.
    credentials
        The token that is sent.

    Raises
    ------
    NoServerRunning
        If no URL is given and no server runs.
    """

    def __init__(self, base_url: str | None = None, timeout: float | None = None, token: str | None = None) -> None:
        address = resolve(base_url, token)
        options = http_options(address, timeout)
        self.base_url = address.url
        self.credentials = options["auth"]
        self.client = httpx.Client(**options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # There is no client if no server was found, and little else when the interpreter ends.
        with contextlib.suppress(Exception):
            self.client.close()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _request(self, call: Call) -> dict[str, Any]:
        with reaching(self.base_url):
            response = self.client.request(call.method, self.base_url + call.path, **call.arguments())
        return content(response)

    def _read(self, call: Call) -> bytes:
        with reaching(self.base_url):
            response = self.client.request(call.method, self.base_url + call.path, **call.arguments())
        raise_for_status(response)
        return response.content

    def _stream(self, call: Call, timeout: httpx.Timeout = FOLLOW_TIMEOUT) -> Iterator[str]:
        with (
            reaching(self.base_url),
            self.client.stream(call.method, self.base_url + call.path, timeout=timeout, **call.arguments()) as response,
        ):
            if not response.is_success:
                response.read()
                raise_for_status(response)
            response.encoding = "utf-8"
            yield from response.iter_text()


class AsyncConnection:
    """A connection whose answers are awaited; its parameters are those of `Connection`."""

    def __init__(self, base_url: str | None = None, timeout: float | None = None, token: str | None = None) -> None:
        address = resolve(base_url, token)
        options = http_options(address, timeout)
        self.base_url = address.url
        self.credentials = options["auth"]
        self.client = httpx.AsyncClient(**options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        client = getattr(self, "client", None)
        if client is not None and not client.is_closed:
            warnings.warn(
                f"{type(self).__name__} was not closed: use 'async with' or 'await client.close()'.",
                ResourceWarning,
                stacklevel=2,
            )

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _request(self, call: Call) -> dict[str, Any]:
        with reaching(self.base_url):
            response = await self.client.request(call.method, self.base_url + call.path, **call.arguments())
        return content(response)

    async def _read(self, call: Call) -> bytes:
        with reaching(self.base_url):
            response = await self.client.request(call.method, self.base_url + call.path, **call.arguments())
        raise_for_status(response)
        return response.content

    async def _stream(self, call: Call, timeout: httpx.Timeout = FOLLOW_TIMEOUT) -> AsyncIterator[str]:
        with reaching(self.base_url):
            async with self.client.stream(
                call.method, self.base_url + call.path, timeout=timeout, **call.arguments()
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise_for_status(response)
                response.encoding = "utf-8"
                async for text in response.aiter_text():
                    yield text
