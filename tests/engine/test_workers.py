"""A model stays in memory for the next job, which cannot tell it from a new one."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_lmms_eval.demo.catalog import MODELS, TASKS_DIR, DemoModel
from jupyter_lmms_eval.engine.workers import model_key
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest
from tests.conftest import Server, eventually, run_server
from tests.processes import GONE

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(600)]
Start = Callable[..., Server]


def request(model: DemoModel, **more: Any) -> dict[str, Any]:
    return {
        "model": model.model,
        "model_args": dict(model.model_args),
        "tasks": ["digits_read"],
        "batch_size": model.batch_size,
        "force_simple": model.force_simple,
        "limit": 12,
        **more,
    }


QWEN, LLAVA = request(MODELS["tiny_qwen2_5_vl"]), request(MODELS["tiny_llava"])
DUMMY: dict[str, Any] = {"model": "dummy", "model_args": {"response": "7"}, "tasks": ["digits_read"], "limit": 12}


def run(server: Server, wanted: dict[str, Any]) -> dict[str, Any]:
    return over(server, server.client.evaluate(**wanted)["job_id"])


def over(server: Server, job_id: str) -> dict[str, Any]:
    def look() -> Any:
        job = server.client.get_job(job_id)
        return job["status"] not in ("queued", "running") and job

    job: dict[str, Any] = eventually(look, patience=90, every=0.02)
    return job


def completed(server: Server, wanted: dict[str, Any]) -> dict[str, Any]:
    job = run(server, wanted)
    assert job["status"] == "completed", job["error"]
    return job


def start_of(job: dict[str, Any]) -> str:
    return str(job["attempts"][-1]["start"])


def result(job: dict[str, Any]) -> Any:
    """What an evaluation found: scores and samples."""
    (files,) = job["result"].values()
    samples = [json.loads(line) for path in files["samples"] for line in Path(path).read_text().splitlines()]
    results = json.loads(Path(files["results"]).read_text())
    return samples, results["results"], results["n-samples"], results["config"]["model_args"]


def kept(server: Server) -> list[str | None]:
    return [device["model"] for device in server.client.devices()]


def words(process: psutil.Process) -> list[str]:
    """What a process shows as its command; one that shows less than before leaves blanks."""
    return " ".join(process.cmdline()).split()


def processes(server: Server) -> list[psutil.Process]:
    """The processes of a server that evaluate, or wait with a model in memory."""
    family = psutil.Process(server.process.pid).children(recursive=True)
    modules = "jupyter_lmms_eval.runner", "jupyter_lmms_eval.runner.rank"
    return [process for process in family if set(modules) & set(words(process))]


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def waiting(server: Server) -> tuple[psutil.Process, psutil.Process]:
    """Who keeps watch over a model in memory, and who has it."""

    def look() -> Any:
        found = processes(server)
        return [words(process)[-1] for process in found] == ["waiting"] * 2 and found

    supervisor, rank = eventually(look)
    return supervisor, rank


@pytest.fixture(scope="module")
def server_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(tmp_path_factory.mktemp("all"), "--include-path", str(TASKS_DIR), "--cpu-slots", "2") as server:
        yield server


@pytest.fixture
def two(server_of_all: Server) -> Iterator[Server]:
    """A server with two slots and no model in memory; others find the devices free afterwards."""
    yield server_of_all
    server_of_all.client.free()


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Writes a model type ``own`` of lmms-eval, and returns the environment in which it is found."""

    def write(body: str) -> dict[str, str]:
        models = tmp_path / "plugin" / "own_plugin" / "models"
        models.mkdir(parents=True, exist_ok=True)
        (models.parent / "__init__.py").write_text("")
        (models / "__init__.py").write_text('AVAILABLE_MODELS = {"own": "Own"}\n')
        (models / "own.py").write_text(
            "import os, random, sys, time\nimport torch\nfrom lmms_eval.models.simple.dummy import Dummy\n"
            f"class Own(Dummy):\n{body}"
        )
        return {"PYTHONPATH": str(tmp_path / "plugin"), "LMMS_EVAL_PLUGINS": "own_plugin"}

    return write


OWN: dict[str, Any] = {"model": "own", "model_args": {}, "tasks": ["digits_read"], "limit": 6}


def answers(job: dict[str, Any]) -> list[str]:
    """What a model answered, in order."""
    return [str(sample["filtered_resps"]) for sample in result(job)[0]]


# ------------------------------------------------------------------------------------------- the same as a new one


