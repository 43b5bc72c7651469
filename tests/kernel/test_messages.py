"""What the magics say in a real kernel: mistakes in one line, help, completion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import eventually

from .conftest import LOAD, Kernel, run_kernel, start_line


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel with a server, and with a job that is over."""
    folder = tmp_path_factory.mktemp("messages")
    with run_kernel(folder) as kernel:
        kernel.run(LOAD)
        assert kernel.run(start_line(folder / "state")).status == "ok"
        made = kernel.run("job = %lmms_eval_server submit --model dummy --tasks digits_read\njob.cancel().status")
        assert made.text == "'cancelled'"
        yield kernel


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel without a server anywhere."""
    folder: Path = tmp_path_factory.mktemp("bare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        with run_kernel(folder) as kernel:
            kernel.run(LOAD)
            yield kernel


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%lmms_eval_server strat", "no subcommand 'strat' (did you mean start?)"),
        ("%lmms_eval_server jobs --limt 3", "does not know --limt 3 (did you mean --limit?)"),
        ("%lmms_eval_server jobs --status complete", "(did you mean completed?)"),
        ("%lmms_eval_server submit --model dummy", "the following arguments are required: --tasks"),
        ("%lmms_eval_server submit --model dummy --task digits_read --modl_args a", "did you mean --model_args?"),
        ("%lmms_eval_server submit --model dummy --tasks digits_reed", "digits_read"),
        ("%lmms_eval_server submit --model dumy --tasks digits_read", "dummy"),
        ("%lmms_eval_server submit --model dummy --tasks 'digits", "A quotation mark is not closed"),
        ("%lmms_eval_server submit --model dummy --tasks a --tui", "--tui means nothing to a server"),
        ("%lmms_eval_server status zzzz", "No job has an id that begins with 'zzzz'"),
        ("%lmms_eval_server results {job.job_id}", "is cancelled"),
        ("%lmms_eval_server start --port 70000", "Port must be an integer between 1 and 65535"),
        ("%lmms_eval_server start --port eight", "invalid int value: 'eight'"),
        ("%lmms_eval_server connect http://localhost:1", "No evaluation server answers at http://localhost:1"),
        ("%lmms_eval_server connect ftp://x:1", "a server's URL looks like"),
        ("%%lmms_eval_job\nmodel: dummy\ntasks: [digits_read]\nlimt: 4", "'limt' (did you mean limit?)"),
        ("%%lmms_eval_job\nmodel: dummy\ntasks: a\nenv: {CUDA_VISIBLE_DEVICES: 0}", "inherits the environment"),
        ("%%lmms_eval_job\nmodel: dummy", "`tasks:` is missing"),
        ("%%lmms_eval_job\nmodel: [dummy", "this is not YAML, line"),
        ("%%lmms_eval_job\njust words", "wants YAML in the cell's body"),
        ("%%lmms_eval_job --nwe\nmodel: dummy", "did you mean --new?"),
        ("%%lmms_eval_job\nmodel: dummy\ntasks: a\ntui: true", "--tui means nothing to a server"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(served: Kernel, cell: str, message: str) -> None:
    ran = served.run(cell)
    assert ran.errors.startswith("UsageError: ")
    assert ran.errors.count("\n") == 1
    assert message in ran.errors
    assert ran.printed == ran.text == ""


def test_without_a_server_it_is_said_how_to_start_one(bare: Kernel) -> None:
    for words in ("status", "submit --model dummy --tasks mme", "jobs", "logs", "devices", "free", "stop", "connect"):
        ran = bare.run(f"%lmms_eval_server {words}")
        assert ran.errors.startswith("UsageError: "), words
        assert ran.errors.count("\n") == 1, words
        assert "`%lmms_eval_server start`" in ran.errors or "list" in ran.errors, words
    assert "No evaluation server runs" in bare.run("%lmms_eval_server list").text


def test_help_is_that_of_the_parsers(served: Kernel) -> None:
    overview = served.run("%lmms_eval_server").printed
    for name in ("start", "stop", "status", "submit", "jobs", "logs", "results", "cancel", "retry", "devices"):
        assert f"%lmms_eval_server {name}" in overview
    asked = served.run("%lmms_eval_server start?")
    assert "usage: %lmms_eval_server start" in asked.printed
    assert "--cpu-slots" in asked.printed
    assert asked.printed == served.run("%lmms_eval_server start --help").printed
    assert "--num_fewshot" in served.run("%lmms_eval_server submit?").printed
    assert "--new" in served.run("%%lmms_eval_job --help\n-").printed
    inspected = served.client.inspect("%lmms_eval_server", 5, reply=True, timeout=30)["content"]
    assert "Evaluations of multimodal models" in inspected["data"]["text/plain"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("%lmms_eval_server st", {"start", "stop", "status"}),
        ("%lmms_eval_server start --s", {"--state-dir"}),
        ("%lmms_eval_server submit --model_", {"--model_args"}),
        ("%lmms_eval_server submit --tasks digits_r", {"digits_read"}),
        ("%lmms_eval_server submit --tasks digits_read,numbers", {"numbers_read"}),
        ("%lmms_eval_server submit --tasks=digits_r", {"digits_read"}),
        ("%lmms_eval_server submit --model dumm", {"dummy"}),
        ("%lmms_eval_server jobs --status ca", {"cancelled"}),
        ("job = %lmms_eval_server ca", {"cancel"}),
    ],
)
def test_tab_completes(served: Kernel, typed: str, expected: set[str]) -> None:
    # What the server must be asked for may need a second Tab: the first never waits long.
    eventually(lambda: expected <= set(served.complete(typed)))


def test_tab_completes_job_ids(served: Kernel) -> None:
    job_id = served.run("job.job_id").text.strip("'")
    eventually(lambda: job_id in served.complete(f"%lmms_eval_server logs {job_id[:3]}"))


def test_a_command_line_can_be_pasted(served: Kernel) -> None:
    pasted = """accelerate launch --num_processes=1 -m lmms_eval \\
    --model dummy \\
    --tasks digits_read \\
    --limit 3 --batch_size 1 \\
    --log_samples --output_path ./logs/"""
    ran = served.run(f"pasted = %lmms_eval_server submit {pasted}\npasted.cancel().info.request.limit")
    assert ran.text == "3", ran.errors


def test_devices_and_what_holds_them(served: Kernel) -> None:
    assert "cpu:0" in served.run("%lmms_eval_server devices").text
    assert "No model was in memory without a job" in served.run("%lmms_eval_server free").text
