"""The health message. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from edge_agent.domain import Trigger
from edge_agent.reasons import ConnectError, ExitReason, UnavailableReason
from edge_agent.telemetry.problems import lost_at, strategy_in_use
from edge_agent.telemetry.status import ProblemPayload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.capture.views import CameraView
    from edge_agent.platform.host_metrics import HostView
    from edge_agent.pool.views import AcceleratorView, PoolView, WorkerView
    from edge_agent.telemetry.problems import BrokerView, Snapshot
    from edge_agent.telemetry.status import Verdict
    from edge_agent.telemetry.timings import TimingsView


class WorkerPayload(msgspec.Struct, frozen=True):
    """One worker of the pool; `utilization_percent` is of the last minute.

    `last_error` is how the last process ended, `last_error_detail` is the same as a sentence.
    """

    slot: int
    pid: int | None
    state: str
    strategy: str | None
    model: str | None
    memory_mb: float
    jobs: int
    utilization_percent: float
    utilization_percent_since_start: float
    restarts: int
    last_error: ExitReason | None
    last_error_detail: str | None
    sandbox: str | None


class AcceleratorPayload(msgspec.Struct, frozen=True):
    """An accelerator: why it is unavailable (`detail`: as a sentence), and since when if it was in use before."""

    strategy: str
    model: str
    device: str
    state: str
    reason: UnavailableReason | None
    detail: str | None
    lost_at: datetime | None


class MissingPayload(msgspec.Struct, frozen=True):
    """A strategy of the settings that is unavailable on this host, and why (`detail`: as a sentence)."""

    strategy: str
    reason: UnavailableReason
    detail: str


class CameraPayload(msgspec.Struct, frozen=True):
    """A camera that the agent captures; `reason` is a code, and `detail` a sentence, both null while it is live."""

    doorbell: str
    kind: str
    address: str
    state: str
    reason: str | None
    detail: str | None
    codec: str | None
    width: int | None
    height: int | None
    frames: int
    attempts: int
    faults: dict[str, int]
    last_frame_at: datetime | None
    memory_mb: float
    restarts: int
    pid: int | None
    sandbox: str | None


class BrokerPayload(msgspec.Struct, frozen=True):
    """The connection to the broker: since when it is up or down, and the number of connections since the start.

    `reason` is why there is none, or why the last one ended; `detail` is the same as a sentence.
    """

    connected: bool
    since: datetime
    protocol: str | None
    connections: int
    reason: ConnectError | None
    detail: str | None


class HostPayload(msgspec.Struct, frozen=True):
    """The host; null where it reports nothing. `clock_jump_s` is the size of the last step of the clock."""

    cpu_temperature_c: float | None
    throttled: bool | None
    under_voltage: bool | None
    load1: float
    cores: int
    memory_total_mb: float | None
    memory_free_mb: float | None
    disk_free_mb: float | None
    clock_jumps: int
    clock_jump_s: float


class HealthPayload(msgspec.Struct, frozen=True):
    """The agent's health; `since` is the time of the last change of the status."""

    status: str
    reasons: tuple[str, ...]
    problems: tuple[ProblemPayload, ...]
    since: datetime
    version: str
    started_at: datetime
    workers: tuple[WorkerPayload, ...]
    accelerators: tuple[AcceleratorPayload, ...]
    missing: tuple[MissingPayload, ...]
    cameras: tuple[CameraPayload, ...]
    broker: BrokerPayload
    host: HostPayload
    workers_alive: int
    queue_depth: int
    worker_restarts: int
    detector: str
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    fps: float
    dropped_percent: float
    memory_mb: float
    queue: dict[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """This run of the agent; its uptime is from the monotonic clock."""

    version: str
    started_at: datetime
    uptime_s: float = 0.0


def health(
    snapshot: Snapshot, verdict: Verdict, run: Run, timings: TimingsView, utilization_percent: Mapping[int, float]
) -> HealthPayload:
    """Return the health message; `utilization_percent` is that of each worker over the last minute."""
    view, now_at = snapshot.pool, snapshot.now_at
    return HealthPayload(
        status=verdict.status,
        reasons=verdict.reasons,
        problems=verdict.problems,
        since=verdict.since_at,
        version=run.version,
        started_at=run.started_at,
        workers=tuple(_worker(each, run.uptime_s, utilization_percent.get(each.slot, 0.0)) for each in view.workers),
        accelerators=tuple(_accelerator(each, now_at) for each in view.accelerators),
        missing=tuple(MissingPayload(each.strategy, each.fault.reason, each.fault.text) for each in view.missing),
        cameras=tuple(map(_camera, snapshot.cameras)),
        broker=_broker(snapshot.broker),
        host=_host(snapshot.host),
        workers_alive=view.working(),
        queue_depth=sum(view.waiting.values()),
        worker_restarts=view.restarts,
        detector=strategy_in_use(view),
        latency_p50_ms=timings.latency.p50,
        latency_p95_ms=timings.latency.p95,
        fps=timings.fps,
        dropped_percent=timings.dropped_percent,
        memory_mb=memory_mb(view, snapshot.host),
        queue={trigger.code: view.waiting[trigger] for trigger in Trigger},
    )


def memory_mb(view: PoolView, host: HostView) -> float:
    """Return the memory of the agent and its workers, in megabytes."""
    workers_bytes = sum(worker.memory_bytes for worker in view.workers)
    return round((host.memory_bytes + workers_bytes) / 1e6, 1)


def _camera(camera: CameraView) -> CameraPayload:
    report = camera.report
    return CameraPayload(
        doorbell=camera.doorbell,
        kind=camera.kind.value,
        address=camera.address,
        state=report.state.value,
        reason=report.reason.value if report.reason else None,
        detail=camera.fault or None,
        codec=report.codec or None,
        width=report.width or None,
        height=report.height or None,
        frames=camera.counts.frames,
        attempts=camera.counts.attempts,
        faults={reason.value: count for reason, count in camera.counts.faults.items()},
        last_frame_at=None if report.last_frame_at is None else datetime.fromtimestamp(report.last_frame_at, UTC),
        memory_mb=round(report.memory_bytes / 1e6, 1),
        restarts=camera.restarts,
        pid=camera.pid,
        sandbox=report.sandbox or None,
    )


def _broker(broker: BrokerView) -> BrokerPayload:
    return BrokerPayload(
        connected=broker.connected,
        since=broker.since_at,
        protocol=broker.protocol or None,
        connections=broker.connections,
        reason=broker.reason,
        detail=broker.detail or None,
    )


def _host(host: HostView) -> HostPayload:
    return HostPayload(
        cpu_temperature_c=host.cpu_temperature_c,
        throttled=host.throttled,
        under_voltage=host.under_voltage,
        load1=host.load1,
        cores=host.cores,
        memory_total_mb=_megabytes(host.memory_total_bytes),
        memory_free_mb=_megabytes(host.memory_free_bytes),
        disk_free_mb=_megabytes(host.disk_free_bytes),
        clock_jumps=host.clock_jumps,
        clock_jump_s=host.clock_jump_s,
    )


def _megabytes(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else round(size_bytes / 1e6, 1)


def _accelerator(accelerator: AcceleratorView, now_at: datetime) -> AcceleratorPayload:
    return AcceleratorPayload(
        strategy=accelerator.strategy,
        model=accelerator.model,
        device=accelerator.device,
        state=accelerator.state.value,
        reason=accelerator.fault.reason if accelerator.fault else None,
        detail=accelerator.fault.text if accelerator.fault else None,
        lost_at=lost_at(accelerator, now_at),
    )


def _worker(worker: WorkerView, uptime_s: float, utilization_percent: float) -> WorkerPayload:
    return WorkerPayload(
        slot=worker.slot,
        pid=worker.pid,
        state=worker.state.value,
        strategy=worker.detector.strategy if worker.detector else None,
        model=worker.detector.model if worker.detector else None,
        memory_mb=round(worker.memory_bytes / 1e6, 1),
        jobs=worker.jobs_done,
        utilization_percent=utilization_percent,
        utilization_percent_since_start=round(100 * worker.busy_s / uptime_s, 1) if uptime_s > 0 else 0.0,
        restarts=worker.restarts,
        last_error=worker.last_error.reason if worker.last_error else None,
        last_error_detail=worker.last_error.text if worker.last_error else None,
        sandbox=worker.sandbox or None,
    )