@pytest.mark.long
def test_jobs_in_any_order_find_what_cold_ones_find(two: Server, start_server: Start) -> None:
    cold = start_server("--include-path", str(TASKS_DIR), "--fresh-processes")
    wanted = {
        "qwen": QWEN,
        "qwen, numbers": {**QWEN, "tasks": ["numbers_read"], "limit": 7},
        "qwen, both": {**QWEN, "tasks": ["digits_read", "numbers_read"], "limit": 5, "offset": 3},
        "qwen, sampled": {**QWEN, "gen_kwargs": {"do_sample": True, "temperature": 1.5}},
        "qwen, predictions": {**QWEN, "predict_only": True},
        "llava": LLAVA,
        "llava, choice": {**LLAVA, "tasks": ["digits_choice"], "limit": 4},
    }
    expected = {name: result(completed(cold, each)) for name, each in wanted.items()}
    order = [*wanted, *wanted]
    random.Random(5).shuffle(order)
    starts = []
    for name in order:
        job = completed(two, wanted[name])
        assert result(job) == expected[name], f"{name}, {start_of(job)}, after {starts}"
        starts.append(start_of(job))
    # What a model needs beyond lmms-eval itself is imported once, and not by every job that is forked.
    learned = json.loads((two.state_dir / "template.json").read_text())
    assert any(name.startswith("transformers.models.") for name in learned)
    assert starts.count("warm") >= len(order) / 2, (starts, two.log.read_text()[-3000:])


def test_a_model_is_as_it_was_built(start_server: Start, plugin: Callable[[str], dict[str, str]]) -> None:
    environment = plugin(
        "    def __init__(self, **arguments):\n"
        "        super().__init__(**arguments)\n"
        "        self.layer = torch.nn.Linear(2, 2)\n"  # takes random numbers, and is deleted by clean()
        "        self.notes = []\n"
        "        os.environ['OWN_BUILT'] = 'yes'\n"
        "    def generate_until(self, requests):\n"
        "        found = [sum(len(self.notes) for _ in [0]), sorted(self.task_dict), hasattr(self, 'again'),\n"
        "                 os.environ.get('OWN_BUILT'), os.environ.get('OWN_USED'),\n"
        "                 random.random(), float(torch.rand(1)), float(self.layer.weight.sum())]\n"
        "        self.notes.append(1)\n"
        "        self.again = True\n"
        "        os.environ['OWN_USED'] = 'yes'\n"
        "        return [repr(found)] * len(requests)\n"
    )
    server = start_server("--include-path", str(TASKS_DIR), **environment)
    first = completed(server, OWN)
    second = completed(server, {**OWN, "tasks": ["numbers_read"]})
    third = completed(server, OWN)
    assert [start_of(job) for job in (first, second, third)] == ["forked", "warm", "warm"]
    assert answers(first) == answers(third)
    # Only its own task is among the model's tasks, not those of the jobs before.
    assert "['numbers_read']" in answers(second)[0].replace('"', "'")


def test_each_job_has_its_own_date(two: Server) -> None:
    def date() -> str:
        (files,) = completed(two, DUMMY)["result"].values()
        return str(json.loads(Path(files["results"]).read_text())["date"])

    first = date()
    time.sleep(1.1)
    assert date() != first


def test_reasoning_is_stripped_as_by_the_command_line(
    start_server: Start, plugin: Callable[[str], dict[str, str]]
) -> None:
    environment = plugin(
        "    def generate_until(self, requests):\n        return ['<think>is it 3?</think>7'] * len(requests)\n"
    )
    server = start_server("--include-path", str(TASKS_DIR), **environment)
    found = [answers(completed(server, OWN)) for _ in range(2)]
    assert found == [["7"] * 6] * 2


def test_results_are_saved_and_not_those_of_the_job_before(two: Server) -> None:
    first, second = completed(two, QWEN), completed(two, {**QWEN, "limit": 3})
    assert start_of(second) == "warm"
    assert len(result(first)[0]) == 12
    assert len(result(second)[0]) == 3
    assert first["job_dir"] not in json.dumps(second["result"])
    assert "Traceback" not in Path(second["job_dir"], "log.txt").read_text()


# ------------------------------------------------------------------------------------------- when it is another one


@pytest.mark.parametrize(
    "change",
    [
        {"model_args": {"response": "8"}},
        {"batch_size": 2},
        {"force_simple": True},
        {"seed": 3},
        {"model": "other"},
    ],
    ids=str,
)
def test_what_a_model_is_built_from_makes_it_another(change: dict[str, Any]) -> None:
    base = EvaluateRequest(model="dummy", model_args={"response": "7"}, tasks=["digits_read"])
    assert model_key(base.model_copy(update=change)) != model_key(base)
    assert model_key(base.model_copy(update={"tasks": ["numbers_read"], "limit": 3, "num_fewshot": 2})) == model_key(
        base
    )


