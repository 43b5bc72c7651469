"""Which headers pass."""

from __future__ import annotations

import pytest

from jupyter_lmms_eval.serverext.headers import passed_back, passed_on, redirected

SERVER = "http://localhost:8800"
PREFIX = "/user/jo/lmms-eval/servers/abc"


def test_what_is_meant_for_jupyter_stays_there_and_the_servers_own_token_goes() -> None:
    sent = [
        ("Authorization", "token jupyters"),
        ("Cookie", "username=jo"),
        ("Host", "hub.example.org"),
        ("Origin", "https://hub.example.org"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-XSRFToken", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "websocket"),
        ("Accept", "application/json"),
        ("If-None-Match", '"a"'),
    ]
    assert passed_on(sent, "secret", PREFIX) == [
        ("Accept", "application/json"),
        ("If-None-Match", '"a"'),
        ("Accept-Encoding", "identity"),
        ("X-Forwarded-Prefix", PREFIX),
        ("Authorization", "Bearer secret"),
    ]


def test_a_server_without_token_gets_none() -> None:
    assert "Authorization" not in dict(passed_on([("Authorization", "token jupyters")], "", PREFIX))


def test_what_a_sender_lists_in_connection_goes_no_further() -> None:
    sent = [
        ("Connection", "close, Idempotency-Key"),
        ("idempotency-key", "1"),
        ("Connection", "ACCEPT"),
        ("Accept", "a"),
    ]
    assert {name.lower() for name, _ in passed_on(sent, "", PREFIX)} == {"accept-encoding", "x-forwarded-prefix"}


def test_answers_bring_no_cookies_and_ask_for_no_password() -> None:
    received = [
        ("set-cookie", "lmms_eval_token_8800=secret"),
        ("www-authenticate", "Basic"),
        ("connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("server", "uvicorn"),
        ("access-control-allow-origin", "*"),
        ("etag", 'W/"1"'),
    ]
    assert passed_back(received) == [("etag", 'W/"1"'), ("Cache-Control", "private, no-cache")]
    assert passed_back([("cache-control", "no-store")]) == [("cache-control", "no-store")]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/jobs", f"{PREFIX}/jobs"),
        ("/jobs?limit=1", f"{PREFIX}/jobs?limit=1"),
        (f"{PREFIX}/jobs", f"{PREFIX}/jobs"),
        (f"{SERVER}/jobs", f"{PREFIX}/jobs"),
        (f"{SERVER}{PREFIX}/jobs", f"{PREFIX}/jobs"),
        ("http://evil.example/jobs", None),
        ("//evil.example/jobs", None),
        ("https://localhost:8800/jobs", None),
        ("http://localhost:8801/jobs", None),
        ("javascript:alert(1)", None),
        ("/../../api/contents", None),
        ("/\\evil.example", None),
        ("", None),
        ("jobs", None),
        ("http://[", None),
    ],
)
def test_a_redirect_stays_below_the_server_or_is_none(location: str, expected: str | None) -> None:
    assert redirected(location, SERVER, PREFIX) == expected
