"""How the agent is, in a word and in reasons. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from edge_agent.model import PoolView, SlotState, Trigger, WorkerView


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


class HealthPayload(msgspec.Struct, frozen=True):
    """The agent's health; `since` is when the status became what it is."""

    status: str
    reasons: tuple[str, ...]
    since: datetime
    version: str
    started_at: datetime
    workers: tuple[WorkerPayload, ...]
    queue: dict[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok`, `degraded` or `failed`, and why."""

    status: str
    reasons: tuple[str, ...]


def assess(view: PoolView, complaint: str = "") -> Verdict:
    """Return how the agent is, by its pool and what else it complains about."""
    reasons: tuple[str, ...] = (complaint,) if complaint else ()
    reasons += tuple(reason for worker in view.workers if (reason := _complaint(worker)))
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


@dataclass(frozen=True, slots=True)
class Run:
    """This run of the agent."""

    version: str
    started_at: datetime


def health(view: PoolView, verdict: Verdict, run: Run, *, since: datetime, now_at: datetime) -> HealthPayload:
    """Return the health as it is published."""
    uptime_s = (now_at - run.started_at).total_seconds()
    return HealthPayload(
        status=verdict.status,
        reasons=verdict.reasons,
        since=since,
        version=run.version,
        started_at=run.started_at,
        workers=tuple(_worker(each, uptime_s) for each in view.workers),
        queue={trigger.word: view.waiting[trigger] for trigger in Trigger},
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
