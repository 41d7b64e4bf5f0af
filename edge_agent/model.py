"""The values that cross the stages of the parent process.

Two clocks, never mixed: names ending in `_s` are monotonic seconds and decide; names ending in `_at` are
wall-clock times with a zone and are only ever printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

from edge_agent.wire import (
    Detected,
    DetectorChoice,
    FaceRules,
    FailureReason,
    Privacy,
    SecondLook,
    SnapshotWish,
    Unavailable,
)

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.reasons import DetectorFault, ExitReason, WorkerExit

AUTO: Final = "auto"
"""Of an option that names its value: the agent chooses."""


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
class Packet:
    """A QoS 1 packet, either way: its id means something on its own connection only."""

    connection: int
    packet_id: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the broker delivered it. `packet` is None where nothing is to be acknowledged (QoS 0)."""

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

    `key` names what the broker has, once it has it ('' asks for no report). A message that waited longer than
    `lifetime_s` for a connection is old news and is dropped; None: it is kept.
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
    """Where the sender of a frame wants its own answer (MQTT 5 response topic)."""

    topic: str
    correlation_data: bytes


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the first bytes of a picture say: `jpeg` or `png`, and pixels as stored."""

    format: str
    width: int
    height: int


NO_HEADER = ImageHeader("", 0, 0)
"""Of a picture that cannot be used."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture of a doorbell that may be looked at; its pixels are still compressed.

    `frame_id` is the publisher's, or a hash of the picture; `event_id` is made of doorbell and frame_id, so a
    frame that is delivered again gives the same event again. A `shared` one counts for itself alone, not for what is
    known of its doorbell, which may be another agent's.
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

    @property
    def taken_s(self) -> float:
        """When the picture was taken, in monotonic seconds: when it came, where its publisher does not say."""
        waited_s = (self.received_at - self.captured_at).total_seconds() if self.captured_at else 0.0
        return self.received_s - waited_s


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A frame with what is asked of the detector, and what has become of it so far.

    `label` is written on the annotated picture. `crashes` counts the workers that died or hung on the frame,
    `reference` is the thumbnail of a picture without a face, for an ordinary frame that shows nothing else.
    `attempts` counts every try, and `excused` those that an accelerator was to blame for.
    """

    frame: Frame
    rules: FaceRules
    expires_s: float
    snapshot: SnapshotWish = SnapshotWish.NEVER
    privacy: Privacy = Privacy.FULL
    label: str = ""
    attempts: int = 0
    crashes: int = 0
    excused: int = 0
    reference: bytes = b""


@dataclass(frozen=True, slots=True)
class Failure:
    """A frame that could not be looked at; published as `failed`."""

    reason: FailureReason
    detail: str


class DropReason(StrEnum):
    """Why a message was not used; counted."""

    RETAINED = "retained"
    TOPIC = "topic"
    TOPIC_ENCODING = "topic_encoding"
    NO_PRESS = "no_press"
    COMMAND = "command"
    TOO_MANY_DOORBELLS = "too_many_doorbells"
    OTHER_AGENT = "other_agent"
    OPTION = "option"
    OVERLOAD = "overload"
    INTERNAL_ERROR = "internal_error"


class ShedReason(StrEnum):
    """Why a frame was dropped unseen; an ordinary one is counted and not published. Each is a FailureReason too."""

    SUPERSEDED = "superseded"
    OVERLOAD = "overload"
    EXPIRED = "expired"
    DETECTION_OFF = "detection_off"
    PRESS_ONLY = "press_only"
    STALE = "stale"
    DUPLICATE = "duplicate"
    UNCHANGED = "unchanged"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Shed:
    """An ordinary frame that made room for another."""

    reason: ShedReason


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a worker drew, as JPEG: the annotated picture and that of the best face; b'' for none."""

    snapshot: bytes = b""
    portrait: bytes = b""


NO_PICTURES = Pictures()


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """The detectors that workers may use, each list in order of preference.

    One worker at a time uses each of `accelerators`; all others use the first of `choices` that can be loaded.
    `missing` are those of the settings that cannot be had, `asked` the strategies that the user asked for: what becomes
    of the others interests nobody.
    """

    choices: tuple[DetectorChoice, ...]
    accelerators: tuple[DetectorChoice, ...] = ()
    second_look: SecondLook | None = None
    missing: tuple[Unavailable, ...] = ()
    asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WorkerDetector:
    """Which worker looked, and with what."""

    slot: int
    strategy: str
    model: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a frame: exactly one for each that was offered to the pool.

    `answered_s` is when the pool had the worker's answer; 0 where there was none.
    """

    frame: Frame
    result: Detected | Failure | Shed
    attempts: int = 0
    queue_ms: float = 0.0
    detector: WorkerDetector | None = None
    pictures: Pictures = NO_PICTURES
    answered_s: float = 0.0


class SlotState(StrEnum):
    """What a slot's worker is doing; the words of the health message."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    LOST = "lost"
    WAITING = "waiting"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What others may know of a slot of the pool and its worker."""

    slot: int
    state: SlotState
    since_s: float
    pid: int | None
    detector: WorkerDetector | None
    jobs_done: int
    busy_s: float
    restarts: int
    memory_bytes: int
    last_error: WorkerExit | None
    confined: str = ""


class AcceleratorState(StrEnum):
    """What becomes of an accelerator; the words of the health message."""

    PROBING = "probing"
    PROVEN = "proven"
    HELD = "in_use"
    RESTING = "unavailable"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AcceleratorView:
    """What others may know of an accelerator: why it is unavailable, and since when if it was in use before."""

    strategy: str
    model: str
    device: str
    state: AcceleratorState
    fault: DetectorFault | None = None
    lost_for_s: float | None = None


@dataclass(frozen=True, slots=True)
class PoolView:
    """What others may know of the pool; `deaths` counts workers that ended unasked, by how they did.

    `unavailable` are detectors that should work and do not, `missing` those that were never there. `unfinished` are
    the frames that were offered and not reported yet, `service_ms` is how long a frame takes by strategy.
    """

    workers: tuple[WorkerView, ...]
    waiting: dict[Trigger, int]
    retrying: int
    retries: int
    restarts: int
    deaths: dict[ExitReason, int]
    unavailable: tuple[Unavailable, ...]
    accelerators: tuple[AcceleratorView, ...] = ()
    missing: tuple[Unavailable, ...] = ()
    promotions: int = 0
    demotions: int = 0
    unfinished: int = 0
    service_ms: dict[str, float] = field(default_factory=dict)

    def working(self) -> int:
        """Return how many workers can take frames."""
        return sum(worker.state in {SlotState.IDLE, SlotState.BUSY} for worker in self.workers)


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A frame as it arrived: `failure` says why it cannot be used, if it cannot.

    `trigger_said` tells whether the publisher named the trigger. `repeatable` tells whether another frame with the
    same event_id is this one again: it was redelivered, or its publisher gave it an id.
    """

    frame: Frame
    packet: Packet | None = None
    failure: Failure | None = None
    trigger_said: bool = False
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of a doorbell, or of the agent where `doorbell` is '', with the value it is to have."""

    option: str
    doorbell: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """The bell of a doorbell was pressed."""

    doorbell: str
    press_id: str
    pressed_s: float
    pressed_at: datetime
