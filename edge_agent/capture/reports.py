"""What a capture process reports to its parent: msgpack over a pipe."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from edge_agent.capture.camera import CaptureReason


class CameraState(StrEnum):
    """Whether pictures come."""

    LIVE = "live"
    AWAY = "away"


class Report(msgspec.Struct, frozen=True):
    """The state of a camera; `reason` and `detail` say why it is away. Sizes are 0 before the first picture."""

    state: CameraState = CameraState.AWAY
    reason: CaptureReason | None = CaptureReason.STARTING
    detail: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    memory_bytes: int = 0
    sandbox: str = ""


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Report).decode
