"""The frame parser: from a message to a frame. Pure: bytes and times in, a value out; pictures are not decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.domain import (
    NO_HEADER,
    Failure,
    Frame,
    ImageHeader,
    Message,
    Packet,
    ReplyTo,
    SideKey,
    Trigger,
)
from edge_agent.errors import ImageError
from edge_agent.ingest.envelope import LONGEST_TIME, Content, read_envelope, read_side_keys, scan
from edge_agent.ingest.image_header import check_size, read_header
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from datetime import datetime

ENOUGH_TO_NAME: Final = 65536
"""Bytes that are hashed for the id of a message that is too large."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A parsed frame; `failure` says why it is unusable, if it is.

    `has_trigger` is set if the publisher named the trigger. `repeatable` is set if another frame with the
    same event_id is a repetition: it was `redelivered`, or its publisher gave it an id. `unreadable` are keys that were
    passed over.
    """

    frame: Frame
    packet: Packet | None = None
    failure: Failure | None = None
    has_trigger: bool = False
    repeatable: bool = False
    redelivered: bool = False
    unreadable: tuple[SideKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits for accepted pictures."""

    max_bytes: int
    max_pixels: int


def read_frame(  # noqa: PLR0913 - a message, its doorbell, and times
    message: Message,
    doorbell: str,
    limits: ImageLimits,
    *,
    now_s: float,
    now_at: datetime,
    default: Trigger = Trigger.CONTINUOUS,
) -> Arrival:
    """Return the frame in a message, with a failure if it is unusable; its trigger holds even then.

    `default` is its trigger if the publisher names none.
    """
    content = _parse_payload(message.payload, limits)
    header, failure = _check(content, limits)
    said = read_side_keys(message.properties, content.keys, now_at)
    taken = message.properties.get(SideKey.CAPTURED_AT.value, "")
    frame_id = said.frame_id or _payload_id(message.payload, taken, limits.max_bytes)
    frame = Frame(
        doorbell=doorbell,
        frame_id=frame_id,
        event_id=_fingerprint(f"{doorbell}/{frame_id}".encode()),
        trigger=said.trigger if said.trigger is not None else default,
        image=b"" if failure else content.image,
        header=header,
        received_s=now_s,
        received_at=now_at,
        captured_at=said.captured_at,
        reply_to=ReplyTo(message.response_topic, message.correlation_data) if message.response_topic else None,
    )
    return Arrival(
        frame,
        message.packet,
        failure,
        has_trigger=said.trigger is not None,
        repeatable=message.duplicate or bool(said.frame_id),
        redelivered=message.duplicate,
        unreadable=said.unreadable if content.is_valid else (*said.unreadable, SideKey.JSON),
    )


def _parse_payload(payload: bytes, limits: ImageLimits) -> Content:
    """Return the content of a payload, JSON or a bare picture."""
    is_json = payload[:1] == b"{"
    if len(payload) > _longest(limits.max_bytes):
        return Content(failure=_too_large(len(payload)), keys=scan(payload) if is_json else {})
    return read_envelope(payload) if is_json else Content(payload)


def _check(content: Content, limits: ImageLimits) -> tuple[ImageHeader, Failure | None]:
    """Return the header of a picture, and why it is unusable, if it is."""
    if content.failure is not None:
        return NO_HEADER, content.failure
    if len(content.image) > limits.max_bytes:
        return NO_HEADER, _too_large(len(content.image))
    try:
        header = read_header(content.image)
        check_size(header, limits.max_pixels)
    except ImageError as error:
        return NO_HEADER, Failure(FailureReason(error.reason), error.detail)
    return header, None


def _longest(max_bytes: int) -> int:
    """Return the largest message size: base64 makes four bytes of three, plus the other keys."""
    return max_bytes * 4 // 3 + 1000


def _too_large(size: int) -> Failure:
    detail = f"the message has {size / 1e6:.1f} MB, more than images.max_megabytes allows"
    return Failure(FailureReason.TOO_LARGE, detail)


def _payload_id(payload: bytes, captured_at: str, max_bytes: int) -> str:
    """Return an id of a message and of when its user property says it was taken; of one too large, its beginning."""
    if len(payload) > _longest(max_bytes):
        payload = payload[:ENOUGH_TO_NAME] + str(len(payload)).encode()
    return hashlib.blake2b(payload, digest_size=12, key=captured_at.encode(errors="replace")[:LONGEST_TIME]).hexdigest()


def _fingerprint(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
