"""What goes to the error topic: one message a failed frame, a worker that died, or a problem that appears. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.model import Publication
from edge_agent.results.failures import failure_of, is_error, is_published
from edge_agent.results.payloads import encode
from edge_agent.results.problems import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.model import Outcome, PoolView
    from edge_agent.results.events import Stamp
    from edge_agent.results.problems import Problem

DIED: Final = "died"
COMPONENTS: Final = {
    ProblemCode.NO_WORKERS: "pool",
    ProblemCode.WORKERS_DYING: "pool",
    ProblemCode.WORKER_PARKED: "worker",
    ProblemCode.WORKER_AWAY: "worker",
    ProblemCode.ACCELERATOR_LOST: "accelerator",
    ProblemCode.DETECTOR_UNAVAILABLE: "detector",
    ProblemCode.BROKER_LOST: "broker",
    ProblemCode.BROKER_REFUSES: "broker",
    ProblemCode.OVERLOAD: "queue",
    ProblemCode.FRAMES_FAILING: "camera",
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
class Mishap:
    """Something that went wrong, before it is published."""

    component: str
    error_type: str
    message: str
    doorbell: str | None = None
    frame_id: str | None = None
    frame_event_id: str | None = None
    detector: str | None = None
    worker: int | None = None


def of_frame(outcome: Outcome) -> Mishap | None:
    """Return a frame's failure, or None where it did not fail or somebody wanted it so."""
    failure = failure_of(outcome)
    if failure is None or not is_published(outcome) or not is_error(failure):
        return None
    frame, detector = outcome.frame, outcome.detector
    return Mishap(
        component="worker" if detector else "agent",
        error_type=failure.reason.value,
        message=failure.detail,
        doorbell=frame.doorbell,
        frame_id=frame.frame_id,
        frame_event_id=frame.event_id,
        detector=f"{detector.strategy} {detector.model}" if detector else None,
        worker=detector.slot if detector else None,
    )


def of_workers(before: PoolView | None, after: PoolView) -> Iterator[Mishap]:
    """Yield the deaths of workers between two views, one for each slot."""
    restarts = {worker.slot: worker.restarts for worker in before.workers} if before else {}
    for worker in after.workers:
        if worker.restarts > restarts.get(worker.slot, 0):
            said = worker.last_error.text if worker.last_error else ""
            yield Mishap("worker", DIED, said, worker=worker.slot)


def of_problem(problem: Problem) -> Mishap:
    """Return a problem that has appeared."""
    component = COMPONENTS.get(problem.code, "host")
    worker = int(problem.about) if component == "worker" else None
    detector = problem.about if component in {"accelerator", "detector"} else None
    return Mishap(component, problem.code, problem.text, detector=detector, worker=worker)


def error(agent_id: str, mishap: Mishap, stamp: Stamp) -> Publication:
    """Return the message."""
    payload = ErrorPayload(
        event_id=f"error-{stamp.boot_id}-{stamp.sequence}",
        component=mishap.component,
        error_type=mishap.error_type,
        message=mishap.message,
        doorbell=mishap.doorbell,
        frame_id=mishap.frame_id,
        frame_event_id=mishap.frame_event_id,
        detector=mishap.detector,
        worker=mishap.worker,
        published_at=stamp.now_at,
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
    )
    return Publication(topics.error(agent_id), encode(payload))
