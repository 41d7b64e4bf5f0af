"""What the agent's thread reports to the writer of the history: small frozen values, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.wire import Detected

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.domain import Outcome, Pictures
    from edge_agent.doorbells.presses import Answer, Press
    from edge_agent.doorbells.visits import VisitChange


@dataclass(frozen=True, slots=True)
class PressBegan:
    """A doorbell was pressed."""

    press: Press


@dataclass(frozen=True, slots=True)
class PressAnswered:
    """A press was answered: with a face, without one, or `failed` for `reason`."""

    press: Press
    answer: str
    reason: str | None
    faces: int
    confidence: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class VisitChanged:
    """A visit began, changed or ended."""

    change: VisitChange
    at: datetime


@dataclass(frozen=True, slots=True)
class FrameDetected:
    """A frame of a visit or a press was processed; `quality` is that of its best face, 0 without one."""

    doorbell: str
    trigger: str
    visit_id: str | None
    faces: int
    quality: float
    rejected: tuple[str, ...]
    pictures: Pictures


@dataclass(frozen=True, slots=True)
class EntryDeleted:
    """The owner deleted an entry."""

    entry_id: str


HistoryMessage = PressBegan | PressAnswered | VisitChanged | FrameDetected | EntryDeleted


def size_bytes(message: HistoryMessage) -> int:
    """Return the bytes of the pictures in a message."""
    if isinstance(message, FrameDetected):
        return len(message.pictures.snapshot) + len(message.pictures.best_face)
    return 0


def of_answer(answered: Answer, at: datetime) -> PressAnswered:
    """Return the answer to a press as a message."""
    outcome, failure = answered.outcome, answered.failure
    faces = outcome.result.faces if outcome is not None and isinstance(outcome.result, Detected) else ()
    return PressAnswered(
        answered.press,
        answered.event_type,
        failure.reason.value if failure else None,
        len(faces),
        max((face.confidence for face in faces), default=None),
        at,
    )


def of_outcome(outcome: Outcome, visit_id: str | None) -> FrameDetected | None:
    """Return the result of a frame as a message, or None if the history needs nothing of it."""
    frame, result, trigger = outcome.frame, outcome.result, outcome.frame.trigger.code
    if not isinstance(result, Detected) or (visit_id is None and trigger != "press"):
        return None
    rejected = tuple(each.reason.value for each in result.rejected)
    quality = max((face.quality for face in result.faces), default=0.0)
    faces = len(result.faces)
    return FrameDetected(frame.doorbell, trigger, visit_id, faces, quality, rejected, outcome.pictures)
