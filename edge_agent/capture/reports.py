"""What a capture process reports to its parent: msgpack over a pipe."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec

from edge_agent.capture.camera import CaptureReason


class CameraState(StrEnum):
    """Whether pictures come."""

    LIVE = "live"
    AWAY = "away"


class Counts(msgspec.Struct, frozen=True):
    """What happened since a start: published frames, attempts to connect to the camera, and failures by reason."""

    frames: int = 0
    attempts: int = 0
    faults: dict[CaptureReason, int] = {}

    def plus(self, other: Counts) -> Counts:
        """Return the sum."""
        faults = Counter(self.faults) + Counter(other.faults)
        return Counts(self.frames + other.frames, self.attempts + other.attempts, dict(faults))


class Report(msgspec.Struct, frozen=True):
    """The state of a camera; `reason` and `detail` say why it is away. Sizes are 0 before the first picture.

    `last_frame_at` is when the last published frame was taken, in Unix time.
    """

    state: CameraState = CameraState.AWAY
    reason: CaptureReason | None = CaptureReason.STARTING
    detail: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    last_frame_at: float | None = None
    counts: Counts = Counts()
    memory_bytes: int = 0
    sandbox: str = ""


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Report).decode
