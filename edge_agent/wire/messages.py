"""The messages between the parent and a worker, as frozen values.

Boxes and landmarks are pixels of the picture as it is shown (after EXIF rotation, before any scaling),
origin top left, x to the right, y down.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from edge_agent.reasons import DetectorFault, FailureReason


class RejectionReason(StrEnum):
    """Why something that looked like a face does not count; the words of the MQTT interface."""

    BELOW_MIN_CONFIDENCE = "below_min_confidence"
    TOO_SMALL = "too_small"
    OUTSIDE_ZONES = "outside_zones"
    MASKED = "masked"


class SnapshotWish(StrEnum):
    """Whether an annotated picture is to be drawn."""

    NEVER = "never"
    WITH_FACES = "with_faces"
    ALWAYS = "always"


class Privacy(StrEnum):
    """Which pictures leave a worker: all, only with faces made unreadable, or none."""

    FULL = "full"
    BLURRED = "blurred"
    EVENTS_ONLY = "events_only"


Polygon = tuple[tuple[float, float], ...]
"""Corners as fractions of the picture: [0, 0] is its top left, [1, 1] its bottom right."""


class FaceRules(msgspec.Struct, frozen=True):
    """What counts as a face: one that is sure, large and in a place that counts.

    `min_height` is a fraction of the picture's. With `zones`, the middle of a face lies in one of them; it never
    lies in one of `masks`.
    """

    min_confidence: float
    min_height: float = 0.0
    zones: tuple[Polygon, ...] = ()
    masks: tuple[Polygon, ...] = ()


class Box(msgspec.Struct, frozen=True):
    """A rectangle: left, top, width and height in whole pixels."""

    x: int
    y: int
    width: int
    height: int


class Face(msgspec.Struct, frozen=True):
    """One face: `confidence` in 0..1, landmarks by name as [x, y], `quality` of the picture of it in 0..1."""

    box: Box
    confidence: float
    landmarks: dict[str, tuple[int, int]] = {}
    quality: float = 0.0


class Rejected(msgspec.Struct, frozen=True):
    """Something that looked like a face and was left out, and why."""

    box: Box
    confidence: float
    reason: RejectionReason


class ImageSize(msgspec.Struct, frozen=True):
    """Width and height in pixels."""

    width: int
    height: int


class StageTimes(msgspec.Struct, frozen=True):
    """What a worker spent on one frame, in milliseconds."""

    decode: float
    inference: float
    render: float = 0.0


class DetectorChoice(msgspec.Struct, frozen=True):
    """One detector to try: the strategy and model of the registry, and the verified model file ('' if none).

    `device` names the accelerator that one process at a time holds ('' is the processor), `options` what else the
    detector is told.
    """

    strategy: str
    model: str
    path: str = ""
    device: str = ""
    options: dict[str, str] = {}


class SecondLook(msgspec.Struct, frozen=True):
    """A slower detector that sees more: it looks after the first one at a press, and in its place `by_night`."""

    choice: DetectorChoice
    by_night: bool = True


class WorkerSpec(msgspec.Struct, frozen=True):
    """What a worker is told when it starts: the detectors to try in order, the one for a second look, its limits.

    `memory_limit_bytes` 0 is no limit. With `confine` it gives up what it does not need. With `probe` it looks at one
    grey picture, says that it is ready, and exits.
    """

    slot: int
    choices: tuple[DetectorChoice, ...]
    max_pixels: int
    memory_limit_bytes: int
    second_look: SecondLook | None = None
    probe: bool = False
    confine: bool = False


class Unavailable(msgspec.Struct, frozen=True):
    """A detector that could not be loaded, and why."""

    strategy: str
    model: str
    fault: DetectorFault


class Task(msgspec.Struct, frozen=True, tag=True):
    """Look at the `size` bytes at `offset` of the shared buffer.

    `width` and `height` are those of the file's header, before EXIF rotation. `time_limit_s` is a hard
    limit: the worker ends itself, with a stack, when it is passed. `thorough` takes a second look where that may help.
    `reference` is the thumbnail of a picture without a face: one that shows the same needs no look.
    """

    job_id: int
    size: int
    width: int
    height: int
    rules: FaceRules
    time_limit_s: float
    snapshot: SnapshotWish = SnapshotWish.NEVER
    privacy: Privacy = Privacy.FULL
    label: str = ""
    thorough: bool = False
    offset: int = 0
    reference: bytes = b""


class Batch(msgspec.Struct, frozen=True, tag=True):
    """Several tasks for a detector that looks at several pictures at once; the limit of the first holds for all."""

    tasks: tuple[Task, ...]


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Finish and exit."""


class Trying(msgspec.Struct, frozen=True, tag=True):
    """A detector is about to be loaded: should the process die now, it was this one."""

    strategy: str
    model: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The detector is loaded and can look at `batch` pictures at once.

    `unavailable` says what was tried before it, `look_ms` how long a probe's look took, `confined` by what the
    worker is kept from files and the network, in words.
    """

    strategy: str
    model: str
    load_ms: float
    unavailable: tuple[Unavailable, ...] = ()
    look_ms: float = 0.0
    batch: int = 1
    confined: str = ""


class Unusable(msgspec.Struct, frozen=True, tag=True):
    """No detector could be loaded; the worker exits."""

    unavailable: tuple[Unavailable, ...]


class Detected(msgspec.Struct, frozen=True, tag=True):
    """The answer to a task; `second_model` names the model that looked beside or instead of the worker's own, if any.

    `thumbnail` is a few bytes that later pictures can be compared with.

    The annotated JPEG, if any, is the `snapshot_size` bytes at `pictures_offset` of the buffer; that of the best face,
    if any, the `portrait_size` bytes after it.
    """

    job_id: int
    image: ImageSize
    faces: tuple[Face, ...]
    rejected: tuple[Rejected, ...]
    times: StageTimes
    memory_bytes: int
    snapshot_size: int = 0
    portrait_size: int = 0
    second_model: str = ""
    pictures_offset: int = 0
    thumbnail: bytes = b""


class Unchanged(msgspec.Struct, frozen=True, tag=True):
    """The picture shows what the task's reference showed, and nobody looked at it."""

    job_id: int
    memory_bytes: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The task could not be done; the worker itself is well."""

    job_id: int
    reason: FailureReason
    detail: str


ToWorker = Task | Batch | Stop
FromWorker = Trying | Ready | Unusable | Detected | Unchanged | Failed

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_spec = msgspec.msgpack.Decoder(WorkerSpec)


def encode(message: ToWorker | FromWorker | WorkerSpec) -> bytes:
    """Return the message as msgpack bytes."""
    return _encoder.encode(message)


def decode_to_worker(data: bytes) -> ToWorker:
    """Return what the parent said; raise msgspec.MsgspecError if it is no message."""
    return _to_worker.decode(data)


def decode_from_worker(data: bytes) -> FromWorker:
    """Return what a worker said; raise msgspec.MsgspecError if it is no message."""
    return _from_worker.decode(data)


def decode_spec(data: bytes) -> WorkerSpec:
    """Return the start instructions; raise msgspec.MsgspecError if they are none."""
    return _spec.decode(data)
