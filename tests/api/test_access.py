"""Who may enter."""

from __future__ import annotations

import base64

import pytest

from jupyter_lmms_eval.api.access import AccessRules, host_names

RULES = AccessRules(token="right", hosts=host_names("localhost", ["eval.example.org"]), cookie="lmms_eval_token_8000")


def judge(method: str = "GET", query: str = "", path: str = "/jobs", **headers: str):
    sent = {"host": "localhost:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return RULES.judge(method, path, query, sent)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"any:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer right"},
        {"authorization": "bearer right"},
        {"authorization": basic("right")},
        {"cookie": "other=1; lmms_eval_token_8000=right"},
    ],
)
def test_the_token_opens_in_three_ways(headers: dict[str, str]) -> None:
    assert judge(**headers).status == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"authorization": basic("wrong")},
        {"authorization": "Basic !!!"},
        {"authorization": "right"},
        {"cookie": "lmms_eval_token_8001=right"},
        {"cookie": "lmms_eval_token_8000=wrong"},
        {"authorization": "Bearer r\u00efght"},
    ],
)
def test_anything_else_is_refused_in_words(headers: dict[str, str]) -> None:
    verdict = judge(**headers)
    assert verdict.status == 401
    assert "token" in verdict.detail


def test_a_person_is_asked_and_a_program_is_told() -> None:
    assert judge(accept="text/html").headers["WWW-Authenticate"].startswith("Basic")
    assert judge().headers["WWW-Authenticate"] == "Bearer"


def test_a_link_with_the_token_sets_the_cookie_and_loses_the_token() -> None:
    verdict = judge(query="token=right&x=1", path="/docs")
    assert (verdict.status, verdict.location) == (303, "/docs?x=1")
    assert judge(query="token=wrong").status == 401
    assert judge(method="POST", query="token=right").status == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io", "[::1"])
def test_a_name_that_is_not_ours_is_refused_even_with_the_token(host: str) -> None:
    assert RULES.judge("GET", "/jobs", "", {"host": host, "authorization": "Bearer right"}).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "eval.example.org"])
def test_our_own_names_and_addresses_are_fine(host: str) -> None:
    assert RULES.judge("GET", "/jobs", "", {"host": host, "authorization": "Bearer right"}).status == 0


@pytest.mark.parametrize("host", ["gpu1:18811", "gpu1", "GPU1.:18811"])
def test_the_advice_for_an_unknown_name_is_the_name_to_allow(host: str) -> None:
    detail = RULES.judge("GET", "/jobs", "", {"host": host, "authorization": "Bearer right"}).detail
    advised = detail.rpartition("--allowed-host ")[2]
    assert advised.lower() == "gpu1"
    assert "gpu1" in host_names("localhost", [advised])


def test_nothing_is_advised_for_what_is_no_name() -> None:
    detail = RULES.judge("GET", "/jobs", "", {"host": "a b"}).detail
    assert detail == "This server does not answer to the name 'a b'; use its address"


@pytest.mark.parametrize("allowed", ["gpu1", "GPU1", "gpu1:18811", "gpu1."])
def test_a_name_is_allowed_with_its_port_or_without(allowed: str) -> None:
    rules = AccessRules(token="right", hosts=host_names("localhost", [allowed]), cookie="c")
    for host in ("gpu1", "gpu1:18811", "gpu1:80"):
        assert rules.judge("GET", "/jobs", "", {"host": host, "authorization": "Bearer right"}).status == 0


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", "http://[", ""])
def test_a_page_of_another_origin_is_refused_whatever_it_carries(origin: str) -> None:
    assert judge(method="POST", origin=origin, cookie="lmms_eval_token_8000=right").status == 403


def test_the_servers_own_pages_may_call_it() -> None:
    assert judge(method="POST", origin="http://localhost:8000", cookie="lmms_eval_token_8000=right").status == 0


def test_an_empty_token_asks_for_none_but_still_looks_at_the_host() -> None:
    rules = AccessRules(token="", hosts=host_names("localhost", []), cookie="c")
    assert rules.judge("GET", "/", "", {"host": "localhost"}).status == 0
    assert rules.judge("GET", "/", "", {"host": "evil.example"}).status == 421
