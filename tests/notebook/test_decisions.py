"""What the notebook decides without a kernel: keys, configurations, markup, completions."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_lmms_eval.client import EvalClient
from jupyter_lmms_eval.notebook import completion
from jupyter_lmms_eval.notebook.configs import read_configs
from jupyter_lmms_eval.notebook.extension import help_of_subcommand
from jupyter_lmms_eval.notebook.failing import one_line
from jupyter_lmms_eval.notebook.identity import Cell, Keys, current_cell
from jupyter_lmms_eval.notebook.job import JobHandle, jobs_table
from jupyter_lmms_eval.notebook.markup import Table, card, code, link
from jupyter_lmms_eval.notebook.parsing import nearest, split
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo

REQUEST = {"model": "dummy", "tasks": ["mme"]}


def test_a_key_is_that_of_the_request_and_its_cell() -> None:
    keys = Keys()
    first = keys.key(REQUEST, Cell("a", "run 1"))
    assert keys.key(REQUEST, Cell("a", "run 2")) == first
    assert keys.key({**REQUEST, "limit": 1}, Cell("a", "run 3")) != first
    assert keys.key(REQUEST, Cell("b", "run 4")) != first
    twice = [keys.key(REQUEST, Cell("a", "run 5")) for _ in range(2)]
    assert twice[0] == first != twice[1]
    assert [keys.key(REQUEST, Cell("a", "run 6")) for _ in range(2)] == twice


def test_notebooks_do_not_share_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/one.ipynb")
    first = Keys().key(REQUEST, Cell("a", "1"))
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/two.ipynb")
    assert Keys().key(REQUEST, Cell("a", "1")) != first


def test_a_cell_is_known_by_its_id_or_else_by_its_code() -> None:
    class Shell:
        parent: dict[str, Any]

        def get_parent(self) -> dict[str, Any]:
            return self.parent

    shell = Shell()
    shell.parent = {"header": {"msg_id": "m"}, "metadata": {"cellId": "c"}, "content": {"code": "1"}}
    assert current_cell(shell) == Cell("id c", "m")
    shell.parent = {"header": {"msg_id": "m"}, "metadata": {}, "content": {"code": "1"}}
    by_code = current_cell(shell)
    shell.parent["content"]["code"] = "2"
    assert current_cell(shell) != by_code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: m\ntasks: a,b", {"model": "m", "tasks": ["a", "b"]}),
        ("model: m\ntasks: [a]\nmodel_args: {x: 1}", {"model": "m", "tasks": ["a"], "model_args": {"x": 1}}),
        ("model: m\ntasks: a\nmodel_args: x=1,y=2", {"model": "m", "tasks": ["a"], "model_args": "x=1,y=2"}),
        ("model: m\ntasks: a\nlimit: 0.5\nbatch_size: auto", {"limit": 0.5, "batch_size": "auto"}),
        ("model: m\ntasks: a\nlimit: null\nnum_samples: 3", {"repeats": 3}),
        ("model: m\ntasks: a\nlog_samples: false", {"log_samples": False}),
        ('model: m\ntasks: a\nreasoning_tags: [["<t>", "</t>"]]', {"reasoning_tags": [["<t>", "</t>"]]}),
        ('model: m\ntasks: a\nreasoning_tags: \'[["<t>", "</t>"]]\'', {"reasoning_tags": [["<t>", "</t>"]]}),
        ("model: m\ntasks: a\noutput_path: /out", {"output_dir": "/out"}),
        ("model: m\ntasks: a\ntimeout: 3600", {"timeout": 3600}),
    ],
)
def test_a_configuration_becomes_a_request(text: str, expected: dict[str, Any]) -> None:
    ((request, notes),) = read_configs(text)
    assert request.items() >= expected.items()
    assert notes == []
    EvaluateRequest.model_validate(request)


def test_keys_without_effect_are_said_and_wrong_ones_refused() -> None:
    ((_, notes),) = read_configs("model: m\ntasks: a\nuse_cache: x\nwandb_log_samples: true\ntui: false")
    assert [note.split()[0] for note in notes] == ["--use_cache", "--wandb_log_samples"]
    with pytest.raises(UsageError, match=r"does not know the key 'nope'"):
        read_configs("model: m\ntasks: a\nnope: 1")
    with pytest.raises(UsageError, match="list of such"):
        read_configs("")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("limit: .inf", "limit must be a finite number, got inf"),
        ("model_args: {x: [1, .nan]}", "model_args.x must be a finite number, got nan"),
        ("tasks: [digits_read, 3]", "got 3 among them; text is put in quotes"),
        ("tasks: [on]", "got True among them"),
        ("tasks: {a: b}", "tasks must be the names of tasks, got {'a': 'b'}"),
        ("tasks: 3", "tasks must be the names of tasks, got 3"),
        ("model_args: {yes: a, b: c}", "model_args must have names that are text, got True; text is put in quotes"),
        ("gen_kwargs: {a: {null: c}}", "gen_kwargs.a must have names that are text, got None"),
        ("model_args: {x: !!set {a}}", "model_args.x must be text, a number, a list or a mapping, got {'a'}"),
        ("output_path: ~nobody-at-all/out", "there is no home directory ~nobody-at-all; ./~nobody-at-all/out is"),
    ],
)
def test_a_configuration_that_no_request_can_carry_is_one_line(text: str, sentence: str) -> None:
    one = f"model: m\n{text}" if text.startswith("tasks") else f"model: m\ntasks: a\n{text}"
    with pytest.raises(UsageError) as refused, one_line():
        read_configs(one)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_dates_and_numbers_in_yaml_are_the_text_that_was_meant() -> None:
    ((request, _),) = read_configs("model: m\ntasks: a\nmodel_args: {revision: 2024-05-01, 1: a, b: c}")
    assert request["model_args"] == {"revision": "2024-05-01", "1": "a", "b": "c"}
    assert Keys().key(request, Cell("cell", "run"))


def test_what_others_wrote_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    table = Table(evil, ["a"], [[evil], [code(evil)], [link('"><script>', evil)]])
    for text in (table._repr_html_(), card(evil, [(evil, evil)], evil)):
        assert "<script>" not in text
    job = JobInfo.model_validate(
        {
            "job_id": "j" * 32,
            "status": "failed",
            "created_at": "2026-01-01T00:00:00Z",
            "request": {"model": evil, "tasks": [evil], "name": evil},
            "error": evil,
            "warnings": [evil],
        }
    )
    handle = JobHandle(EvalClient("http://localhost:1"), job.job_id, [evil])
    handle._last = job
    for text in (handle._repr_html_(), jobs_table([job])._repr_html_()):
        assert "<script>" not in text
        assert "&lt;script&gt;" in text
    assert "failed" in repr(handle)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"status": "queued", "position_in_queue": 0}, "next"),
        (
            {
                "status": "running",
                "progress": {
                    "phase": "answering",
                    "samples_done": 9,
                    "samples_total": 2000,
                    "rate": 2,
                    "eta_seconds": 5,
                },
            },
            "9/2,000 samples, 2 samples/s, 0:05 left",
        ),
        ({"status": "running", "progress": {"phase": "loading model"}}, "loading model"),
        ({"status": "failed", "error": "Traceback\nKeyError: x"}, "KeyError: x"),
        (
            {
                "status": "running",
                "attempt": 2,
                "finishing": True,
                "progress": {"phase": "answering", "samples_done": 9, "samples_total": 2000},
            },
            "9/2,000 samples, attempt 2, finishing",
        ),
        (
            {"status": "completed", "metrics": [{"task": "mme", "metric": "acc", "value": 0.5, "stderr": 0.01}]},
            "acc 0.5000 ± 0.0100",
        ),
    ],
)
def test_a_job_in_words(changes: dict[str, Any], shown: str) -> None:
    job = JobInfo.model_validate(
        {"job_id": "0123456789", "created_at": "2026-01-01T00:00:00Z", "request": REQUEST} | changes
    )
    handle = JobHandle(EvalClient("http://localhost:1"), job.job_id)
    handle._last = job
    assert repr(handle) == f"Job 01234567 {job.status.value}: dummy on mme; {shown}"
    assert f">{shown}<" in jobs_table([job])._repr_html_()


def test_a_handle_without_a_server_still_says_how_to_attach() -> None:
    handle = JobHandle(EvalClient("http://localhost:1"), "abc")
    assert "%lmms_eval_server status abc" in handle._repr_html_()
    assert repr(handle) == "<JobHandle abc>"


def test_completion_does_not_wait_for_a_slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion.session, "_chosen", EvalClient("http://localhost:1"))
    gate = threading.Event()
    slow = completion.Remembered(lambda _: ["late"] if gate.wait(60) else ["waited for"], 60)
    assert slow.names() == ()
    gate.set()
    assert slow.names(patience=30) == ["late"]
    assert slow.names(patience=0) == ["late"]


def test_completion_without_a_server_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion.session, "_chosen", EvalClient("http://localhost:1"))
    assert completion.Remembered(lambda client: client.list_tasks(), 60).names() == ()
    assert completion.candidates("%lmms_eval_server nothing --") == []
    assert "--tasks" in completion.candidates("%lmms_eval_server submit ")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("cancel --f", ["--finish"]),
        ("cancel 0123 --", ["--help", "--finish"]),
        ("submit --model dummy --ti", ["--timeout"]),
        ("start --st", ["--state-dir", "--stall-factor", "--stall-seconds"]),
        ("start --c", ["--cpu-slots", "--crash-retries", "--cancelled-as-failed"]),
        ("start --min", ["--min-free-gpu-memory"]),
    ],
)
def test_flags_are_completed(line: str, offered: list[str]) -> None:
    assert completion.candidates(f"%lmms_eval_server {line}") == offered


def test_words() -> None:
    assert split("--model_args 'a=1, b=2' \\\n --limit 3") == ["--model_args", "a=1, b=2", "--limit", "3"]
    assert nearest("strat", ["start", "stop"]) == " (did you mean start?)"
    assert nearest("xyz", ["start"]) == ""
    asked = help_of_subcommand(["%lmms_eval_server start?\n", "x = 1\n", "%lmms_eval_server?\n"])
    assert asked == ["%lmms_eval_server start --help\n", "x = 1\n", "%lmms_eval_server?\n"]
