"""lmms-eval's command line as a request."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.client.arguments import add_evaluation_arguments, evaluation_request, without_launcher
from jupyter_lmms_eval.client.sendable import WrongOption
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest


def parse(line: str) -> tuple[dict[str, Any], list[str]]:
    parser = argparse.ArgumentParser(prog="submit")
    add_evaluation_arguments(parser)
    return evaluation_request(parser.parse_args(without_launcher(shlex.split(line))))


def test_what_is_not_given_is_left_to_the_server() -> None:
    assert parse("--model dummy --tasks mme") == ({"model": "dummy", "tasks": ["mme"]}, [])


def test_a_whole_pasted_command_line_works() -> None:
    request, notes = parse(
        "CUDA_VISIBLE_DEVICES=0,1 accelerate launch --num_processes=2 --main_process_port 12346 -m lmms_eval "
        "--model qwen2_5_vl --model_args=pretrained=Qwen/Qwen2.5-VL-3B-Instruct,max_pixels=12845056 "
        "--tasks mme, --batch_size 1 --log_samples --log_samples_suffix x --output_path /logs/ --limit 8 "
        "--gen_kwargs '' --seed 0,1234,1234,1234 --use_cache /cache --verbosity debug --reasoning_tags "
        """'[["<think>", "</think>"]]' -n 4 --process-docs-parallel 2"""
    )
    assert request == {
        "model": "qwen2_5_vl",
        "model_args": "pretrained=Qwen/Qwen2.5-VL-3B-Instruct,max_pixels=12845056",
        "tasks": ["mme"],
        "batch_size": "1",
        "log_samples": True,
        "output_dir": "/logs",
        "limit": 8,
        "seed": "0,1234,1234,1234",
        "verbosity": "DEBUG",
        "reasoning_tags": [["<think>", "</think>"]],
        "repeats": 4,
        "process_docs_parallel": 2,
        "num_gpus": 2,
    }
    assert notes == [
        "--log_samples_suffix has no effect: the server names its files itself.",
        "--use_cache has no effect: the server keeps every answer of a job until it is completed.",
    ]
    EvaluateRequest.model_validate(request)


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("--model a --tasks b", "--model a --tasks b"),
        ("python -m lmms_eval --model a", "--model a"),
        ("python3 -m lmms_eval eval --model a", "--model a"),
        ("lmms-eval --model a", "--model a"),
        ("/usr/bin/lmms-eval eval --model a", "--model a"),
        ("uv run lmms-eval --model a", "--model a"),
        ("torchrun --nproc_per_node 4 -m lmms_eval --model a", "--model a --num_gpus 4"),
        ("torchrun --nproc-per-node=gpu -m lmms_eval --model a", "--model a"),
        ("torchrun --nproc-per-node", "torchrun --nproc-per-node"),
        ("--include_path lmms_eval --model a", "--include_path lmms_eval --model a"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_how_lmms_eval_was_started_is_dropped(line: str, flags: str) -> None:
    assert without_launcher(line.split()) == flags.split()


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        ("--limit 0.5", "limit", 0.5),
        ("--limit 100", "limit", 100),
        ("-b auto", "batch_size", "auto"),
        ("-x", "predict_only", True),
        ("--no_log_samples", "log_samples", False),
        ("--no-log-samples", "log_samples", False),
        ("--num_samples 3", "repeats", 3),
        ("--system-instruction 'Be brief.'", "system_instruction", "Be brief."),
        ("--apply_chat_template", "apply_chat_template", True),
        ("--force_simple", "force_simple", True),
        ("--process_with_media", "process_with_media", True),
        ("--priority -3", "priority", -3),
        ("--num_gpus 4", "num_gpus", 4),
        ("--timeout 3600", "timeout", 3600),
        ("--timeout 0.5", "timeout", 0.5),
        ("--name 'step 2000'", "name", "step 2000"),
        ("--reasoning_tags none", "reasoning_tags", "none"),
        ("--offset 0", "offset", 0),
    ],
)
def test_flags(flags: str, field: str, value: object) -> None:
    request, notes = parse(f"--model dummy --tasks mme {flags}")
    assert request[field] == value
    assert notes == []


def test_minus_one_is_all_as_on_the_command_line() -> None:
    request, _ = parse("--model dummy --tasks mme --limit -1")
    assert "limit" not in request


def test_paths_are_those_of_the_person_not_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request, _ = parse("--model dummy --tasks a --include_path ./tasks --output_path logs")
    assert (request["include_path"], request["output_dir"]) == (str(tmp_path / "tasks"), str(tmp_path / "logs"))


def test_a_home_directory_of_nobody_is_said() -> None:
    with pytest.raises(WrongOption, match=r"no home directory ~data; \./~data/out is a folder of that name"):
        parse("--model dummy --tasks a --output_path ~data/out")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--tasks mme", "required: --model"),
        ("--model dummy", "required: --tasks"),
        ("--model dummy --tasks ,", "name at least one task"),
        ("--model dummy --tasks list", "EvalClient().list_tasks()"),
        ("--model dummy --tasks a --limit many", "invalid float value: 'many'"),
        ("--model dummy --tasks a --config x.yaml", "--config means nothing to a server: give the options"),
        ("--model dummy --tasks a --power-analysis", "run `lmms-eval power`"),
        ("--model dummy --tasks a --unheard-of", "unrecognized arguments: --unheard-of"),
    ],
)
def test_usage_errors(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(line)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_every_flag_of_lmms_eval_is_known() -> None:
    spec = find_spec("lmms_eval")
    if spec is None or spec.origin is None:
        pytest.skip("needs the [eval] extra")
    # Read, not imported: importing lmms-eval takes seconds.
    source = Path(spec.origin).with_name("__main__.py").read_text()
    upstream = set(re.findall(r'^ {8}"(--?[a-z][\w-]*)",', source, re.MULTILINE))
    upstream |= set(re.findall(r'add_argument\("(--?[a-z][\w-]*)"', source))
    assert {"--model", "--tasks", "--limit", "-n", "--baseline"} <= upstream, "the pattern still finds flags"
    parser = argparse.ArgumentParser()
    add_evaluation_arguments(parser)
    known = {flag for action in parser._actions for flag in action.option_strings}
    assert upstream - known == set()


def test_every_option_of_a_request_has_a_flag() -> None:
    parser = argparse.ArgumentParser()
    add_evaluation_arguments(parser)
    assert set(EvaluateRequest.model_fields) - {action.dest for action in parser._actions} == set()


def test_the_help_describes_every_flag() -> None:
    parser = argparse.ArgumentParser(prog="submit")
    add_evaluation_arguments(parser)
    assert "First N samples of each task" in parser.format_help()
    assert all(action.help for action in parser._actions)
