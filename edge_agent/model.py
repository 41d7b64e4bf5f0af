"""The values that cross the stages of the parent process.

Two clocks, never mixed: names ending in `_s` are monotonic seconds and decide; names ending in `_at` are
wall-clock times with a zone and are only ever printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum

from edge_agent.wire import Detected, FailureReason


class Trigger(IntEnum):
    """Why a frame was taken; the lower the number, the sooner it is looked at."""

    PRESS = 0
    MOTION = 1
    CONTINUOUS = 2

    @property
    def word(self) -> str:
        """The word of the MQTT interface."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Trigger | None:
        """Return the trigger that `word` means, or None."""
        return _TRIGGERS.get(word)


_TRIGGERS = {trigger.word: trigger for trigger in Trigger}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What must be acknowledged to the broker: a packet id means something on its own connection only."""

    connection: int
    packet_id: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the broker delivered it. `delivery` is None where nothing is to be acknowledged (QoS 0)."""

    topic: str
    payload: bytes
    retained: bool = False
    duplicate: bool = False
    delivery: Delivery | None = None
    properties: dict[str, str] = field(default_factory=dict)
    response_topic: str = ""
    correlation_data: bytes = b""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to publish. `key` names it in the report that the broker has it; '' asks for no report."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    correlation_data: bytes = b""
    properties: dict[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the sender of a frame wants its own answer (MQTT 5 response topic)."""

    topic: str
    correlation_data: bytes


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the first bytes of a picture say: `jpeg` or `png`, and pixels as stored."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture of a doorbell that may be looked at; its pixels are still compressed.

    `frame_id` is the publisher's, or a hash of the picture; `event_id` is made of doorbell and frame_id, so a
    frame that is delivered again gives the same event again.
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


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A frame with what is asked of the detector, and what has become of it so far.

    `crashes` counts the workers that died or hung on it, `attempts` every try.
    """

    frame: Frame
    min_confidence: float
    expires_s: float
    snapshot: bool = False
    attempts: int = 0
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A frame that could not be looked at; published as `failed`."""

    reason: FailureReason
    detail: str


class ShedReason(str, Enum):
    """Why an ordinary frame was dropped unseen; counted, not published."""

    SUPERSEDED = "superseded"
    OVERLOAD = "overload"
    EXPIRED = "expired"
    DETECTION_OFF = "detection_off"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Shed:
    """An ordinary frame that made room for another."""

    reason: ShedReason


@dataclass(frozen=True, slots=True)
class WorkerDetector:
    """Which worker looked, and with what."""

    slot: int
    strategy: str
    model: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a frame: exactly one for each that was offered to the pool."""

    frame: Frame
    result: Detected | Failure | Shed
    attempts: int = 0
    queue_ms: float = 0.0
    detector: WorkerDetector | None = None
    snapshot: bytes = b""


@dataclass(frozen=True, slots=True)
class Press:
    """The bell of a doorbell was pressed."""

    doorbell: str
    press_id: str
    received_s: float
    received_at: datetime
