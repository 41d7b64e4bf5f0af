"""What goes to the error topic: one message a failed frame, a worker that died, or a problem that appears. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.domain import Publication
from edge_agent.doorbells.failures import failure_of, is_error, is_published
from edge_agent.doorbells.payloads import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.domain import Outcome
    from edge_agent.doorbells.events import Stamp
    from edge_agent.pool.views import PoolView
    from edge_agent.telemetry.problems import Problem

DIED: Final = "died"
COMPONENTS: Final = {
    "no_workers": "pool",
    "workers_dying": "pool",
    "worker_circuit_open": "worker",
    "worker_away": "worker",
    "accelerator_lost": "accelerator",
    "detector_unavailable": "detector",
    "camera_away": "camera",
    "broker_lost": "broker",
    "broker_refuses": "broker",
    "overload": "queue",
    "frames_failing": "camera",
}
"""What a problem is one of, by its code; the others are the host's."""


class ErrorPayload(msgspec.Struct, frozen=True):
    """Something went wrong: in which part, of what kind, and in words; the frame's and the detector's keys or null."""

    event_id: str
    component: str
    error_type: str
    message: str
    doorbell: str | None
    frame_id: str | None
    frame_event_id: str | None
    detector: str | None
    worker: int | None
    published_at: datetime
    boot_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """Something that went wrong, before it is published."""

    component: str
    error_type: str
    message: str
    doorbell: str | None = None
    frame_id: str | None = None
    frame_event_id: str | None = None
    detector: str | None = None
    worker: int | None = None


def of_frame(outcome: Outcome) -> ErrorEvent | None:
    """Return a frame's failure, or None where it did not fail or somebody wanted it so."""
    failure = failure_of(outcome)
    if failure is None or not is_published(outcome) or not is_error(failure):
        return None
    frame, detector = outcome.frame, outcome.detector
    return ErrorEvent(
        component="worker" if detector else "agent",
        error_type=failure.reason.value,
        message=failure.detail,
        doorbell=frame.doorbell,
        frame_id=frame.frame_id,
        frame_event_id=frame.event_id,
        detector=f"{detector.strategy} {detector.model}" if detector else None,
        worker=detector.slot if detector else None,
    )


def of_workers(before: PoolView | None, after: PoolView) -> Iterator[ErrorEvent]:
    """Yield the deaths of workers between two views, one for each slot."""
    restarts = {worker.slot: worker.restarts for worker in before.workers} if before else {}
    for worker in after.workers:
        if worker.restarts > restarts.get(worker.slot, 0):
            yield ErrorEvent("worker", DIED, worker.last_error, worker=worker.slot)


def of_problem(problem: Problem) -> ErrorEvent:
    """Return a problem that has appeared."""
    component = COMPONENTS.get(problem.code, "host")
    worker = int(problem.about) if component == "worker" else None
    detector = problem.about if component in {"accelerator", "detector"} else None
    return ErrorEvent(component, problem.code, problem.text, detector=detector, worker=worker)


def error(agent_id: str, error_event: ErrorEvent, stamp: Stamp) -> Publication:
    """Return the message."""
    payload = ErrorPayload(
        event_id=f"error-{stamp.boot_id}-{stamp.sequence}",
        component=error_event.component,
        error_type=error_event.error_type,
        message=error_event.message,
        doorbell=error_event.doorbell,
        frame_id=error_event.frame_id,
        frame_event_id=error_event.frame_event_id,
        detector=error_event.detector,
        worker=error_event.worker,
        published_at=stamp.now_at,
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
    )
    return Publication(topics.error(agent_id), encode(payload))
