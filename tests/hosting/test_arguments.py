"""A server's arguments as flags: what can be said of a server can be typed, and typed again for another process."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from IPython.core.error import UsageError

from jupyter_lmms_eval import ServerArgs
from jupyter_lmms_eval.api.app import state_dir_of
from jupyter_lmms_eval.cli import serve
from jupyter_lmms_eval.hosting.arguments import FLAGS, add_server_arguments, environment_token, given
from jupyter_lmms_eval.hosting.detached import command_line, environment
from jupyter_lmms_eval.notebook.commands import parser_of

FIELDS = {field.name for field in dataclasses.fields(ServerArgs)}
Parse = Callable[[list[str]], argparse.Namespace]

# A value of each field that is not its default.
OTHER: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 8801,
    "max_completed_jobs": 7,
    "temp_dir_prefix": "-eval",
    "state_dir": "/jobs",
    "token": "secret",
    "include_paths": ["/tasks", "/more tasks"],
    "cpu_slots": 3,
    "allowed_hosts": ["node-1", "node-2"],
    "allow_merge": True,
    "allow_remote_code": True,
    "tls_certificate": "/tls/cert.pem",
    "tls_key": "/tls/key.pem",
    "max_queued_jobs": 5,
    "max_stored_gb": 2.5,
    "crash_retries": 0,
    "stall_factor": 2.5,
    "stall_seconds": 60.0,
    "min_free_gpu_memory": 0.0,
    "fresh_processes": True,
    "keep_models": 12.5,
    "cancelled_as_failed": True,
}


def in_terminal(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args(words)


def in_notebook(words: list[str]) -> argparse.Namespace:
    return parser_of("start").parse_all(words)


def test_every_argument_has_a_flag_and_every_flag_an_argument() -> None:
    assert [flag.field for flag in FLAGS].count("port") == 1
    assert {flag.field for flag in FLAGS} == FIELDS == set(OTHER)
    assert not any(getattr(ServerArgs(), name) is True for name in FIELDS), "a flag could not take it back"


@pytest.mark.parametrize("parse", [in_terminal, in_notebook])
@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_argument_can_be_typed_in_a_terminal_and_in_a_notebook(field: str, parse: Parse) -> None:
    flag = next(flag for flag in FLAGS if flag.field == field).flag
    value = OTHER[field]
    words = [flag] if value is True else [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    assert given(parse(words)) == {field: value}
    assert getattr(ServerArgs(**given(parse(words))), field) == value


@pytest.mark.parametrize("parse", [in_terminal, in_notebook])
def test_what_is_not_typed_is_not_asked_for(parse: Parse) -> None:
    assert given(parse([])) == {}
    assert given(parse(["--port", "0"])) == {"port": 0}, "any free one is asked for too"


def test_a_home_directory_of_nobody_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "--include-path: ~data/tasks: there is no home directory ~data; ./~data/tasks is a folder of that name"
    with pytest.raises(SystemExit):
        in_terminal(["--include-path", "~data/tasks"])
    assert sentence in capsys.readouterr().err
    with pytest.raises(UsageError, match=re.escape(sentence)):
        in_notebook(["--include-path", "~data/tasks"])


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)
_PATHS = st.lists(_TEXT.map(lambda text: os.path.realpath(f"/{text}")), max_size=3)


@for_all(
    st.fixed_dictionaries(
        {},
        optional={
            "host": _TEXT,
            "port": st.integers(1, 65535),
            "max_completed_jobs": st.integers(1),
            "temp_dir_prefix": _TEXT.filter(lambda text: "/" not in text and not text.startswith(".")),
            "state_dir": _TEXT.map(lambda text: os.path.realpath(f"/{text}")),
            "include_paths": _PATHS,
            "cpu_slots": st.integers(1),
            "allowed_hosts": st.lists(_TEXT, max_size=3),
            "allow_merge": st.booleans(),
            "crash_retries": st.integers(0),
            "stall_factor": st.floats(0, exclude_min=True, allow_infinity=False),
            "stall_seconds": st.floats(0, exclude_min=True, allow_infinity=False) | st.integers(1, 10**6),
            "min_free_gpu_memory": st.floats(0, 1),
            "fresh_processes": st.booleans(),
            "keep_models": st.floats(0, allow_infinity=False) | st.integers(0, 10**6),
            "cancelled_as_failed": st.booleans(),
        },
    )
)
def test_a_process_of_its_own_gets_the_same_arguments(values: dict[str, Any]) -> None:
    args = ServerArgs(**values)
    typed = given(in_terminal(command_line(args, any_port=False)[3:]))
    assert dataclasses.replace(ServerArgs(**typed), state_dir=args.state_dir) == args
    assert typed["state_dir"] == str(state_dir_of(args))


def test_every_single_argument_survives_the_way_to_a_process_of_its_own() -> None:
    for field, value in OTHER.items():
        typed = given(in_terminal(command_line(ServerArgs(**{field: value}), any_port=False)[3:]))
        assert typed.get(field) == (None if field == "token" else value), field
    assert given(in_terminal(command_line(ServerArgs(port=8801), any_port=True)[3:]))["port"] == 0


@pytest.mark.parametrize(("token", "arrives"), [("secret", "secret"), ("", ""), (None, "random")])
def test_a_token_goes_by_environment_and_no_token_as_a_flag(
    token: str | None, arrives: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ServerArgs(token=token)
    words = command_line(args, any_port=True)
    assert "secret" not in " ".join(words)
    made = environment({}, "random" if token is None else token)
    monkeypatch.setenv("LMMS_EVAL_TOKEN", made["LMMS_EVAL_TOKEN"])
    assert {**environment_token(), **given(in_terminal(words[3:]))}["token"] == arrives


@pytest.mark.parametrize("parse", [in_terminal, in_notebook])
def test_folders_are_those_of_the_person_who_types(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert given(parse(["--include-path", "tasks", "--state-dir", "~/jobs"])) == {
        "include_paths": [str(tmp_path / "tasks")],
        "state_dir": "/home/someone/jobs",
    }


def test_an_empty_variable_opens_no_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMMS_EVAL_TOKEN", " ")
    assert environment_token() == {}
    monkeypatch.delenv("LMMS_EVAL_TOKEN")
    assert environment_token() == {}


def test_the_help_names_the_defaults_that_count() -> None:
    parser = argparse.ArgumentParser()
    add_server_arguments(parser, port=8800)
    shown = " ".join(parser.format_help().split())
    assert "any free one (default: 8800)" in shown
    assert "for at least S seconds (default: 1800)" in shown
    assert "default: None" not in shown
