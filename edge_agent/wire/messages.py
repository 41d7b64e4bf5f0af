"""The messages between the parent and a worker, as frozen values.

Boxes and landmarks are pixels of the picture as displayed (after EXIF and the doorbell's rotation, before any scaling),
origin top left, x to the right, y down.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from edge_agent.reasons import DetectorFault, FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable


class RejectionReason(StrEnum):
    """Why a detected face does not count; the codes of the MQTT interface."""

    BELOW_MIN_CONFIDENCE = "below_min_confidence"
    TOO_SMALL = "too_small"
    OUTSIDE_ZONES = "outside_zones"
    MASKED = "masked"


class SnapshotMode(StrEnum):
    """When to draw an annotated picture."""

    NEVER = "never"
    WITH_FACES = "with_faces"
    ALWAYS = "always"


class Privacy(StrEnum):
    """Which pictures leave a worker: all, only with unreadable faces, or none."""

    FULL = "full"
    BLURRED = "blurred"
    EVENTS_ONLY = "events_only"


Polygon = tuple[tuple[float, float], ...]
"""Corners as fractions of the picture: [0, 0] is its top left, [1, 1] its bottom right."""


class FaceRules(msgspec.Struct, frozen=True):
    """When a face counts: enough confidence, enough height, and a position that counts.

    `min_height` is a fraction of the picture's height. With `zones`, a face's centre must lie in one of them; it
    must never lie in one of `masks`.
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
    """One face: `confidence` in 0..1, landmarks by name as [x, y], `quality` of its picture in 0..1."""

    box: Box
    confidence: float
    landmarks: dict[str, tuple[int, int]] = {}
    quality: float = 0.0


class Rejected(msgspec.Struct, frozen=True):
    """A detected face that does not count, and why."""

    box: Box
    confidence: float
    reason: RejectionReason


class ImageSize(msgspec.Struct, frozen=True):
    """Width and height in pixels."""

    width: int
    height: int


class StageTimes(msgspec.Struct, frozen=True):
    """Milliseconds that a worker spent on one frame."""

    decode: float
    inference: float
    render: float = 0.0


class ModelFile(msgspec.Struct, frozen=True):
    """A model file with its pinned digest; `hashed` says which kind of digest it is."""

    path: str
    hashed: str
    digest: str


class DetectorChoice(msgspec.Struct, frozen=True):
    """One detector to try: the strategy and model of the table, and the model file ('' if none).

    A pinned `file` is loaded from memory, verified; the user's own model has none. `device` names the accelerator, held
    by one process at a time ('' is the CPU); `options` are passed to the detector.
    """

    strategy: str
    model: str
    path: str = ""
    device: str = ""
    options: dict[str, str] = {}
    file: ModelFile | None = None


class SecondStage(msgspec.Struct, frozen=True):
    """A slower, more accurate detector: it runs after the first one at a press, and in its place `by_night`."""

    choice: DetectorChoice
    by_night: bool = True


PICTURE_BYTES = 300_000
"""The largest annotated picture, unless the broker accepts less."""


class WorkerSpec(msgspec.Struct, frozen=True):
    """A worker's start parameters: the detectors to try in order, the second stage's detector, and limits.

    `memory_limit_bytes` 0 means no limit. `sandbox` drops the rights that the worker does not need. With `probe` it
    runs on one grey picture, reports that it is ready, and exits.
    """

    slot: int
    choices: tuple[DetectorChoice, ...]
    max_pixels: int
    memory_limit_bytes: int
    second_stage: SecondStage | None = None
    probe: bool = False
    sandbox: bool = False

    def files(self) -> tuple[ModelFile, ...]:
        """Return the pinned model files that this worker may load, each once."""
        choices = (*self.choices, *((self.second_stage.choice,) if self.second_stage else ()))
        return tuple(dict.fromkeys(choice.file for choice in choices if choice.file))


class Unavailable(msgspec.Struct, frozen=True):
    """A detector that could not be loaded, and why."""

    strategy: str
    model: str
    fault: DetectorFault


class Task(msgspec.Struct, frozen=True, tag=True):
    """Detect faces in the `size` bytes at `offset` of the shared buffer.

    `width` and `height` are those of the file's header, before EXIF rotation and `rotation` (degrees clockwise).
    `time_limit_s` is a hard limit: past it the worker ends itself and records its stack. `cascade` runs the second
    stage if the first is unsure. `reference` is the thumbnail of a picture without a face: a picture that matches it
    skips detection.
    """

    job_id: int
    size: int
    width: int
    height: int
    rules: FaceRules
    time_limit_s: float
    snapshot: SnapshotMode = SnapshotMode.NEVER
    privacy: Privacy = Privacy.FULL
    label: str = ""
    cascade: bool = False
    offset: int = 0
    reference: bytes = b""
    picture_bytes: int = PICTURE_BYTES
    rotation: int = 0


class Batch(msgspec.Struct, frozen=True, tag=True):
    """Several tasks for a detector that processes several pictures at once; the first one's limit applies to all."""

    tasks: tuple[Task, ...]


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Finish and exit."""


class Loading(msgspec.Struct, frozen=True, tag=True):
    """A detector is about to be loaded: if the process dies now, this one caused it."""

    strategy: str
    model: str


class Sandbox(msgspec.Struct, frozen=True):
    """The mechanism that restricts a worker, or the reason why none does; neither if the settings want none."""

    mechanism: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """The sandbox in words."""
        return f"not sandboxed: {self.reason}" if self.reason else self.mechanism


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The detector is loaded and processes up to `batch` pictures at once.

    `unavailable` lists the detectors tried before it, `inference_ms` is the time of a probe's detection.
    """

    strategy: str
    model: str
    load_ms: float
    unavailable: tuple[Unavailable, ...] = ()
    inference_ms: float = 0.0
    batch: int = 1
    sandbox: Sandbox = Sandbox()


class Unusable(msgspec.Struct, frozen=True, tag=True):
    """No detector could be loaded; the worker exits."""

    unavailable: tuple[Unavailable, ...]


class Detected(msgspec.Struct, frozen=True, tag=True):
    """The result of a task; `second_model` names the second stage's model, if it ran.

    `thumbnail` is a few bytes for comparison with later pictures.

    The annotated JPEG, if any, is the `snapshot_size` bytes at `pictures_offset` of the buffer; the best face,
    if any, is the `best_face_size` bytes after it.
    """

    job_id: int
    image: ImageSize
    faces: tuple[Face, ...]
    rejected: tuple[Rejected, ...]
    times: StageTimes
    memory_bytes: int
    snapshot_size: int = 0
    best_face_size: int = 0
    second_model: str = ""
    pictures_offset: int = 0
    thumbnail: bytes = b""


class Unchanged(msgspec.Struct, frozen=True, tag=True):
    """The picture matches the task's reference, and detection was skipped."""

    job_id: int
    memory_bytes: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The task failed; the worker itself is fine."""

    job_id: int
    reason: FailureReason
    detail: str


ToWorker = Task | Batch | Stop
FromWorker = Loading | Ready | Unusable | Detected | Unchanged | Failed

_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)

# Messages are msgpack. Each decoder raises msgspec.MsgspecError if a message is invalid.
encode: Callable[[ToWorker | FromWorker | WorkerSpec], bytes] = msgspec.msgpack.Encoder().encode
decode_to_worker = _to_worker.decode
decode_from_worker = _from_worker.decode
decode_spec = msgspec.msgpack.Decoder(WorkerSpec).decode
