"""Addresses of a server, wherever the notebook is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_lmms_eval.notebook import surroundings as around
from jupyter_lmms_eval.notebook.urls import Surroundings, advice, links, surroundings

URL = "http://localhost:8800"


@pytest.mark.parametrize(
    ("environment", "base", "expected"),
    [
        ({}, None, [URL]),
        ({}, "/", ["/lmms-eval/servers/abc/", URL]),
        ({}, "/lab/base/", ["/lab/base/lmms-eval/servers/abc/", URL]),
        # Under a hub the prefix counts, and the browser is on another machine.
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ann/"}, "/", ["/user/ann/lmms-eval/servers/abc/"]),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ann/"}, None, []),
        ({"VSCODE_PID": "1"}, None, [URL]),
        (
            {"LMMS_EVAL_PROXY_URL": "https://gpu.example/p/{port}/{id}"},
            None,
            ["https://gpu.example/p/8800/abc", URL],
        ),
    ],
)
def test_links_work_where_the_browser_is(environment: dict[str, str], base: str | None, expected: list[str]) -> None:
    where = surroundings(environment, base)
    assert [link.url for link in links(URL, 8800, "abc", where)] == expected


def test_each_link_says_from_where_it_works() -> None:
    (direct,) = links(URL, 8800, "abc", Surroundings())
    assert direct.label == "in a browser on this machine, or with port 8800 forwarded"
    (forwarded,) = links(URL, 8800, "abc", Surroundings(vscode=True))
    assert forwarded.label == "VS Code forwards the port"


def test_colab_has_its_own_way() -> None:
    where = Surroundings(colab=True)
    assert links(URL, 8800, "abc", where) == []
    assert "serve_kernel_port_as_window(8800)" in advice(8800, where)
    assert advice(8800, Surroundings()) == ""


def test_without_an_answering_extension_no_link_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    known = {"url": "http://127.0.0.1:9/base/", "base_url": "/base/", "token": "t"}
    (tmp_path / "jpserver-77.json").write_text(json.dumps(known))
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    assert around.look_around().jupyter_base is None
    for parent in ("78", "", "not a number"):
        monkeypatch.setenv("JPY_PARENT_PID", parent)
        assert around.look_around().jupyter_base is None
