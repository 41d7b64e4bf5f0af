"""The messages of the error topic: one for each failed frame, each worker that died, each new problem. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.domain import Publication
from edge_agent.doorbells.failures import failure_of, is_error, is_published
from edge_agent.doorbells.payloads import encode
from edge_agent.telemetry.problem_codes import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.domain import Outcome
    from edge_agent.doorbells.events import Stamp
    from edge_agent.pool.views import PoolView
    from edge_agent.telemetry.problems import Problem

DIED: Final = "died"
COMPONENTS: Final = {
    ProblemCode.NO_WORKERS: "pool",
    ProblemCode.WORKERS_DYING: "pool",
    ProblemCode.WORKER_CIRCUIT_OPEN: "worker",
    ProblemCode.WORKER_AWAY: "worker",
    ProblemCode.ACCELERATOR_LOST: "accelerator",
    ProblemCode.DETECTOR_UNAVAILABLE: "detector",
    ProblemCode.CAMERA_AWAY: "camera",
    ProblemCode.BROKER_LOST: "broker",
    ProblemCode.BROKER_REFUSES: "broker",
    ProblemCode.BROKER_UNSTABLE: "broker",
    ProblemCode.TWO_AGENTS: "agent",
    ProblemCode.OVERLOAD: "queue",
    ProblemCode.FRAMES_FAILING: "camera",
}
"""The component of a problem, by its code; all others belong to the host."""


class ErrorPayload(msgspec.Struct, frozen=True):
    """An error: component, code and sentence; the keys of the frame and of the detector, or null."""

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
    """An error before it is published."""

    component: str
    error_type: str
    message: str
    doorbell: str | None = None
    frame_id: str | None = None
    frame_event_id: str | None = None
    detector: str | None = None
    worker: int | None = None


def of_frame(outcome: Outcome) -> ErrorEvent | None:
    """Return the failure of a frame, or None if it did not fail or was skipped on purpose."""
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
    """Yield the workers that died between two views, at most one per slot."""
    restarts = {worker.slot: worker.restarts for worker in before.workers} if before else {}
    for worker in after.workers:
        if worker.restarts > restarts.get(worker.slot, 0):
            said = worker.last_error.text if worker.last_error else ""
            yield ErrorEvent("worker", DIED, said, worker=worker.slot)


def of_problem(problem: Problem) -> ErrorEvent:
    """Return the error event of a new problem."""
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
