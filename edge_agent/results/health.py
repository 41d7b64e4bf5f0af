"""How the agent is, in a word and in reasons. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.model import AcceleratorView, PoolView, SlotState, Trigger, WorkerView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.results.timings import TimingsView

STRATEGIES: Final = ("edgetpu", "gpu", "cpu", "mock")
"""Best first."""


class WorkerPayload(msgspec.Struct, frozen=True):
    """One worker of the pool."""

    slot: int
    pid: int | None
    state: str
    strategy: str | None
    model: str | None
    memory_mb: float
    jobs: int
    busy_percent: float
    restarts: int
    last_error: str | None


class AcceleratorPayload(msgspec.Struct, frozen=True):
    """An EdgeTPU or a GPU: `reason` is why it cannot be used, `lost_at` since when, if it was in use before."""

    strategy: str
    model: str
    device: str
    state: str
    reason: str | None
    lost_at: datetime | None


class MissingPayload(msgspec.Struct, frozen=True):
    """A strategy of the settings that cannot be had here, and why."""

    strategy: str
    reason: str


class HealthPayload(msgspec.Struct, frozen=True):
    """The agent's health; `since` is when the status became what it is."""

    status: str
    reasons: tuple[str, ...]
    since: datetime
    version: str
    started_at: datetime
    workers: tuple[WorkerPayload, ...]
    accelerators: tuple[AcceleratorPayload, ...]
    missing: tuple[MissingPayload, ...]
    latest_version: str | None
    workers_alive: int
    queue_depth: int
    worker_restarts: int
    detector: str
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    fps: float
    dropped_percent: float
    memory_mb: float
    cpu_temperature_c: float | None
    queue: dict[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok`, `degraded` or `failed`, and why."""

    status: str
    reasons: tuple[str, ...]


def assess(view: PoolView, complaints: Iterable[str], now_at: datetime) -> Verdict:
    """Return how the agent is, by its pool and what else it complains about.

    An accelerator that was never there is no complaint: the default settings ask for all of them.
    """
    reasons = tuple(complaint for complaint in complaints if complaint)
    reasons += tuple(reason for worker in view.workers if (reason := _complaint(worker)))
    reasons += tuple(_loss(each, now_at) for each in view.accelerators if each.lost_for_s is not None)
    reasons += tuple(f"{each.strategy} {each.model} is not available: {each.reason}" for each in view.unavailable)
    if view.workers and all(worker.state is SlotState.PARKED for worker in view.workers):
        return Verdict("failed", reasons)
    return Verdict("degraded" if reasons else "ok", reasons)


def _complaint(worker: WorkerView) -> str:
    match worker.state:
        case SlotState.PARKED:
            return f"worker {worker.slot} is parked after too many deaths: {worker.last_error}"
        case SlotState.WAITING | SlotState.LOST:
            return f"worker {worker.slot} is being replaced: {worker.last_error}"
        case _:
            return ""


def _loss(accelerator: AcceleratorView, now_at: datetime) -> str:
    lost_at = _lost_at(accelerator, now_at)
    since = f" since {lost_at.astimezone():%H:%M}" if lost_at else ""
    return (
        f"{accelerator.strategy} ({accelerator.device}) is lost{since}: {accelerator.reason}; the processor stands in"
    )


def _lost_at(accelerator: AcceleratorView, now_at: datetime) -> datetime | None:
    return None if accelerator.lost_for_s is None else now_at - timedelta(seconds=accelerator.lost_for_s)


@dataclass(frozen=True, slots=True)
class Load:
    """How much the agent has to do, and what it takes; a temperature of None is not known."""

    timings: TimingsView
    memory_mb: float
    cpu_temperature_c: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """This run of the agent."""

    version: str
    started_at: datetime


def health(  # noqa: PLR0913 - there is much to tell
    view: PoolView, verdict: Verdict, run: Run, load: Load, *, since: datetime, now_at: datetime
) -> HealthPayload:
    """Return the health as it is published."""
    uptime_s = (now_at - run.started_at).total_seconds()
    return HealthPayload(
        status=verdict.status,
        reasons=verdict.reasons,
        since=since,
        version=run.version,
        started_at=run.started_at,
        workers=tuple(_worker(each, uptime_s) for each in view.workers),
        accelerators=tuple(_accelerator(each, now_at) for each in view.accelerators),
        missing=tuple(MissingPayload(each.strategy, each.reason) for each in view.missing),
        latest_version=None,
        workers_alive=view.working(),
        queue_depth=sum(view.waiting.values()),
        worker_restarts=view.restarts,
        detector=detector_in_use(view),
        latency_p50_ms=load.timings.latency.p50,
        latency_p95_ms=load.timings.latency.p95,
        fps=load.timings.fps,
        dropped_percent=load.timings.dropped_percent,
        memory_mb=load.memory_mb,
        cpu_temperature_c=load.cpu_temperature_c,
        queue={trigger.word: view.waiting[trigger] for trigger in Trigger},
    )


def detector_in_use(view: PoolView) -> str:
    """Return the best strategy that a working worker uses, or `none`."""
    working = {SlotState.IDLE, SlotState.BUSY}
    used = {worker.detector.strategy for worker in view.workers if worker.detector and worker.state in working}
    return next((strategy for strategy in STRATEGIES if strategy in used), "none")


def _accelerator(accelerator: AcceleratorView, now_at: datetime) -> AcceleratorPayload:
    return AcceleratorPayload(
        strategy=accelerator.strategy,
        model=accelerator.model,
        device=accelerator.device,
        state=accelerator.state.value,
        reason=accelerator.reason or None,
        lost_at=_lost_at(accelerator, now_at),
    )


def _worker(worker: WorkerView, uptime_s: float) -> WorkerPayload:
    return WorkerPayload(
        slot=worker.slot,
        pid=worker.pid,
        state=worker.state.value,
        strategy=worker.detector.strategy if worker.detector else None,
        model=worker.detector.model if worker.detector else None,
        memory_mb=round(worker.memory_bytes / 1e6, 1),
        jobs=worker.jobs_done,
        busy_percent=round(100 * worker.busy_s / uptime_s, 1) if uptime_s > 0 else 0.0,
        restarts=worker.restarts,
        last_error=worker.last_error or None,
    )
