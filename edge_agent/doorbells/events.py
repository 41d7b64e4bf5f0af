"""Builds publications from outcomes and presses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.domain import (
    Outcome,
    Pictures,
    Publication,
    ReplyTo,
    Trigger,
)
from edge_agent.doorbells.failures import failure_of
from edge_agent.doorbells.payloads import (
    AnswerPayload,
    DetectorPayload,
    FacesPayload,
    PicturePayload,
    RingPayload,
    StatePayload,
    TimingPayload,
    VisitPayload,
    encode,
)
from edge_agent.doorbells.wall_clock import clock_jump_s
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.domain import Frame
    from edge_agent.doorbells.presses import Answer, Press
    from edge_agent.doorbells.visits import VisitChange

RING: Final = "-ring"
RING_LIFETIME_S: Final = 60.0
"""A ring that was not sent within this time is dropped."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time and number that identify an event of this run."""

    boot_id: str
    sequence: int
    now_s: float
    now_at: datetime
    has_visit_pages: bool = False

    def history_path(self, entry_id: str) -> str | None:
        """Return the path of a visit or a press on the agent's page, or None if there is none."""
        return f"/visits/{entry_id}" if self.has_visit_pages else None

    def age_ms(self, since_s: float) -> int:
        """Return the milliseconds since `since_s`, independent of changes to the wall clock."""
        return round((self.now_s - since_s) * 1000)

    def clock_jump_s(self, since_s: float, since_at: datetime) -> float:
        """Return by how many seconds the wall clock was set since a moment that both clocks tell; 0: it was not."""
        return clock_jump_s((self.now_at - since_at).total_seconds(), self.now_s - since_s)


def faces(outcome: Outcome, stamp: Stamp) -> Publication:
    """Return the faces event of a frame; for a press frame the broker's acknowledgement is reported by event id."""
    is_press = outcome.frame.trigger is Trigger.PRESS
    return Publication(
        topics.faces(outcome.frame.doorbell),
        encode(_faces_payload(outcome, stamp)),
        qos=1 if is_press else 0,
        key=outcome.frame.event_id if is_press else "",
    )


def reply(outcome: Outcome, to: ReplyTo, stamp: Stamp) -> Publication:
    """Return the result that the sender of the frame requested."""
    return Publication(to.topic, encode(_faces_payload(outcome, stamp)), qos=1, correlation_data=to.correlation_data)


def ring(press: Press, stamp: Stamp, *, picture_expected: bool = True) -> Publication:
    """Return the ring event of a press; the broker's acknowledgement is reported by event id."""
    payload = RingPayload(
        event_type="ring",
        event_id=f"{press.press_id}{RING}",
        doorbell=press.doorbell,
        press_id=press.press_id,
        history_path=stamp.history_path(press.press_id),
        pressed_at=press.pressed_at,
        published_at=stamp.now_at,
        age_ms=_press_age_ms(press, stamp),
        clock_jump_s=_press_jump_s(press, stamp),
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
        picture_expected=picture_expected,
    )
    return Publication(
        topics.ring(press.doorbell), encode(payload), qos=1, key=payload.event_id, lifetime_s=RING_LIFETIME_S
    )


def press_of_ring(event_id: str) -> str:
    """Return the press id in the event id of a ring, or '' if it is of something else."""
    return event_id.removesuffix(RING) if event_id.endswith(RING) else ""


def answer(answered: Answer, stamp: Stamp) -> Publication:
    """Return the answer to a press; the broker's acknowledgement is reported by press id."""
    press, outcome, failure = answered.press, answered.outcome, answered.failure
    found = outcome.result if outcome is not None and isinstance(outcome.result, Detected) else None
    payload = AnswerPayload(
        event_type=answered.event_type,
        event_id=f"{press.press_id}-answer",
        doorbell=press.doorbell,
        press_id=press.press_id,
        history_path=stamp.history_path(press.press_id),
        reason=failure.reason.value if failure else None,
        detail=failure.detail if failure else None,
        faces=len(found.faces) if found else 0,
        confidence=found.faces[0].confidence if found and found.faces else None,
        frame_id=outcome.frame.frame_id if outcome else None,
        frame_event_id=outcome.frame.event_id if outcome else None,
        pressed_at=press.pressed_at,
        published_at=stamp.now_at,
        age_ms=_press_age_ms(press, stamp),
        clock_jump_s=_press_jump_s(press, stamp),
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
    )
    return Publication(topics.answer(press.doorbell), encode(payload), qos=1, key=press.press_id)


def pictures(doorbell: str, drawn: Pictures) -> list[Publication]:
    """Return the annotated picture of a frame and its best face, if they were drawn."""
    places = ((topics.snapshot(doorbell), drawn.snapshot), (topics.best_face(doorbell), drawn.best_face))
    return [Publication(topic, jpeg, qos=1, lifetime_s=RING_LIFETIME_S) for topic, jpeg in places if jpeg]


