"""Health and metrics for Prometheus: the values of the MQTT messages, in seconds and bytes. Pure.

Label values are codes of the MQTT interface, and the names of at most `doorbells.max_doorbells` doorbells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from edge_agent.domain import DropReason, PressDropReason, ShedReason, SideKey
from edge_agent.pool.views import AcceleratorState, SlotState
from edge_agent.reasons import ExitReason, FailureReason
from edge_agent.telemetry.timings import LATENCY_BOUNDS_MS, TOTAL
from edge_agent.web.board import SILENT_S
from edge_agent.web.camera_metrics import of_cameras
from edge_agent.wire import RejectionReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from edge_agent.telemetry.counters import MetricsPayload
    from edge_agent.telemetry.health import HealthPayload, HostPayload, WorkerPayload
    from edge_agent.telemetry.timings import LatencyCounts
    from edge_agent.web.board import DoorbellView, View

STATUSES: Final = ("ok", "degraded", "failed")
USABLE: Final = frozenset({AcceleratorState.AVAILABLE, AcceleratorState.IN_USE})


class Collected:
    """A collector for Prometheus' client library; it reads the board at each scrape."""

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
    """Return the content type requested by the Accept header, and all metrics in it."""
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


def _counters(name: str, meaning: str, label: str, samples: Mapping[str, float], codes: Iterable[str] = ()) -> Metric:
    """Return a counter with a sample for each of `codes`, 0 included: `increase()` does not see a first sample."""
    family = CounterMetricFamily(f"edge_agent_{name}", meaning, labels=[label])
    for code, sample in (dict.fromkeys(codes, 0) | dict(samples)).items():
        family.add_metric([code], sample)
    return family


def _of_the_agent(view: View) -> Iterator[Metric]:
    yield _gauge("up", "1 while the agent's main thread is active", view.silent_s <= SILENT_S)
    yield _gauge(
        "last_heartbeat_timestamp_seconds", "Unix time of the last sign of life of the main thread", view.active_at
    )
    yield from _durations(view.times)


def _of_health(health: HealthPayload) -> Iterator[Metric]:
    yield _gauges("info", "Version of the agent; always 1", ["version"], {(health.version,): 1})
    yield _gauge("start_time_seconds", "Unix time at which the agent started", health.started_at.timestamp())
    yield _gauges("status", "1 for the current status", ["status"],
                  {(each,): health.status == each for each in STATUSES})  # fmt: skip
    yield _gauges("problem", "1 for each current kind of problem", ["code"],
                  {(each.code,): 1 for each in health.problems})  # fmt: skip
    yield _gauge("broker_connected", "1 while the broker is connected", health.broker.connected)
    yield _gauges("queue_frames", "Frames in the queue", ["trigger"], {(word,): n for word, n in health.queue.items()})
    yield _gauge("memory_bytes", "Memory used by the agent and its workers", health.memory_mb * 1e6)
    yield _gauge("workers_alive", "Workers that can take frames", health.workers_alive)
    yield _gauge("workers_desired", "Configured number of workers", len(health.workers))
    yield from _of_workers(health.workers)
    yield from _of_the_host(health.host)
    yield from of_cameras(health.cameras)
    yield _gauges(
        "accelerator_usable",
        "1 for each accelerator that is available or in use",
        ["strategy", "model", "device"],
        {(each.strategy, each.model, each.device): each.state in USABLE for each in health.accelerators},
    )


def _of_the_host(host: HostPayload) -> Iterator[Metric]:
    """Yield what is known about the host; a value that the host does not report has no sample."""
    for name, meaning, value in (
        ("cpu_temperature_celsius", "Temperature of the processor", host.cpu_temperature_c),
        ("cpu_throttled", "1 while the host throttles its processor", host.throttled),
        ("under_voltage", "1 while the supply voltage is too low", host.under_voltage),
        ("load1", "Load average of the last minute", host.load1),
        ("cpu_cores", "Processor cores", host.cores),
        ("memory_free_bytes", "Available memory of the host", _bytes(host.memory_free_mb)),
        ("disk_free_bytes", "Free disk space in the state folder", _bytes(host.disk_free_mb)),
    ):
        yield _gauges(name, meaning, [], {} if value is None else {(): value})
    yield _counter("clock_jumps", "Steps of the wall clock", host.clock_jumps)


def _bytes(megabytes: float | None) -> float | None:
    return None if megabytes is None else megabytes * 1e6


