"""A message to a frame. Pure: bytes and times in, a value out; nothing is decoded but a small envelope."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from edge_agent.errors import ImageError
from edge_agent.image_header import check_size, read_header
from edge_agent.model import NO_HEADER, Arrival, Failure, Frame, Message, ReplyTo, Trigger
from edge_agent.wire import FailureReason

LONGEST_FRAME_ID: Final = 128
LONGEST_TIME: Final = 40
ENOUGH_TO_NAME: Final = 65536
"""Bytes of a message that is refused for its size of which its id is made."""
FIRST_YEAR: Final = 2001
"""Of a time that a camera may name: a clock that was never set begins in 1970 or 2000."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Which pictures are taken on."""

    max_bytes: int
    max_pixels: int


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON form of a frame; the picture is base64."""

    image: bytes
    trigger: str = ""
    captured_at: object = ""
    frame_id: str = ""


_decoder = msgspec.json.Decoder(Envelope)


def read_frame(  # noqa: PLR0913 - a message, whose it is, and when
    message: Message,
    doorbell: str,
    limits: ImageLimits,
    *,
    now_s: float,
    now_at: datetime,
    default: Trigger = Trigger.CONTINUOUS,
) -> Arrival:
    """Return the frame that a message carries, with what is wrong with it where it cannot be used.

    `default` is its trigger where the publisher names none.
    """
    failure = None
    envelope = Envelope(b"")
    try:
        envelope = _open(message.payload, limits)
        header = read_header(envelope.image)
        check_size(header, limits.max_pixels)
    except ImageError as error:
        failure = Failure(error.reason, error.detail)
        header = NO_HEADER
    captured_at = envelope.captured_at if isinstance(envelope.captured_at, str) else ""
    said = {"trigger": envelope.trigger, "captured_at": captured_at, "frame_id": envelope.frame_id}
    said |= {name: value for name, value in message.properties.items() if name in said}
    trigger = Trigger.from_word(said["trigger"])
    own_id = said["frame_id"] if _is_usable_id(said["frame_id"]) else ""
    frame_id = own_id or _payload_id(message.payload, limits.max_bytes)
    frame = Frame(
        doorbell=doorbell,
        frame_id=frame_id,
        event_id=_fingerprint(f"{doorbell}/{frame_id}".encode()),
        trigger=trigger if trigger is not None else default,
        image=b"" if failure else envelope.image,
        header=header,
        received_s=now_s,
        received_at=now_at,
        captured_at=_read_time(said["captured_at"], now_at),
        reply_to=ReplyTo(message.response_topic, message.correlation_data) if message.response_topic else None,
    )
    return Arrival(frame, message.packet, failure, trigger is not None, message.duplicate or bool(own_id))


def _open(payload: bytes, limits: ImageLimits) -> Envelope:
    """Return the picture with what is said beside it; raise ImageError where the message is none."""
    if len(payload) > _longest(limits.max_bytes):
        raise _too_large(len(payload))
    envelope = _read_envelope(payload) if payload[:1] == b"{" else Envelope(payload)
    if len(envelope.image) > limits.max_bytes:
        raise _too_large(len(envelope.image))
    return envelope


def _longest(max_bytes: int) -> int:
    """Return how long a message may be: base64 makes four bytes of three, and something is said beside it."""
    return max_bytes * 4 // 3 + 1000


def _read_envelope(payload: bytes) -> Envelope:
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        detail = "the message is no picture, and no JSON as docs/mqtt.md describes it"
        raise ImageError(FailureReason.BAD_IMAGE, detail) from error


def _too_large(size: int) -> ImageError:
    detail = f"the message has {size / 1e6:.1f} MB, more than images.max_megabytes allows"
    return ImageError(FailureReason.TOO_LARGE, detail)


def _is_usable_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_FRAME_ID and text.isprintable()


def _payload_id(payload: bytes, max_bytes: int) -> str:
    """Return an id of a message; of one that is refused for its size, the beginning must do."""
    if len(payload) <= _longest(max_bytes):
        return _fingerprint(payload)
    return _fingerprint(payload[:ENOUGH_TO_NAME] + str(len(payload)).encode())


def _fingerprint(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def _read_time(text: str, now_at: datetime) -> datetime | None:
    """Return an ISO 8601 time, UTC where it names no zone; None where it is no time, or none that can be past."""
    if len(text) > LONGEST_TIME:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time if time.year >= FIRST_YEAR and time <= now_at else None
