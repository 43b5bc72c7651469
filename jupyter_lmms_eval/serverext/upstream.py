"""HTTP to evaluation servers, to the recorded address only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ..discovery.certificate import trusting
from ..discovery.liveness import process_lives
from ..protocol.server import ServerRecord
from .allowing import Patience
from .refusal import Refusal

# A server closes connections that rest for 5 s; one that is just being closed must not be used again.
_KEEPALIVE_SECONDS = 2.0


class Upstream:
    """Connections to evaluation servers.

    The environment's proxies do not apply, no redirect is followed and no cookie kept.

    Parameters
    ----------
    connect_timeout
        Seconds for connecting.
    """

    def __init__(self, connect_timeout: float = 2.0) -> None:
        self._connect_timeout = connect_timeout
        # One for each certificate that is trusted, and one for all servers that have none.
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}

    @asynccontextmanager
    async def ask(
        self,
        record: ServerRecord,
        method: str,
        raw_target: bytes,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        patience: Patience,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request; the connection is closed when the context is left before the answer is read.

        Parameters
        ----------
        record
            The server. Its process must live, or another program could hold its port and get its token.
        method, raw_target, headers, body
            The request; the headers carry the token.
        patience
            How long the answer may take.

        Yields
        ------
        httpx.Response
            The answer, its body not read.

        Raises
        ------
        Refusal
            502 if the server cannot be reached or breaks off, 504 if it does not answer in time.
        """
        if not process_lives(record):
            raise Refusal(502, f"The evaluation server {record.id} has ended; start one and use that")
        request = httpx.Request(
            method,
            httpx.URL(record.url).copy_with(raw_path=raw_target),
            headers=list(headers),
            content=body or None,
            # How long reading may take is said below, where it can differ between the beginning and the rest.
            extensions={"timeout": {"connect": self._connect_timeout, "read": None, "write": 30.0, "pool": 5.0}},
        )
        try:
            transport = self._transport(record.certificate)
            response = await asyncio.wait_for(transport.handle_async_request(request), patience.first)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise Refusal(
                502, f"The evaluation server {record.id} cannot be reached, though its process lives; is it starting?"
            ) from None
        except (httpx.TimeoutException, asyncio.TimeoutError):
            raise _too_slow(record, patience.first) from None
        except httpx.TransportError as error:
            raise _broke_off(record, error) from None
        response.request = request
        try:
            yield response
        finally:
            await response.aclose()

    async def get_json(
        self, record: ServerRecord, target: str, seconds: float, headers: Iterable[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """Ask a server for a JSON object.

        Parameters
        ----------
        record
            The server; its token goes with the request.
        target
            Path and query.
        seconds
            How long the answer may take.

        Raises
        ------
        Refusal
            As `ask`; also 502 for any answer but a JSON object of status 200.
        """
        token = [("Authorization", f"Bearer {record.token}")] if record.token else []
        async with self.ask(
            record, "GET", target.encode("ascii"), [*headers, *token], b"", Patience(seconds, seconds)
        ) as response:
            try:
                await asyncio.wait_for(response.aread(), seconds)
                found = response.json() if response.status_code == 200 else None
            except (httpx.TimeoutException, asyncio.TimeoutError):
                raise _too_slow(record, seconds) from None
            except httpx.TransportError as error:
                raise _broke_off(record, error) from None
            except ValueError:
                found = None
        if response.status_code == 503:  # so it answers whoever waits for news of it
            raise Refusal(502, f"The evaluation server {record.id} is stopping")
        if not isinstance(found, dict):
            raise Refusal(502, f"What answers at the address of the evaluation server {record.id} is another program")
        return found

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()

    def _transport(self, certificate: str) -> httpx.AsyncHTTPTransport:
        if (found := self._transports.get(certificate)) is None:
            self._transports[certificate] = found = httpx.AsyncHTTPTransport(
                verify=trusting(certificate) if certificate else True,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=20, keepalive_expiry=_KEEPALIVE_SECONDS
                ),
            )
        return found


async def pieces(record: ServerRecord, response: httpx.Response, patience: Patience) -> AsyncIterator[bytes]:
    """Read an answer as it comes, compressed or not; the next piece is asked for when the last one is taken.

    Raises
    ------
    Refusal
        502 if it breaks off, 504 if it is silent for too long.
    """
    stream = response.aiter_raw()
    try:
        while True:
            try:
                piece = await asyncio.wait_for(stream.__anext__(), patience.between)
            except StopAsyncIteration:
                return
            yield piece
    except (httpx.TimeoutException, asyncio.TimeoutError):
        raise _too_slow(record, patience.between or 0.0) from None
    except httpx.TransportError as error:
        raise _broke_off(record, error) from None


def _too_slow(record: ServerRecord, seconds: float) -> Refusal:
    return Refusal(
        504,
        f"The evaluation server {record.id} did not answer within {seconds:g} s; it is busy or stopped. "
        "Its jobs go on; ask again later",
    )


def _broke_off(record: ServerRecord, error: httpx.TransportError) -> Refusal:
    return Refusal(
        502, f"The evaluation server {record.id} broke off the connection ({type(error).__name__}); ask again"
    )