def test_other_weights_at_the_same_place_are_loaded(two: Server, tmp_path: Path) -> None:
    import shutil

    model = MODELS["tiny_qwen2_5_vl"]
    checkpoint = tmp_path / "checkpoint"
    shutil.copytree(model.checkpoint, checkpoint)
    wanted = request(model, model_args={**model.model_args, "pretrained": str(checkpoint)}, limit=40)
    good = completed(two, wanted)
    assert start_of(completed(two, wanted)) == "warm"
    from safetensors.torch import load_file, save_file

    for file in checkpoint.glob("*.safetensors"):
        save_file({name: value * 0 for name, value in load_file(file).items()}, file, metadata={"format": "pt"})
    bad = completed(two, wanted)
    assert start_of(bad) == "forked"
    assert bad["metrics"][0]["value"] < good["metrics"][0]["value"]


def test_code_that_was_edited_is_loaded(start_server: Start, plugin: Callable[[str], dict[str, str]]) -> None:
    body = "    def generate_until(self, requests):\n        return [{!r}] * len(requests)\n"
    server = start_server("--include-path", str(TASKS_DIR), **plugin(body.format("7")))
    assert answers(completed(server, OWN)) == ["7"] * 6
    plugin(body.format("8"))
    job = completed(server, OWN)
    assert (start_of(job), answers(job)) == ("forked", ["8"] * 6)


