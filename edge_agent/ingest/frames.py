"""The frame parser: from a message to a frame. Pure: bytes and times in, a value out; pictures are not decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from edge_agent.domain import (
    NO_HEADER,
    Failure,
    Frame,
    Message,
    Packet,
    ReplyTo,
    Trigger,
)
from edge_agent.errors import ImageError
from edge_agent.ingest.image_header import check_size, read_header
from edge_agent.ingest.payload import is_json, json_value, picture_bytes, picture_of_text, strip_blanks
from edge_agent.wire import FailureReason

LONGEST_FRAME_ID: Final = 128
LONGEST_TIME: Final = 40
ENOUGH_TO_NAME: Final = 65536
"""Bytes that are hashed for the id of a message that is too large."""
FIRST_YEAR: Final = 2001
"""The earliest year accepted from a camera: a clock that was never set starts in 1970 or 2000."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A parsed frame; `failure` says why it is unusable, if it is.

    `has_trigger` is set if the publisher named the trigger. `repeatable` is set if another frame with the
    same event_id is a repetition: it was redelivered, or its publisher gave it an id. `awaits_time` is set if another
    message says when the picture was taken.
    """

    frame: Frame
    packet: Packet | None = None
    failure: Failure | None = None
    has_trigger: bool = False
    repeatable: bool = False
    display_name: str = ""
    awaits_time: bool = False


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits for accepted pictures."""

    max_bytes: int
    max_pixels: int


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON form of a frame; the picture is text: base64, or a data URL."""

    image: str
    trigger: str = ""
    captured_at: object = ""
    frame_id: str = ""


_decoder = msgspec.json.Decoder(Envelope)


def read_frame(  # noqa: PLR0913 - a message, its doorbell, and times
    message: Message,
    doorbell: str,
    limits: ImageLimits,
    *,
    now_s: float,
    now_at: datetime,
    default: Trigger = Trigger.CONTINUOUS,
    picture_path: str = "",
) -> Arrival:
    """Return the frame in a message, with a failure if it is unusable.

    `default` is its trigger if the publisher names none, `picture_path` the place of the picture in the JSON.
    """
    failure, image = None, b""
    envelope = Envelope("")
    try:
        image, envelope = _parse_payload(message.payload, limits, picture_path)
        header = read_header(image)
        check_size(header, limits.max_pixels)
    except ImageError as error:
        failure = Failure(FailureReason(error.reason), error.detail)
        header = NO_HEADER
    captured_at = envelope.captured_at if isinstance(envelope.captured_at, str) else ""
    properties = {"trigger": envelope.trigger, "captured_at": captured_at, "frame_id": envelope.frame_id}
    properties |= {name: value for name, value in message.properties.items() if name in properties}
    trigger = Trigger.from_code(properties["trigger"])
    own_id = properties["frame_id"] if _is_usable_id(properties["frame_id"]) else ""
    frame_id = own_id or _payload_id(message.payload, limits.max_bytes)
    frame = Frame(
        doorbell=doorbell,
        frame_id=frame_id,
        event_id=_fingerprint(f"{doorbell}/{frame_id}".encode()),
        trigger=trigger if trigger is not None else default,
        image=b"" if failure else image[: header.length],
        header=header,
        received_s=now_s,
        received_at=now_at,
        captured_at=_read_time(properties["captured_at"], now_at),
        reply_to=ReplyTo(message.response_topic, message.correlation_data) if message.response_topic else None,
    )
    return Arrival(frame, message.packet, failure, trigger is not None, message.duplicate or bool(own_id))


def _parse_payload(payload: bytes, limits: ImageLimits, picture_path: str) -> tuple[bytes, Envelope]:
    """Return the picture in a payload and what stands beside it; raise ImageError if there is no picture."""
    if len(payload) > _longest(limits.max_bytes):
        raise _too_large(len(payload))
    bare = strip_blanks(payload)
    envelope = _read_envelope(bare, picture_path) if is_json(bare) else Envelope("")
    image = picture_of_text(envelope.image) if is_json(bare) else picture_bytes(bare)
    if len(image) > limits.max_bytes:
        raise _too_large(len(image))
    return image, envelope


def _longest(max_bytes: int) -> int:
    """Return the largest message size: base64 makes 4 bytes of 3, in lines and escaped 7 % more; plus other keys."""
    return max_bytes * 4 // 3 * 107 // 100 + 1000


def _read_envelope(payload: bytes, picture_path: str) -> Envelope:
    """Return the envelope of a JSON object, or of a JSON string that is the picture itself."""
    try:
        if payload[:1] == b'"':
            return Envelope(msgspec.json.decode(payload, type=str))
        if not picture_path:
            return _decoder.decode(payload)
        value = msgspec.json.decode(payload)
        return msgspec.convert({**value, "image": json_value(value, picture_path)}, Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        place = f"`{picture_path}`" if picture_path else "`image`"
        detail = f"the message is no JSON with a picture as text in {place}"
        raise ImageError(FailureReason.BAD_IMAGE.value, detail) from error


def _too_large(size: int) -> ImageError:
    detail = f"the message has {size / 1e6:.1f} MB, more than images.max_megabytes allows"
    return ImageError(FailureReason.TOO_LARGE.value, detail)


def _is_usable_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_FRAME_ID and text.isprintable()


def _payload_id(payload: bytes, max_bytes: int) -> str:
    """Return an id of a message; for one that is too large, of its beginning."""
    if len(payload) <= _longest(max_bytes):
        return _fingerprint(payload)
    return _fingerprint(payload[:ENOUGH_TO_NAME] + str(len(payload)).encode())


def _fingerprint(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def _read_time(text: str, now_at: datetime) -> datetime | None:
    """Return an ISO 8601 time, UTC if it names no zone; None if it is invalid, or not in the past."""
    if len(text) > LONGEST_TIME:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time if time.year >= FIRST_YEAR and time <= now_at else None
