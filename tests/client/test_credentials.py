"""Which token goes to which server, also after the server was started anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_lmms_eval.client import AsyncEvalClient, EvalClient, EvalServerError
from jupyter_lmms_eval.discovery import remove_record, write_record
from jupyter_lmms_eval.widget.connecting import sibling
from tests.client.speaking_server import TOKEN, SpeakingServer, make_job
from tests.client.test_eval_client import record_of


def start_anew(server: SpeakingServer) -> None:
    """Give a server another token, as each start does."""
    remove_record(server.server_id)
    server.token = f"another {server.token}"
    server.tokens.clear()
    write_record(record_of(server))


def test_a_client_goes_on_when_the_server_of_its_address_was_started_anew(server: SpeakingServer) -> None:
    write_record(record_of(server))
    server.add(make_job("a", "completed"))
    server.logs["a"] = "all of it\n"
    for client in (EvalClient(), EvalClient(server.url), EvalClient(server.url, token=server.token)):
        assert client.is_healthy()
        start_anew(server)
        assert "".join(client.follow_logs("a")) == "all of it\n"
        start_anew(server)
        before = len(server.bodies)
        client.evaluate("dummy", ["mme"])
        assert len(server.bodies) == before + 1
        assert client.get_job("a")["status"] == "completed"
        assert len(server.tokens) == 3, "only the first request is refused"


def test_a_client_that_awaits_goes_on_too(server: SpeakingServer) -> None:
    write_record(record_of(server))
    server.add(make_job("a", "completed"))
    server.logs["a"] = "all of it\n"

    async def session() -> list[Any]:
        async with AsyncEvalClient() as client:
            healthy = await client.is_healthy()
            start_anew(server)
            followed = [text async for text in client.follow_logs("a")]
            start_anew(server)
            return [healthy, "".join(followed), await client.is_healthy()]

    assert asyncio.run(session()) == [True, "all of it\n", True]


def test_a_second_client_of_a_server_takes_the_token_that_it_has_now(server: SpeakingServer) -> None:
    write_record(record_of(server))
    client = EvalClient(server.url, token=server.token)
    start_anew(server)
    assert sibling(client, 5).is_healthy()
    assert len(server.tokens) == 1
    # A token that a person gave is handed on as it is.
    remove_record(server.server_id)
    assert sibling(EvalClient(server.url, token=server.token), 5).is_healthy()


def test_a_token_that_a_person_gave_is_not_replaced(server: SpeakingServer) -> None:
    write_record(record_of(server))
    for client in (
        EvalClient(server.url, token="of my own"),
        EvalClient(f"http://any:of my own@127.0.0.1:{server.port}"),
    ):
        with pytest.raises(EvalServerError, match=r"`token=`.*`%lmms_eval_server connect`"):
            client.health()
    assert set(server.tokens) == {"of my own"}


def test_a_token_goes_to_the_address_of_its_record_only(server: SpeakingServer) -> None:
    write_record(record_of(server))
    with SpeakingServer() as other:
        with pytest.raises(EvalServerError, match="`token=`"):
            EvalClient(other.url).health()
        assert TOKEN not in other.tokens


def test_the_token_of_a_record_passes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    # An address of this machine of which a proxy's environment knows nothing, as its name in the network is one.
    with SpeakingServer("of the proxy") as proxy, SpeakingServer(host="127.0.0.2") as server:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        stranger = EvalClient(server.url, timeout=5)
        write_record(record_of(server))
        for client in (EvalClient(), EvalClient(server.url), EvalClient(server.url, token=server.token)):
            assert client.is_healthy()
            assert len(server.tokens) > 0
            server.tokens.clear()
        # One that was made before the server ran goes by the proxy, and so without the token that is known now.
        stranger.is_healthy()
        assert server.tokens == []
        assert TOKEN not in proxy.tokens
