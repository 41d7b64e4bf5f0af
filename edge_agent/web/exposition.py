"""Health and metrics for Prometheus: the values of the MQTT messages, in seconds and bytes, and no others. Pure.

No label holds what a stranger chose: doorbells are `doorbells.max_doorbells` at the most, all other labels are words of
the MQTT interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from edge_agent.model import DropReason, ShedReason, SlotState
from edge_agent.reasons import ExitReason, FailureReason
from edge_agent.web.board import BOUNDS_MS, SILENT_S
from edge_agent.wire import RejectionReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from edge_agent.results.counters import MetricsPayload
    from edge_agent.results.health import HealthPayload, HostPayload, WorkerPayload
    from edge_agent.results.histogram import QuantilesPayload
    from edge_agent.web.board import Sight, Times, View

STATUSES: Final = ("ok", "degraded", "failed")
USABLE: Final = frozenset({"proven", "in_use"})
PERCENTILES: Final = (50, 95, 99)


class Collected:
    """A collector of Prometheus' client library that gives what a board says at the time of each scrape."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        view = self._view()
        yield from _of_the_agent(view)
        if view.health is not None:
            yield from _of_health(view.health)
        if view.metrics is not None:
            yield from _of_metrics(view.metrics)
        yield from _of_doorbells(view.doorbells)


