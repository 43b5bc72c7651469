"""What Prometheus is told of a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_lmms_eval.api.exposition import device_state, wait_kind
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from jupyter_lmms_eval.engine.figures import BOUNDS, Figures, Histogram
from jupyter_lmms_eval.engine.placement import WaitingJob, place
from jupyter_lmms_eval.protocol.jobs import Attempt, EvaluateRequest, JobInfo, JobStatus, Progress
from jupyter_lmms_eval.protocol.server import Device
from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server, run_server

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(server: Server) -> Samples:
    answer = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {server.token}"})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.name.startswith("lmms_eval_")
        assert family.documentation
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"lmms_eval_{name}", tuple(sorted(labels.items()))]


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Server]:
    waiting_jobs(tmp_path / "quiet", 3)
    with run_server(tmp_path / "quiet", IMPORTS_NOTHING, "--cpu-slots", "2") as server:
        yield server


def test_a_server_tells_what_waits_and_what_is_free(quiet: Server) -> None:
    samples = scraped(quiet)
    assert value(samples, "queue_jobs", reason="missing_device") == 3
    assert value(samples, "queue_jobs", reason="devices") == 0
    assert value(samples, "running_jobs") == 0
    held = {labels: each for (name, labels), each in samples.items() if name == "lmms_eval_device_state"}
    states = {(dict(labels)["state"], each) for labels, each in held.items() if dict(labels)["state"] != "others"}
    assert states == {("job", 0), ("model", 0), ("free", 1)}
    (labels,) = [labels for name, labels in samples if name == "lmms_eval_server_info"]
    assert {"version", "server_id", "lmms_eval_version"} <= dict(labels).keys()
    assert value(samples, "process_resident_memory_bytes") > 10_000_000
    assert value(samples, "process_cpu_seconds_total") > 0


def test_nobody_without_the_token_reads_them(quiet: Server) -> None:
    assert httpx.get(f"{quiet.url}/metrics").status_code == 401


def test_open_metrics_is_answered_to_who_asks_for_it(quiet: Server) -> None:
    headers = {"Authorization": f"Bearer {quiet.token}", "Accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(f"{quiet.url}/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.evaluation
def test_jobs_are_counted_as_they_end(start_server: Callable[..., Server]) -> None:
    server = start_server("--include-path", str(TASKS_DIR))
    request = {"model": "dummy", "model_args": {"response": "7"}, "tasks": ["digits_read"], "limit": 8}
    done = [server.client.evaluate(**request)["job_id"] for _ in range(2)]
    for job_id in done:
        server.client.wait_for_job(job_id)
    cancelled = server.client.evaluate(**request, priority=-1)["job_id"]
    server.client.cancel_job(cancelled)
    samples = scraped(server)
    assert value(samples, "jobs_finished_total", status="completed") == 2
    assert value(samples, "jobs_finished_total", status="cancelled") == 1
    assert value(samples, "jobs_finished_total", status="failed") == 0
    assert value(samples, "samples_evaluated_total") >= 16
    assert value(samples, "job_duration_seconds_count", status="completed") == 2
    assert value(samples, "job_duration_seconds_sum", status="completed") > 0
    assert value(samples, "job_waiting_seconds_count") >= 2
    starts = sum(value(samples, "evaluations_started_total", how=how) for how in ("fresh", "forked", "warm"))
    assert starts >= 2
    phases = [seconds for (name, _), seconds in samples.items() if name == "lmms_eval_phase_seconds_total"]
    assert sum(phases) > 0


def test_what_prometheus_needs_is_not_loaded_by_a_server_that_nobody_watches() -> None:
    check = "import sys, jupyter_lmms_eval.hosting.thread as _; print('prometheus_client' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", check], text=True).strip() == "False"


# ------------------------------------------------------------------------------------------- words and numbers


def test_every_reason_to_wait_has_its_kind() -> None:
    def reason(count: int = 1, *, rests: bool = False, pause: str | None = None, busy: bool = False) -> str:
        job = WaitingJob("a", 1, 0, count, None, rests=rests)
        held = {"cpu:0": "other"} if busy else {}
        return place([job], ["cpu:0"], held, {}, pause).waits.get("a", "starts now")

    assert wait_kind(reason(busy=True)) == "devices"
    assert wait_kind(reason(count=2)) == "missing_device"
    assert wait_kind(reason(rests=True)) == "rest"
    assert wait_kind(reason(pause="waits for room: the disk of /a is full")) == "room"
    assert wait_kind(reason()) == "starting"


@pytest.mark.parametrize(
    ("held", "state"),
    [
        ({}, "free"),
        ({"held_by": "process 1"}, "others"),
        ({"job_id": "a", "held_by": "b"}, "job"),
        ({"model": "m"}, "model"),
    ],
)
def test_a_device_is_in_one_state(held: dict[str, str], state: str) -> None:
    assert device_state(Device.model_validate({"id": "cpu:0", "kind": "cpu", "name": "x", **held})) == state


def test_durations_are_counted_in_their_bucket() -> None:
    histogram = Histogram()
    for seconds in (-5, 0.1, 0.2, 1e9):
        histogram.add(seconds)
    counts = dict(histogram.up_to())
    assert (counts[0.1], counts[0.3], counts[BOUNDS[-1]], counts[float("inf")]) == (2, 3, 3, 4)


def test_answers_that_an_attempt_finds_are_not_counted_again() -> None:
    figures = Figures()
    job = JobInfo(
        job_id="a",
        status=JobStatus.QUEUED,
        created_at="2026-11-22T10:00:00.000+00:00",
        request=EvaluateRequest(model="dummy", tasks=["mme"]),
    )

    def become(**changes: object) -> None:
        nonlocal job
        before, job = job, job.model_copy(update=changes)
        figures.changed(before, job)

    attempt = Attempt(number=1, started_at="2026-11-22T10:00:07.000+00:00")
    become(status=JobStatus.RUNNING, started_at=attempt.started_at, attempts=[attempt])
    become(progress=Progress(phase="answering", samples_done=30))
    ended = attempt.model_copy(update={"samples_done": 30, "start": "forked", "seconds": 5.0})
    become(status=JobStatus.QUEUED, progress=None, attempts=[ended])
    become(status=JobStatus.RUNNING, attempts=[ended, attempt])
    for done in (0, 30, 50):
        become(progress=Progress(phase="answering", samples_done=done))
    last = attempt.model_copy(update={"samples_done": 50, "start": "warm", "seconds": 2.0})
    become(status=JobStatus.COMPLETED, attempts=[ended, last])
    assert figures.samples == 50
    assert dict(figures.started) == {"forked": 1, "warm": 1}
    assert figures.lasted[JobStatus.COMPLETED].total == 7.0
    assert figures.waited.total == pytest.approx(7.0, abs=1)
    assert figures.finished == {JobStatus.COMPLETED: 1}
