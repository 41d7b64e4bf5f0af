"""Values for tests, with sensible defaults."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any, Final

from edge_agent.domain import (
    DetectorPlan,
    Failure,
    Frame,
    ImageHeader,
    Job,
    Outcome,
    ReplyTo,
    Shed,
    ShedReason,
    Trigger,
)
from edge_agent.doorbells.presses import Press
from edge_agent.pool import PoolLimits, ProbeLimits, RestartLimits
from edge_agent.pool.frame_queue import QueueLimits
from edge_agent.reasons import DetectorFault, ExitReason, UnavailableReason, WorkerExit
from edge_agent.wire import (
    Box,
    Detected,
    DetectorChoice,
    Face,
    FaceRules,
    FailureReason,
    ImageSize,
    Ready,
    SnapshotMode,
    StageTimes,
)

EXITED: Final = WorkerExit(ExitReason.EXITED, "0")
KILLED: Final = WorkerExit(ExitReason.KILLED, "SIGKILL")
CRASHED: Final = WorkerExit(ExitReason.CRASHED, "SIGSEGV")
NO_STICK: Final = DetectorFault(UnavailableReason.DEVICE_MISSING, "EdgeTPU usb:0")
NOT_INSTALLED: Final = DetectorFault(UnavailableReason.PACKAGE_MISSING, "a-package")
NOON: Final = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
LIMITS: Final = PoolLimits(
    workers=2,
    start_timeout_s=20.0,
    job_timeout_s=5.0,
    max_attempts=3,
    retry_delay_s=0.1,
    press_expiry_s=30.0,
    memory_limit_bytes=200_000_000,
    max_jobs=0,
    max_age_s=0.0,
    restart=RestartLimits(intensity=4, period_s=60.0, first_delay_s=0.1, longest_delay_s=30.0),
    queue=QueueLimits(frames=10, image_bytes=10_000, motion_per_doorbell=3),
    accelerator_timeout_s=2.0,
    probe=ProbeLimits(timeout_s=10.0, first_rest_s=5.0, longest_rest_s=600.0, steady_s=60.0, probes_to_return=2),
)
PLAN: Final = DetectorPlan((DetectorChoice("cpu", "yunet_n"),))
"""Workers without an accelerator."""

_numbers = itertools.count()


def frame(doorbell: str = "front", trigger: Trigger = Trigger.CONTINUOUS, **changes: Any) -> Frame:
    """Return a frame with a unique id."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "frame_id": f"frame-{number}",
        "event_id": f"event-{number}",
        "image": b"x" * 10,
        "header": ImageHeader("jpeg", 640, 480),
        "received_s": 0.0,
        "received_at": NOON,
    }
    return Frame(doorbell=doorbell, trigger=trigger, **(values | changes))


def job(
    doorbell: str = "front", trigger: Trigger = Trigger.CONTINUOUS, *, expires_s: float = 1e9, **changes: Any
) -> Job:
    """Return a job for a new frame."""
    return Job(frame(doorbell, trigger, **changes), FaceRules(0.7), expires_s, SnapshotMode.NEVER)


def face(confidence: float = 0.9) -> Face:
    """Return a face."""
    return Face(Box(10, 20, 30, 40), confidence, {"nose": (25, 40)})


def detected(faces: int = 1, *, job_id: int = 1, memory_bytes: int = 100_000_000) -> Detected:
    """Return a worker's result with that many faces."""
    return Detected(job_id, ImageSize(640, 480), (face(),) * faces, (), StageTimes(5.0, 8.0), memory_bytes)


def outcome(
    result: Detected | Failure | Shed | None = None, trigger: Trigger = Trigger.PRESS, **changes: Any
) -> Outcome:
    """Return the outcome of a new frame; by default one face was detected."""
    return Outcome(frame(trigger=trigger, **changes), detected() if result is None else result, attempts=1)


def failure(reason: FailureReason = FailureReason.TIMEOUT) -> Failure:
    """Return a failure."""
    return Failure(reason, f"because of {reason.value}")


def shed(reason: ShedReason = ShedReason.OVERLOAD) -> Shed:
    """Return the result of a shed frame."""
    return Shed(reason)


def press(doorbell: str = "front", at_s: float = 0.0) -> Press:
    """Return a press with a unique id."""
    return Press(doorbell, f"press-{next(_numbers)}", at_s, NOON)


def ready(strategy: str = "cpu", model: str = "yunet_n") -> Ready:
    """Return a worker's ready message."""
    return Ready(strategy, model, 50.0)


def reply_to() -> ReplyTo:
    """Return a sender's response topic."""
    return ReplyTo("my/answers", b"7")
