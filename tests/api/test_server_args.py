"""The arguments of a server are checked when they are made."""

from __future__ import annotations

import pytest

from jupyter_lmms_eval import ServerArgs


def test_the_defaults_are_those_of_lmms_eval() -> None:
    args = ServerArgs()
    assert (args.host, args.port, args.max_completed_jobs, args.temp_dir_prefix) == (
        "localhost",
        8000,
        100,
        "lmms_eval_",
    )


@pytest.mark.parametrize("port", [1, 8800, 65535])
def test_ports_in_range(port: int) -> None:
    assert ServerArgs(port=port).port == port


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (0, "0 (type: int)"),
        (65536, "65536 (type: int)"),
        (-1, "-1 (type: int)"),
        ("8000", "'8000' (type: str)"),
        (8000.0, "8000.0 (type: float)"),
        (True, "True (type: bool)"),
        (None, "None (type: NoneType)"),
    ],
)
def test_a_port_out_of_range_or_of_another_type_is_named(port: object, said: str) -> None:
    with pytest.raises(ValueError, match="Port must be an integer between 1 and 65535") as error:
        ServerArgs(port=port)  # type: ignore[arg-type]
    assert said in str(error.value)


@pytest.mark.parametrize(("count", "said"), [(0, "0 (type: int)"), (-5, "-5"), (True, "bool"), ("9", "str")])
def test_max_completed_jobs_is_a_positive_integer(count: object, said: str) -> None:
    with pytest.raises(ValueError, match="max_completed_jobs must be a positive integer") as error:
        ServerArgs(max_completed_jobs=count)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_arguments_survive_a_dictionary_and_unknown_keys_are_passed_over() -> None:
    args = ServerArgs(port=8801, include_paths=["/tasks"], token="secret")
    assert ServerArgs.from_dict({**args.to_dict(), "from_the_future": 1}) == args
    assert ServerArgs.from_dict({}) == ServerArgs()


def test_an_open_door_is_refused_where_others_reach_it() -> None:
    assert ServerArgs(token="").token == ""
    assert ServerArgs(host="127.0.0.1", token="").token == ""
    with pytest.raises(ValueError, match="runs code here"):
        ServerArgs(host="0.0.0.0", token="")


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(ServerArgs(token="s3cret"))


@pytest.mark.parametrize(
    "usual",
    [
        {"crash_retries": 0},
        {"crash_retries": 100},
        {"stall_factor": 1},
        {"stall_seconds": 0.5},
        {"min_free_gpu_memory": 0},
        {"min_free_gpu_memory": 1.0},
        {"cancelled_as_failed": True},
        {"fresh_processes": True},
        {"keep_models": 0},
    ],
)
def test_how_evaluations_are_guarded_can_be_chosen(usual: dict[str, object]) -> None:
    args = ServerArgs(**usual)  # type: ignore[arg-type]
    assert {name: getattr(args, name) for name in usual} == usual


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"crash_retries": -1}, r"crash_retries must be zero or a positive integer, got -1 \(type: int\)"),
        ({"crash_retries": 1.5}, "crash_retries must be zero or a positive integer"),
        ({"stall_factor": 0}, "stall_factor must be a positive number, got 0"),
        ({"stall_seconds": "60"}, "stall_seconds must be a positive number, got '60'"),
        ({"stall_seconds": float("nan")}, "stall_seconds must be a positive number"),
        ({"stall_seconds": True}, "stall_seconds must be a positive number"),
        ({"min_free_gpu_memory": 1.1}, "min_free_gpu_memory must be from 0 to 1, got 1.1"),
        ({"min_free_gpu_memory": 50}, "min_free_gpu_memory must be from 0 to 1, got 50"),
    ],
)
def test_a_guard_that_cannot_work_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ServerArgs(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"host": ""}, {"temp_dir_prefix": "../x"}, {"include_paths": "tasks"}, {"cpu_slots": 0}]
)
def test_other_arguments_are_checked_too(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ServerArgs(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"max_queued_jobs": 0}, "max_queued_jobs must be a positive integer, got 0"),
        ({"max_stored_gb": -1}, "max_stored_gb must be zero or a positive number, got -1"),
        ({"tls_certificate": 7}, "tls_certificate must be a string, got 7"),
        ({"state_dir": 7}, "state_dir must be a string, got 7"),
        ({"host": "0.0.0.0", "token": "short"}, "a token of 5 characters can be guessed"),
    ],
)
def test_limits_and_what_protects_a_server_are_checked(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ServerArgs(**wrong)  # type: ignore[arg-type]


def test_a_token_of_another_type_is_not_shown() -> None:
    with pytest.raises(ValueError, match="token must be a string") as error:
        ServerArgs(token=471108154711)  # type: ignore[arg-type]
    assert "4711" not in str(error.value)


@pytest.mark.parametrize("token", ["schl\u00fcssel-schl\u00fcssel", "a\nb", " padded", "padded "])
def test_a_token_that_no_header_carries_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token must be of ASCII letters, digits and signs") as error:
        ServerArgs(token=token)
    assert token not in str(error.value)
