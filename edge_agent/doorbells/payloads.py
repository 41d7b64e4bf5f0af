"""The JSON that the agent publishes, as frozen values: docs/mqtt.md explains every key."""

from __future__ import annotations

from datetime import datetime

import msgspec

from edge_agent.wire import Face, ImageSize, Rejected


class DetectorPayload(msgspec.Struct, frozen=True):
    """The detector of a result; `second_model` ran after `model` or in its place."""

    strategy: str
    model: str
    worker: int
    second_model: str | None


class TimingPayload(msgspec.Struct, frozen=True):
    """Milliseconds: in the queue, decoding, inference, and from the frame's arrival to this message."""

    queue: float | None
    decode: float | None
    inference: float | None
    total: float


class FacesPayload(msgspec.Struct, frozen=True):
    """The result of one frame."""

    event_id: str
    doorbell: str
    frame_id: str
    trigger: str
    outcome: str
    reason: str | None
    detail: str | None
    captured_at: datetime | None
    received_at: datetime
    published_at: datetime
    age_ms: int
    clock_jump_s: float
    boot_id: str
    sequence: int
    image: ImageSize | None
    faces: tuple[Face, ...]
    rejected: tuple[Rejected, ...]
    detector: DetectorPayload | None
    timing_ms: TimingPayload
    attempts: int


class RingPayload(msgspec.Struct, frozen=True):
    """The doorbell was pressed."""

    event_type: str
    event_id: str
    doorbell: str
    press_id: str
    history_path: str | None
    pressed_at: datetime
    published_at: datetime
    age_ms: int | None
    clock_jump_s: float
    boot_id: str
    sequence: int
    picture_expected: bool


class AnswerPayload(msgspec.Struct, frozen=True):
    """The one answer to a press; `frame_event_id` names its faces event."""

    event_type: str
    event_id: str
    doorbell: str
    press_id: str
    history_path: str | None
    reason: str | None
    detail: str | None
    faces: int
    confidence: float | None
    frame_id: str | None
    frame_event_id: str | None
    pressed_at: datetime
    published_at: datetime
    age_ms: int | None
    clock_jump_s: float
    boot_id: str
    sequence: int


class VisitPayload(msgspec.Struct, frozen=True):
    """A visit began, changed, or ended; it names the frame of the best face, and identifies nobody."""

    event_type: str
    event_id: str
    doorbell: str
    visit_id: str
    history_path: str | None
    started_at: datetime
    last_seen_at: datetime
    duration_s: float
    people: int
    frames: int
    confidence: float
    quality: float
    best_frame_id: str
    best_event_id: str
    published_at: datetime
    age_ms: int
    clock_jump_s: float
    boot_id: str
    sequence: int
    picture_expected: bool


class PicturePayload(msgspec.Struct, frozen=True):
    """The snapshot just published: which press and which visit it shows, or null."""

    event_id: str
    doorbell: str
    press_id: str | None
    visit_id: str | None
    frame_id: str
    frame_event_id: str
    published_at: datetime
    age_ms: int
    boot_id: str
    sequence: int


class StatePayload(msgspec.Struct, frozen=True):
    """The state of a doorbell: every key is always present, null if unknown."""

    face_present: bool | None = None
    faces: int | None = None
    confidence: float | None = None
    last_seen: datetime | None = None
    visit_id: str | None = None


def encode(payload: msgspec.Struct) -> bytes:
    """Return the payload as JSON."""
    return msgspec.json.encode(payload)
