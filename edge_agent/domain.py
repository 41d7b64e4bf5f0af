"""The values that pass between the stages of the parent process.

Two clocks, never mixed: names ending in `_s` are monotonic seconds and are used for decisions; names ending in `_at`
are wall-clock times with a zone and are only printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

from edge_agent.wire import (
    PICTURE_BYTES,
    Detected,
    DetectorChoice,
    FaceRules,
    FailureReason,
    Privacy,
    SecondStage,
    SnapshotMode,
    Unavailable,
)

if TYPE_CHECKING:
    from datetime import datetime

AUTO: Final = "auto"
"""An option's value: the agent chooses."""


class Trigger(IntEnum):
    """Why a frame was taken; a lower number has a higher priority."""

    PRESS = 0
    MOTION = 1
    CONTINUOUS = 2

    @property
    def code(self) -> str:
        """The code of the MQTT interface."""
        return self.name.lower()

    @classmethod
    def from_code(cls, word: str) -> Trigger | None:
        """Return the trigger with that code, or None."""
        return _TRIGGERS.get(word)


_TRIGGERS = {trigger.code: trigger for trigger in Trigger}


@dataclass(frozen=True, slots=True)
class Packet:
    """A QoS 1 packet, in either direction: its id is valid on its own connection only."""

    connection: int
    packet_id: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the broker. `packet` is None if no acknowledgement is needed (QoS 0)."""

    topic: str
    payload: bytes
    retained: bool = False
    duplicate: bool = False
    packet: Packet | None = None
    properties: dict[str, str] = field(default_factory=dict)
    response_topic: str = ""
    correlation_data: bytes = b""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to publish.

    `key` identifies it in the report of the broker's acknowledgement ('' requests no report). A message that waited
    longer than `lifetime_s` for a connection is dropped; None: it is kept.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    correlation_data: bytes = b""
    properties: dict[str, str] = field(default_factory=dict)
    key: str = ""
    lifetime_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the sender of a frame expects its result (MQTT 5 response topic)."""

    topic: str
    correlation_data: bytes


class PressDropReason(StrEnum):
    """Why a press did not ring."""

    DEBOUNCED = "debounced"
    REDELIVERED = "redelivered"
    KNOWN_PICTURE = "known_picture"
    TOO_OLD = "too_old"


PRESS_DROPS: Final = {
    PressDropReason.DEBOUNCED: "it is the same push as the press before",
    PressDropReason.REDELIVERED: "the broker delivered it before",
    PressDropReason.KNOWN_PICTURE: "its picture was sent before, with the same frame_id and captured_at",
    PressDropReason.TOO_OLD: "it is, or may be, older than press.max_age_s",
}
"""Why a press does not ring, as it is logged."""


class SideKey(StrEnum):
    """What could not be read in a frame's message, beside its picture; `json`: the message as a whole."""

    TRIGGER = "trigger"
    CAPTURED_AT = "captured_at"
    FRAME_ID = "frame_id"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """A picture's header: `jpeg` or `png`, and pixels as stored; `length` is where the picture ends in its data."""

    format: str
    width: int
    height: int
    length: int = 0


NO_HEADER = ImageHeader("", 0, 0)
"""The header of an unusable picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture of a doorbell; its pixels are still compressed.

    `frame_id` is the publisher's, or a hash of the picture; `event_id` is made of doorbell and frame_id: a redelivered
    frame gives the same event again. A `shared` frame does not change the state of its doorbell, which may belong to
    another agent. `waited_s` is its age at arrival where a change of the wall clock corrects it; None: as `captured_at`
    says.
    """

    doorbell: str
    frame_id: str
    event_id: str
    trigger: Trigger
    image: bytes
    header: ImageHeader
    received_s: float
    received_at: datetime
    captured_at: datetime | None = None
    reply_to: ReplyTo | None = None
    shared: bool = False
    waited_s: float | None = None

    @property
    def taken_s(self) -> float:
        """When the picture was taken, in monotonic seconds; when it arrived, if its publisher gives no time."""
        if self.waited_s is not None:
            return self.received_s - self.waited_s
        waited_s = (self.received_at - self.captured_at).total_seconds() if self.captured_at else 0.0
        return self.received_s - waited_s


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A frame with its detection parameters and its history.

    `label` is written on the annotated picture, `rotation` turns it upright (degrees clockwise). `crashes` counts the
    workers that died or hung on the frame, `reference` is the thumbnail of a picture without a face: an ordinary frame
    that matches it skips detection. `attempts` counts every attempt, and `excused` those that failed because of an
    accelerator.
    """

    frame: Frame
    rules: FaceRules
    expires_s: float
    snapshot: SnapshotMode = SnapshotMode.NEVER
    privacy: Privacy = Privacy.FULL
    label: str = ""
    attempts: int = 0
    crashes: int = 0
    excused: int = 0
    reference: bytes = b""
    picture_bytes: int = PICTURE_BYTES
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A frame that failed; published as `failed`."""

    reason: FailureReason
    detail: str


class DropReason(StrEnum):
    """Why a message was not used; counted."""

    RETAINED = "retained"
    TOPIC = "topic"
    TOPIC_ENCODING = "topic_encoding"
    NO_PRESS = "no_press"
    REPEATED_PICTURE = "repeated_picture"
    COMMAND = "command"
    TOO_MANY_DOORBELLS = "too_many_doorbells"
    OTHER_AGENT = "other_agent"
    OPTION = "option"
    OVERLOAD = "overload"
    INTERNAL_ERROR = "internal_error"


class ShedReason(StrEnum):
    """Why a frame was shed; an ordinary one is counted and not published. Each is a FailureReason too."""

    SUPERSEDED = "superseded"
    OVERLOAD = "overload"
    EXPIRED = "expired"
    DETECTION_OFF = "detection_off"
    PRESS_ONLY = "press_only"
    STALE = "stale"
    DUPLICATE = "duplicate"
    UNCHANGED = "unchanged"
    KNOWN_PICTURE = "known_picture"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Shed:
    """A frame that was dropped before detection."""

    reason: ShedReason


@dataclass(frozen=True, slots=True)
class Pictures:
    """A worker's pictures, as JPEG: the annotated picture and the best face; b'' for none."""

    snapshot: bytes = b""
    best_face: bytes = b""


NO_PICTURES = Pictures()


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """The detectors that workers may use, each list in order of preference.

    One worker at a time uses each of `accelerators`; all others use the first of `choices` that can be loaded.
    `missing` are the settings' unavailable detectors, `asked` the strategies that the user named: only
    these are reported as missing.
    """

    choices: tuple[DetectorChoice, ...]
    accelerators: tuple[DetectorChoice, ...] = ()
    second_stage: SecondStage | None = None
    missing: tuple[Unavailable, ...] = ()
    asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WorkerDetector:
    """The worker and detector of a result."""

    slot: int
    strategy: str
    model: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a frame: exactly one for each frame offered to the pool.

    `answered_s` is when the pool received the worker's result; 0 if there was none.
    """

    frame: Frame
    result: Detected | Failure | Shed
    attempts: int = 0
    queue_ms: float = 0.0
    detector: WorkerDetector | None = None
    pictures: Pictures = NO_PICTURES
    answered_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of a doorbell, or of the agent if `doorbell` is '', with its new value."""

    option: str
    doorbell: str = ""
    value: str = ""