def test_tasks_and_data_are_those_of_the_moment(start_server: Start, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    definition = tasks / "animals.yaml"
    task = {
        "task": "animals",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "animals.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }

    def write(*names: str, **changes: object) -> None:
        rows = ({"question": f"What does a {name} say?", "answer": name} for name in names)
        (tasks / "animals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        definition.write_text(json.dumps({**task, **changes}))  # JSON is YAML

    def targets() -> tuple[str, list[str]]:
        job = completed(server, {**DUMMY, "tasks": ["animals"]})
        return start_of(job), [str(sample["target"]) for sample in result(job)[0]]

    write("cat", "dog")
    server = start_server("--include-path", str(tasks))
    assert targets() == ("forked", ["cat", "dog"])
    assert targets() == ("warm", ["cat", "dog"])
    write("cow", "pig")  # as long as before
    assert targets() == ("warm", ["cow", "pig"])
    write("cow", "pig", "hen")
    assert targets() == ("warm", ["cow", "pig", "hen"])
    write("cow", "pig", "hen", doc_to_target="question")
    assert targets()[1][0] == "What does a cow say?"


def test_after_a_failure_a_job_starts_anew(
    start_server: Start, plugin: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    trouble = tmp_path / "trouble"
    environment = plugin(
        "    def generate_until(self, requests):\n"
        f"        if os.path.exists({str(trouble)!r}):\n"
        "            raise KeyError('broken')\n"
        "        return ['7'] * len(requests)\n"
    )
    server = start_server("--include-path", str(TASKS_DIR), **environment)
    completed(server, OWN)
    trouble.touch()
    failed = run(server, OWN)
    assert (failed["status"], start_of(failed)) == ("failed", "warm")
    assert kept(server) == [None]
    assert processes(server) == []
    trouble.unlink()
    assert start_of(completed(server, OWN)) == "forked"


# ------------------------------------------------------------------------------------------- the device


def test_garbage_of_jobs_in_a_row_does_not_stay(start_server: Start, plugin: Callable[[str], dict[str, str]]) -> None:
    environment = plugin(
        "    def generate_until(self, requests):\n"
        "        ring = [b'x' * (200 << 20)]\n"
        "        ring.append(ring)\n"  # only a collection finds it
        "        return ['7'] * len(requests)\n"
    )
    server = start_server("--include-path", str(TASKS_DIR), "--cpu-slots", "1", **environment)
    first = completed(server, OWN)
    _, rank = waiting(server)
    once = rank.memory_info().rss
    later = [completed(server, OWN) for _ in range(5)]
    assert [start_of(job) for job in (first, *later)] == ["forked", *["warm"] * 5]
    # What one left may be there until there is time.
    eventually(lambda: rank.memory_info().rss < once + (300 << 20))
    assert rank.is_running()


@pytest.mark.long
def test_a_process_that_grew_is_replaced(start_server: Start, plugin: Callable[[str], dict[str, str]]) -> None:
    environment = plugin(
        "    held = []\n"
        "    def generate_until(self, requests):\n"
        "        self.held.append(b'x' * ((1200 << 20) if self.held else 1))\n"
        "        return ['7'] * len(requests)\n"
    )
    server = start_server("--include-path", str(TASKS_DIR), "--cpu-slots", "1", **environment)
    # They wait for each other: there is no pause in which to look.
    jobs = [server.client.evaluate(**OWN)["job_id"] for _ in range(3)]
    assert [start_of(over(server, job_id)) for job_id in jobs] == ["forked", "warm", "forked"]


def test_a_job_that_may_not_stay_leaves_its_process_to_nobody(two: Server) -> None:
    assert start_of(completed(two, DUMMY)) == "forked"
    # It bounds the memory of the process for good.
    assert start_of(completed(two, {**DUMMY, "gpu_memory": 10})) == "warm"
    eventually(lambda: kept(two) == [None, None])
    assert start_of(completed(two, DUMMY)) == "forked"


def test_another_model_gets_the_device_at_once(two: Server) -> None:
    completed(two, QWEN)
    assert kept(two) == ["qwen2_5_vl", None]
    before = waiting(two)
    completed(two, {**DUMMY, "num_gpus": 2, "device": "cpu"})  # needs both
    assert kept(two) == [None, None]
    eventually(lambda: not any(lives(process) for process in before))


def test_each_of_two_slots_keeps_its_model(two: Server) -> None:
    completed(two, QWEN)
    completed(two, DUMMY)
    assert sorted(map(str, kept(two))) == ["dummy", "qwen2_5_vl"]
    assert [start_of(completed(two, each)) for each in (DUMMY, QWEN, DUMMY)] == ["warm"] * 3


def test_free_gives_devices_back_and_touches_no_job(two: Server) -> None:
    completed(two, DUMMY)
    (device,) = [device["id"] for device in two.client.devices() if device["model"]]
    running = two.client.evaluate(**QWEN)["job_id"]
    assert two.client.free() == [device]
    assert two.client.free() == []
    assert kept(two) == [None, None]
    job = eventually(lambda: (job := two.client.get_job(running))["status"] == "completed" and job)
    assert len(job["attempts"]) == 1


def test_a_model_goes_when_nobody_wants_it(start_server: Start) -> None:
    server = start_server("--include-path", str(TASKS_DIR), "--keep-models", "5")
    completed(server, DUMMY)
    assert kept(server) == ["dummy"]
    eventually(lambda: kept(server) == [None])
    eventually(lambda: processes(server) == [])


def test_no_model_stays_where_none_is_wanted(start_server: Start) -> None:
    server = start_server("--include-path", str(TASKS_DIR), "--keep-models", "0")
    assert [start_of(completed(server, DUMMY)) for _ in range(2)] == ["forked", "forked"]
    assert processes(server) == []


def test_another_server_is_told_who_has_the_device(start_server: Start, tmp_path: Path) -> None:
    first = start_server("--include-path", str(TASKS_DIR), state_dir=tmp_path / "first")
    second = start_server("--include-path", str(TASKS_DIR), state_dir=tmp_path / "second")
    completed(first, DUMMY)
    job_id = second.client.evaluate(**DUMMY)["job_id"]
    # It does not wait until the model has gone by itself.
    job = eventually(lambda: (job := second.client.get_job(job_id))["status"] == "completed" and job)
    assert job["error"] is None
    assert kept(first) == [None]


# ------------------------------------------------------------------------------------------- ends


@pytest.mark.parametrize("whom", ["rank", "supervisor"])
def test_one_that_is_killed_while_it_waits_is_replaced(two: Server, whom: str) -> None:
    completed(two, DUMMY)
    supervisor, rank = waiting(two)
    (rank if whom == "rank" else supervisor).kill()
    job = completed(two, DUMMY)
    assert (start_of(job), len(job["attempts"])) == ("forked", 1)


def test_one_that_hangs_while_it_waits_is_replaced(two: Server) -> None:
    completed(two, DUMMY)
    for process in waiting(two):
        process.suspend()
    job = completed(two, DUMMY)
    assert len(job["attempts"]) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_without_its_server(start_server: Start, number: signal.Signals) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    completed(server, DUMMY)
    family = waiting(server)
    os.kill(server.process.pid, number)
    server.process.wait()
    eventually(lambda: not any(lives(process) for process in family), patience=GONE)


def test_a_cancelled_job_takes_its_model_along(
    start_server: Start, plugin: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    trouble = tmp_path / "trouble"
    environment = plugin(
        "    def generate_until(self, requests):\n"
        f"        time.sleep(60 if os.path.exists({str(trouble)!r}) else 0)\n"
        "        return ['7'] * len(requests)\n"
    )
    server = start_server("--include-path", str(TASKS_DIR), **environment)
    completed(server, OWN)
    trouble.touch()
    job_id = server.client.evaluate(**OWN)["job_id"]
    eventually(lambda: (server.client.get_job(job_id)["progress"] or {}).get("phase") == "answering")
    server.client.cancel_job(job_id)
    assert server.client.get_job(job_id)["status"] == "cancelled"
    assert processes(server) == []
    trouble.unlink()
    assert start_of(completed(server, OWN)) == "forked"