def exposition(view: View, accept: str) -> tuple[str, bytes]:
    """Return the content type that the Accept header asks for, and all metrics in it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected(lambda: view))
    encode, content_type = choose_encoder(accept)
    return content_type, encode(registry)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"edge_agent_{name}", meaning, value=value)


def _gauges(name: str, meaning: str, labels: Iterable[str], samples: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(f"edge_agent_{name}", meaning, labels=list(labels))
    for values, sample in samples.items():
        family.add_metric(values, sample)
    return family


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"edge_agent_{name}", meaning, value=value)


def _counters(name: str, meaning: str, label: str, samples: Mapping[str, float], words: Iterable[str] = ()) -> Metric:
    """Return a counter of which every one of `words` is there, also at 0: an increase from nothing is not seen."""
    family = CounterMetricFamily(f"edge_agent_{name}", meaning, labels=[label])
    for word, sample in (dict.fromkeys(words, 0) | dict(samples)).items():
        family.add_metric([word], sample)
    return family


def _of_the_agent(view: View) -> Iterator[Metric]:
    yield _gauge("up", "1 while the agent's own thread tells its health", view.silent_s <= SILENT_S)
    yield _gauge("silent_seconds", "Since the agent last told its health", view.silent_s)
    yield _durations(view.times)


def _of_health(health: HealthPayload) -> Iterator[Metric]:
    yield _gauges("info", "Always 1", ["version"], {(health.version,): 1})
    yield _gauge("start_time_seconds", "When the agent started, in Unix time", health.started_at.timestamp())
    yield _gauges("status", "1 for the status that holds", ["status"],
                  {(each,): health.status == each for each in STATUSES})  # fmt: skip
    yield _gauges("problem", "1 for each kind of problem that makes the status what it is", ["code"],
                  {(each.code,): 1 for each in health.problems})  # fmt: skip
    yield _gauge("broker_connected", "1 while the broker is connected", health.broker.connected)
    yield _gauges("queue_frames", "Frames that wait", ["trigger"], {(word,): n for word, n in health.queue.items()})
    yield _gauge("memory_bytes", "Memory of the agent and its workers", health.memory_mb * 1e6)
    yield _gauge("workers_alive", "Workers that can take frames", health.workers_alive)
    yield _gauge("workers_wanted", "Workers that there should be", len(health.workers))
    yield from _of_workers(health.workers)
    yield from _of_the_host(health.host)
    yield _gauges(
        "accelerator_usable",
        "1 for an EdgeTPU or a GPU that works",
        ["strategy", "model", "device"],
        {(each.strategy, each.model, each.device): each.state in USABLE for each in health.accelerators},
    )


def _of_the_host(host: HostPayload) -> Iterator[Metric]:
    """Yield what is known of the machine; what nothing tells has a name and no value."""
    for name, meaning, value in (
        ("cpu_temperature_celsius", "Temperature of the processor", host.cpu_temperature_c),
        ("cpu_throttled", "1 while the machine slows its processor down", host.throttled),
        ("under_voltage", "1 while the power supply gives too little voltage", host.under_voltage),
        ("load_1m", "Processes that wanted to run, over the last minute", host.load_1m),
        ("cpu_cores", "Cores of the processor", host.cores),
        ("memory_free_bytes", "Memory of the machine that programs could still have", _bytes(host.memory_free_mb)),
        ("disk_free_bytes", "Free space where the agent keeps what it remembers", _bytes(host.disk_free_mb)),
    ):
        yield _gauges(name, meaning, [], {} if value is None else {(): value})
    yield _counter("clock_jumps", "How often the wall clock was set", host.clock_jumps)


def _bytes(megabytes: float | None) -> float | None:
    return None if megabytes is None else megabytes * 1e6


def _of_workers(workers: Iterable[WorkerPayload]) -> Iterator[Metric]:
    workers = tuple(workers)
    yield _gauges(
        "worker_state",
        "1 for the state that holds",
        ["worker", "state"],
        {(str(each.slot), state.value): each.state == state.value for each in workers for state in SlotState},
    )
    yield _gauges(
        "worker_info",
        "Always 1, while a worker has a detector",
        ["worker", "strategy", "model"],
        {(str(each.slot), each.strategy or "", each.model or ""): 1 for each in workers if each.strategy},
    )
    yield _gauges("worker_memory_bytes", "Memory of a worker", ["worker"],
                  {(str(each.slot),): each.memory_mb * 1e6 for each in workers})  # fmt: skip
    yield _gauges("worker_busy_ratio", "Share of the last minute in which a worker looked", ["worker"],
                  {(str(each.slot),): each.busy_percent / 100 for each in workers})  # fmt: skip


def _of_metrics(metrics: MetricsPayload) -> Iterator[Metric]:
    failures, sheds = (reason.value for reason in FailureReason), (reason.value for reason in ShedReason)
    rejections = (reason.value for reason in RejectionReason)
    yield _counters("frames_received", "Frames that were taken on", "trigger", metrics.received)
    yield _counters("frames_answered", "Frames that were looked at", "outcome", metrics.answered)
    yield _counters("frames_failed", "Frames that could not be looked at", "reason", metrics.failed, failures)
    yield _counters("frames_shed", "Ordinary frames that were dropped unseen", "reason", metrics.shed, sheds)
    yield _counters("faces_rejected", "Likely faces that do not count", "reason", metrics.rejected, rejections)
    drops, exits = (reason.value for reason in DropReason), (reason.value for reason in ExitReason)
    yield _counters("messages_dropped", "Messages that were no frame and no press", "reason", metrics.dropped, drops)
    yield _gauge("frames_in_flight", "Frames that wait or are looked at", metrics.in_flight)
    yield _gauge("messages_unsent", "Messages that the broker does not have yet", metrics.unsent)
    yield _counters("worker_deaths", "Workers that ended unasked", "reason", metrics.deaths, exits)
    for name, meaning, value in (
        ("faces", "Faces that were found", metrics.faces),
        ("presses", "Presses of a bell", metrics.presses),
        ("redeliveries", "Frames that came again and were known", metrics.repeated),
        ("retries", "Frames that were tried again", metrics.retries),
        ("worker_restarts", "Workers that were replaced", metrics.restarts),
        ("promotions", "Workers that were given an EdgeTPU or a GPU", metrics.promotions),
        ("demotions", "Workers that lost an EdgeTPU or a GPU", metrics.demotions),
        ("broker_connections", "Connections to the broker", metrics.connections),
        ("messages_too_old", "Messages that were too old to send when the broker was back", metrics.unsent_dropped),
    ):
        yield _counter(name, meaning, value)
    yield _percentiles("latency_seconds", "From a frame's arrival to its result, over the last minute",
                       "trigger", metrics.latency_ms)  # fmt: skip
    yield _percentiles("stage_seconds", "Time of a stage, over the last minute", "stage", metrics.stage_ms)


def _percentiles(name: str, meaning: str, label: str, measured: Mapping[str, QuantilesPayload]) -> Metric:
    """Return seconds by percentile; there is none where no frame was looked at."""
    known: dict[tuple[str, ...], float] = {
        (word, str(percentile)): getattr(quantiles, f"p{percentile}") / 1000
        for word, quantiles in measured.items()
        for percentile in PERCENTILES
        if quantiles.n
    }
    return _gauges(name, meaning, [label, "percentile"], known)


def _durations(times: Times) -> Metric:
    family = HistogramMetricFamily(
        "edge_agent_frame_duration_seconds",
        "Time of a stage of a frame that was looked at; total: from its arrival to its result",
        labels=["trigger", "stage"],
    )
    for (trigger, stage), (counts, count, sum_ms) in times.items():
        bounds = [f"{bound_ms / 1000:g}" for bound_ms in BOUNDS_MS]
        buckets = [*zip(bounds, counts, strict=True), ("+Inf", count)]
        family.add_metric([trigger.word, stage], buckets, sum_ms / 1000)
    return family


def _of_doorbells(doorbells: Iterable[Sight]) -> Iterator[Metric]:
    doorbells = tuple(doorbells)
    yield _gauges("doorbell_online", "1 while frames of a doorbell come", ["doorbell"],
                  {(each.name,): each.online for each in doorbells})  # fmt: skip
    yield _gauges("doorbell_faces", "Faces in the last frame that was looked at", ["doorbell"],
                  {(each.name,): each.state.faces or 0 for each in doorbells})  # fmt: skip
