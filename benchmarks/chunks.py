"""Has one model answer everything again and again, in turns with and without chunks; a process of its own.

    python -m benchmarks.chunks '{"model": ..., "tasks": [...], ...}' FOUND.json

`benchmarks.cases.chunks` starts it. It writes samples per second of wall time and of CPU time, what each pass had to
ask twice, and the sizes of the chunks.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = Callable[[list[Any]], list[Any]]


def main(told: dict[str, Any], answer: Path) -> None:
    from jupyter_lmms_eval.runner import startup

    startup.apply()
    import torch
    from lmms_eval import models
    from lmms_eval.tasks import TaskManager, get_task_dict

    manager = TaskManager("ERROR", include_path=told["include_path"], model_name=told["model"])
    tasks = get_task_dict(told["tasks"], manager, "chat")
    batch_size = told["batch_size"]
    requests = _requests(tasks)
    datasets = {name: task.dataset for name, task in tasks.items()}

    def built() -> Any:
        model = models.get_model(told["model"])(**told["model_args"], batch_size=batch_size)
        model.task_dict.update(datasets)
        return model

    model = built()
    repeated = _count_repeated()
    names = ("chunked", "whole")
    found: dict[str, Any] = {"sizes": []}
    for name in names:
        found |= {name: [], f"{name}_per_cpu_second": [], f"{name}_repeated": []}
    texts: list[list[str]] = []
    with torch.inference_mode():
        if told["computes"]:
            _timed(model.generate_until, requests[: 4 * batch_size])  # the first calls are slower
        for number in range(told["repeats"]):
            for name in names[:: 1 if number % 2 == 0 else -1]:
                if not told["computes"]:
                    model = built()  # an evaluation begins without connections
                way: Answer = model.generate_until
                if name == "chunked":
                    folder = Path(told["folder"]) / str(number)
                    folder.mkdir()
                    way, sizes = _chunked(model, batch_size, folder, tasks)
                    found["sizes"].append(sizes)
                before, cpu = repeated(), time.process_time()
                took, answers = _timed(way, requests)
                found[name].append(len(requests) / took)
                found[f"{name}_per_cpu_second"].append(len(requests) / (time.process_time() - cpu))
                found[f"{name}_repeated"].append(repeated() - before)
                texts.append(answers)
    if any(other != texts[0] for other in texts):
        print("answers differ with chunks", file=sys.stderr)
        found["different"] = [sum(a != b for a, b in zip(texts[0], other, strict=True)) for other in texts]
    answer.write_text(json.dumps(found))


def _count_repeated() -> Callable[[], int]:
    """Count requests that had to be sent again, of which models only write to the log."""
    from loguru import logger

    counted = 0

    def count(message: Any) -> None:
        nonlocal counted
        counted += "Attempt " in message

    logger.remove()
    logger.add(sys.stdout, level="WARNING")
    logger.add(count, level="INFO", format="{message}")
    return lambda: counted


def _requests(tasks: dict[str, Any]) -> list[Any]:
    """All requests, in the order in which lmms-eval asks them."""
    requests: list[Any] = []
    for task in tasks.values():
        task.build_all_requests(limit=None, rank=0, world_size=1, cache_requests=False, rewrite_requests_cache=False)
        requests += task.instances
    return requests


def _chunked(model: Any, batch_size: int, folder: Path, tasks: dict[str, Any]) -> tuple[Answer, list[int]]:
    """The way our runner asks, with a journal, progress and all; and the sizes of its chunks, once asked."""
    from jupyter_lmms_eval.protocol.run import RunFiles, RunSpec
    from jupyter_lmms_eval.runner.answering import Answering
    from jupyter_lmms_eval.runner.chunking import ChunkSizes, sizes_for
    from jupyter_lmms_eval.runner.digests import digest
    from jupyter_lmms_eval.runner.events import EventLog, Phases
    from jupyter_lmms_eval.runner.journal import Journal
    from jupyter_lmms_eval.runner.one_loop import OneLoop
    from jupyter_lmms_eval.runner.progress import SampleCounter
    from jupyter_lmms_eval.runner.turns import Turns

    files = RunFiles(folder)
    events, counter = EventLog(files.events, 1), SampleCounter()
    answering = Answering(
        Journal(files.journal), counter, events, Phases(events, time.monotonic()), lambda: 0, 1, Turns(files.finish)
    )
    for name, task in tasks.items():
        counter.plan(name, task.instances)
        answering.task_digests[name] = digest(task.dump_config())
    sizes: list[int] = []
    whole: Answer = model.generate_until

    loop = OneLoop()

    def ask(requests: list[Any]) -> list[Any]:
        sizes.append(len(requests))
        with loop.in_place():
            return whole(requests)

    seconds = RunSpec.model_fields["chunk_seconds"].default

    def chunk_sizes() -> ChunkSizes:
        return sizes_for(type(model).__module__, batch_size, 1, seconds)

    return answering.chunked("generate_until", ask, chunk_sizes), sizes


def _timed(way: Answer, requests: list[Any]) -> tuple[float, list[str]]:
    from lmms_eval.api.instance import unwrap_generation_output

    began = time.perf_counter()
    answers = list(way(requests))
    took = time.perf_counter() - began
    texts = [str(unwrap_generation_output(one)[0]) for one in answers]
    if failed := [text for text in texts if text.startswith("[LMMS_EVAL_REQUEST_FAILED")]:
        raise SystemExit(f"{len(failed)} requests failed: {failed[0]}")
    return took, texts


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
