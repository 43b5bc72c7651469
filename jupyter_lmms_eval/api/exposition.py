"""Writes a scheduler's figures in Prometheus' format; loaded when they are first asked for."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import metadata

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .._version import __version__
from ..engine.figures import Figures, Histogram
from ..engine.scheduler import JobScheduler
from ..protocol.jobs import JobStatus
from ..protocol.server import Device

STARTS = ("fresh", "forked", "warm")
ENDS = tuple(status for status in JobStatus if status.finished)
WAITS = ("devices", "room", "rest", "missing_device", "starting")
STATES = ("job", "model", "others", "free")


class Exposition:
    """What one server tells Prometheus, in a registry of its own.

    Parameters
    ----------
    server_id
        The server.
    """

    def __init__(self, server_id: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(namespace="lmms_eval", registry=self._registry)
        self._now = _Now(server_id)
        self._registry.register(self._now)

    def write(self, scheduler: JobScheduler, devices: Sequence[Device], accept: str | None) -> tuple[bytes, str]:
        """Write all figures.

        Parameters
        ----------
        scheduler
            Whose figures; to be called in its loop.
        devices
            Its devices at this moment.
        accept
            The request's ``Accept``.

        Returns
        -------
        tuple of bytes and str
            The text and its media type.
        """
        self._now.families = [*_of_jobs(scheduler), *_of_figures(scheduler.ledger.figures), *_of_devices(devices)]
        encode, media_type = choose_encoder(accept or "")
        return encode(self._registry), media_type


class _Now(Collector):
    """Gives the registry what was read at this moment."""

    def __init__(self, server_id: str) -> None:
        self.families: list[Metric] = []
        self._server = {
            "version": __version__,
            "server_id": server_id,
            "lmms_eval_version": metadata.version("lmms_eval"),
            "python_version": platform.python_version(),
        }

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("lmms_eval_server", "The server", value=self._server)
        yield from self.families

    def describe(self) -> list[Metric]:
        return []  # or the registry would collect before there is anything


def wait_kind(reason: str) -> str:
    """Sort the words in which placement says why a job waits.

    Parameters
    ----------
    reason
        As `JobInfo.wait_reason`.

    Returns
    -------
    str
        One of `WAITS`.
    """
    for beginning, kind in (
        ("waits for room", "room"),
        ("rests", "rest"),
        ("needs", "missing_device"),
        ("starts", "starting"),
    ):
        if reason.startswith(beginning):
            return kind
    return "devices"


def device_state(device: Device) -> str:
    """Say in one word who has a device: one of `STATES`."""
    if device.job_id is not None:
        return "job"
    if device.model is not None:
        return "model"
    return "others" if device.held_by is not None else "free"


def _of_jobs(scheduler: JobScheduler) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("lmms_eval_queue_jobs", "Jobs that wait, by what for", labels=["reason"])
    found = Counter(map(wait_kind, scheduler.wait_reasons()))
    for kind in WAITS:
        waiting.add_metric([kind], found[kind])
    yield waiting
    yield GaugeMetricFamily("lmms_eval_running_jobs", "Jobs that run", value=len(scheduler.running))
    rate = sum(info.progress.rate or 0.0 for info in scheduler.running if info.progress)
    yield GaugeMetricFamily(
        "lmms_eval_running_samples_per_second", "Samples that running jobs answer in a second", value=rate
    )


def _of_figures(figures: Figures) -> Iterator[Metric]:
    finished = CounterMetricFamily("lmms_eval_jobs_finished", "Jobs that are over, by status", labels=["status"])
    lasted = HistogramMetricFamily(
        "lmms_eval_job_duration_seconds", "How long finished jobs ran, all attempts together", labels=["status"]
    )
    for status in ENDS:
        finished.add_metric([status.value], figures.finished[status])
        histogram = figures.lasted.get(status, Histogram())
        lasted.add_metric([status.value], _buckets(histogram), histogram.total)
    yield finished
    yield lasted
    waited = HistogramMetricFamily("lmms_eval_job_waiting_seconds", "How long jobs waited before an attempt")
    waited.add_metric([], _buckets(figures.waited), figures.waited.total)
    yield waited
    started = CounterMetricFamily(
        "lmms_eval_evaluations_started", "Evaluations by how their process began, counted at their end", labels=["how"]
    )
    for how in STARTS:
        started.add_metric([how], figures.started[how])
    yield started
    phases = CounterMetricFamily("lmms_eval_phase_seconds", "Seconds evaluations spent in a phase", labels=["phase"])
    for phase, seconds in sorted(figures.phases.items()):
        phases.add_metric([phase], seconds)
    yield phases
    yield CounterMetricFamily("lmms_eval_samples_evaluated", "Samples answered by models", value=figures.samples)


def _of_devices(devices: Sequence[Device]) -> Iterator[Metric]:
    # A job's id is no label: each would begin a new series. GET /devices tells it.
    state = GaugeMetricFamily("lmms_eval_device_state", "1 for who has the device", labels=["device", "state"])
    used = GaugeMetricFamily("lmms_eval_device_memory_used_bytes", "Memory in use, by anyone", labels=["device"])
    size = GaugeMetricFamily("lmms_eval_device_memory_size_bytes", "Memory of the device", labels=["device"])
    busy = GaugeMetricFamily("lmms_eval_device_utilization_ratio", "Busy share of the last second", labels=["device"])
    for device in devices:
        for each in STATES:
            state.add_metric([device.id, each], float(each == device_state(device)))
        for family, value in ((used, device.memory_used), (size, device.memory_total), (busy, device.utilization)):
            if value is not None:
                family.add_metric([device.id], value)
    yield from (state, used, size, busy)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    return [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in histogram.up_to()]