def picture(frame: Frame, press_id: str | None, visit_id: str | None, stamp: Stamp) -> Publication:
    """Return the notice for a snapshot of a frame; it must follow the snapshot."""
    payload = PicturePayload(
        event_id=f"{frame.event_id}-picture",
        doorbell=frame.doorbell,
        press_id=press_id,
        visit_id=visit_id,
        frame_id=frame.frame_id,
        frame_event_id=frame.event_id,
        published_at=stamp.now_at,
        age_ms=stamp.age_ms(frame.taken_s),
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
    )
    return Publication(topics.picture(frame.doorbell), encode(payload), qos=1, lifetime_s=RING_LIFETIME_S)


def last_snapshot(doorbell: str, drawn: Pictures) -> Publication:
    """Return a snapshot that was published before; it has a topic of its own, since it is not new."""
    return Publication(topics.last_snapshot(doorbell), drawn.snapshot, qos=1, lifetime_s=RING_LIFETIME_S)


def visit(change: VisitChange, stamp: Stamp, *, picture_expected: bool = True) -> Publication:
    """Return the event of a visit's change."""
    current = change.visit
    payload = VisitPayload(
        event_type=change.event_type,
        event_id=f"{current.visit_id}-{stamp.boot_id}-{stamp.sequence}",
        doorbell=current.doorbell,
        visit_id=current.visit_id,
        history_path=stamp.history_path(current.visit_id),
        started_at=current.started_at,
        last_seen_at=current.last_seen_at,
        duration_s=round(current.duration_s, 1),
        people=current.people,
        frames=current.frames,
        confidence=current.best.confidence,
        quality=current.best.quality,
        best_frame_id=current.best.frame_id,
        best_event_id=current.best.event_id,
        published_at=stamp.now_at,
        age_ms=stamp.age_ms(current.last_taken_s),
        clock_jump_s=stamp.clock_jump_s(current.first_taken_s, current.started_at),
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
        picture_expected=picture_expected,
    )
    return Publication(topics.visit(current.doorbell), encode(payload), qos=1)


def state(doorbell: str, payload: StatePayload) -> Publication:
    """Return the retained state of a doorbell."""
    return Publication(topics.doorbell_state(doorbell), encode(payload), qos=1, retain=True)


def clear_retained(doorbell: str) -> list[Publication]:
    """Return the messages that clear everything retained for a doorbell."""
    options = [topics.doorbell_option(doorbell, option) for option in topics.DOORBELL_OPTIONS]
    own = (topics.doorbell_availability, topics.doorbell_state, topics.visits_today)
    retained = (*(topic(doorbell) for topic in own), *options)
    return [Publication(topic, b"", qos=1, retain=True) for topic in retained]


def availability(topic: str, *, online: bool) -> Publication:
    """Return the retained availability of an agent or a doorbell."""
    return Publication(topic, b"online" if online else b"offline", qos=1, retain=True)


def _press_age_ms(press: Press, stamp: Stamp) -> int | None:
    return stamp.age_ms(press.pressed_s) if press.age_known else None


def _press_jump_s(press: Press, stamp: Stamp) -> float:
    return stamp.clock_jump_s(press.pressed_s, press.pressed_at) if press.age_known else 0.0


def _faces_payload(outcome: Outcome, stamp: Stamp) -> FacesPayload:
    frame, result, failure = outcome.frame, outcome.result, failure_of(outcome)
    found = result if isinstance(result, Detected) else None
    return FacesPayload(
        event_id=frame.event_id,
        doorbell=frame.doorbell,
        frame_id=frame.frame_id,
        trigger=frame.trigger.code,
        outcome=_outcome_code(found),
        reason=failure.reason.value if failure else None,
        detail=failure.detail if failure else None,
        captured_at=frame.captured_at,
        received_at=frame.received_at,
        published_at=stamp.now_at,
        age_ms=stamp.age_ms(frame.taken_s),
        clock_jump_s=stamp.clock_jump_s(frame.taken_s, frame.captured_at or frame.received_at),
        boot_id=stamp.boot_id,
        sequence=stamp.sequence,
        image=found.image if found else None,
        faces=found.faces if found else (),
        rejected=found.rejected if found else (),
        detector=_detector(outcome),
        timing_ms=TimingPayload(
            queue=round(outcome.queue_ms, 1) if found else None,
            decode=round(found.times.decode, 1) if found else None,
            inference=round(found.times.inference, 1) if found else None,
            total=round((stamp.now_s - frame.received_s) * 1000, 1),
        ),
        attempts=outcome.attempts,
    )


def _detector(outcome: Outcome) -> DetectorPayload | None:
    detector, result = outcome.detector, outcome.result
    if detector is None:
        return None
    second_model = result.second_model if isinstance(result, Detected) else ""
    return DetectorPayload(detector.strategy, detector.model, detector.slot, second_model or None)


def _outcome_code(found: Detected | None) -> str:
    if found is None:
        return "failed"
    return "face" if found.faces else "no_face"