def _of_workers(workers: Iterable[WorkerPayload]) -> Iterator[Metric]:
    workers = tuple(workers)
    yield _gauges(
        "worker_state",
        "1 for the current state of a worker",
        ["worker", "state"],
        {(str(each.slot), state.value): each.state == state.value for each in workers for state in SlotState},
    )
    yield _gauges(
        "worker_info",
        "Detector of a worker; always 1",
        ["worker", "strategy", "model"],
        {(str(each.slot), each.strategy or "", each.model or ""): 1 for each in workers if each.strategy},
    )
    yield _gauges("worker_memory_bytes", "Memory used by a worker", ["worker"],
                  {(str(each.slot),): each.memory_mb * 1e6 for each in workers})  # fmt: skip
    yield _gauges("worker_utilization_ratio", "Share of the last minute in which a worker was busy", ["worker"],
                  {(str(each.slot),): each.utilization_percent / 100 for each in workers})  # fmt: skip


def _of_metrics(metrics: MetricsPayload) -> Iterator[Metric]:
    failures, sheds = (reason.value for reason in FailureReason), (reason.value for reason in ShedReason)
    rejections = (reason.value for reason in RejectionReason)
    drops, exits = (reason.value for reason in DropReason), (reason.value for reason in ExitReason)
    unrung, keys = (reason.value for reason in PressDropReason), (key.value for key in SideKey)
    yield _counters("frames_received", "Frames that the agent accepted", "trigger", metrics.received)
    yield _counters("frames_answered", "Frames in which detection ran", "outcome", metrics.answered)
    yield _counters("frames_failed", "Frames in which detection failed", "reason", metrics.failed, failures)
    yield _counters("frames_shed", "Frames that were dropped before detection", "reason", metrics.shed, sheds)
    yield _counters("faces_rejected", "Detections that were rejected", "reason", metrics.rejected, rejections)
    yield _counters("messages_dropped", "Messages that the agent ignored", "reason", metrics.dropped, drops)
    yield _counters("presses_dropped", "Presses that did not ring", "reason", metrics.presses_dropped, unrung)
    yield _counters("unreadable_keys", "Keys of frames that could not be read", "key", metrics.unreadable_keys, keys)
    yield _gauge("frames_in_flight", "Frames in the queue or in a worker", metrics.in_flight)
    yield _gauge("messages_unsent", "Messages that the broker has not confirmed yet", metrics.unsent)
    yield _counters("worker_deaths", "Workers that ended unexpectedly", "reason", metrics.deaths, exits)
    for name, meaning, value in (
        ("faces", "Detected faces", metrics.faces),
        ("presses", "Presses of a doorbell", metrics.presses),
        ("history_dropped", "Messages for the history that were lost", metrics.history_dropped),
        ("redeliveries", "Redelivered frames that were known already", metrics.repeated),
        ("retries", "Repeated attempts at a frame", metrics.retries),
        ("worker_restarts", "Workers that were replaced", metrics.restarts),
        ("accelerator_assignments", "Assignments of an accelerator to a worker", metrics.accelerator_assignments),
        ("accelerator_releases", "Workers whose accelerator failed", metrics.accelerator_releases),
        ("broker_connections", "Connections to the broker", metrics.connections),
        ("messages_expired", "Messages that expired before the broker was back", metrics.unsent_dropped),
    ):
        yield _counter(name, meaning, value)


def _durations(times: LatencyCounts) -> Iterator[Metric]:
    """Yield the histograms since the start: of whole frames, and of their stages."""
    frames = HistogramMetricFamily(
        "edge_agent_frame_duration_seconds", "Time from a frame's arrival to its result", labels=["trigger"]
    )
    stages = HistogramMetricFamily(
        "edge_agent_stage_duration_seconds", "Time of one stage of a frame", labels=["trigger", "stage"]
    )
    bounds = [f"{bound_ms / 1000:g}" for bound_ms in LATENCY_BOUNDS_MS]
    for (trigger, stage), (counts, count, sum_ms) in times.items():
        buckets = [*zip(bounds, counts, strict=True), ("+Inf", count)]
        if stage == TOTAL:
            frames.add_metric([trigger.code], buckets, sum_ms / 1000)
        else:
            stages.add_metric([trigger.code, stage], buckets, sum_ms / 1000)
    yield frames
    yield stages


def _of_doorbells(doorbells: Iterable[DoorbellView]) -> Iterator[Metric]:
    doorbells = tuple(doorbells)
    yield _gauges("doorbell_online", "1 while a doorbell sends frames", ["doorbell"],
                  {(each.name,): each.online for each in doorbells})  # fmt: skip
    yield _gauges("doorbell_faces", "Faces in the last frame of a doorbell", ["doorbell"],
                  {(each.name,): each.state.faces or 0 for each in doorbells})  # fmt: skip
