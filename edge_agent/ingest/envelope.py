"""The JSON form of a frame: a picture in base64, and keys beside it that are read as far as possible. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent.domain import Failure, SideKey, Trigger
from edge_agent.wire import FailureReason

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_FRAME_ID: Final = 128
LONGEST_TIME: Final = 40
FIRST_YEAR: Final = 2001
"""The earliest year accepted from a camera: a clock that was never set starts in 1970 or 2000."""
LARGEST_SECONDS: Final = 1e11
"""A larger number counts smaller units since 1970: milliseconds, microseconds or nanoseconds."""
LARGEST_NUMBER: Final = 1e20
SCANNED_BYTES: Final = 4096
"""In broken JSON, a trigger is searched in so many bytes at the beginning and at the end."""
INVALID: Final = Failure(
    FailureReason.BAD_IMAGE, "the message is neither a picture nor JSON as described in docs/mqtt.md"
)
_TRIGGER: Final = re.compile(rb'"trigger"\s*:\s*"([a-z]{1,20})"')


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON form of a frame; the picture is base64."""

    image: bytes
    trigger: object = ""
    captured_at: object = ""
    frame_id: object = ""


@dataclass(frozen=True, slots=True)
class SideKeys:
    """The keys beside a picture; `unreadable` are those that were passed over."""

    trigger: Trigger | None = None
    captured_at: datetime | None = None
    frame_id: str = ""
    unreadable: tuple[SideKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a payload contains: a picture, or why it has none, and the values of its other keys."""

    image: bytes = b""
    failure: Failure | None = None
    keys: Mapping[str, object] = field(default_factory=dict)
    is_valid: bool = True


_decoder = msgspec.json.Decoder(Envelope)


def read_envelope(payload: bytes) -> Content:
    """Return the content of JSON; what is broken in it does not hide the rest."""
    try:
        envelope = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_odd_envelope(payload)
    return Content(envelope.image, keys={key.value: getattr(envelope, key.value) for key in _KEYS})


def scan(payload: bytes) -> Mapping[str, object]:
    """Return the trigger that a payload names, even if it is broken or too large to be parsed."""
    found = _TRIGGER.search(payload[:SCANNED_BYTES]) or _TRIGGER.search(payload[-SCANNED_BYTES:])
    return {SideKey.TRIGGER.value: found[1].decode()} if found else {}


def read_side_keys(properties: Mapping[str, str], keys: Mapping[str, object], now_at: datetime) -> SideKeys:
    """Return the keys of a frame: a user property counts if it can be read, else the JSON key."""
    unreadable: list[SideKey] = []

    def first(key: SideKey, read: Any) -> Any:  # noqa: ANN401 - each key has its own type
        given = [values[key.value] for values in (properties, keys) if _is_given(values.get(key.value))]
        found = [value for each in given if (value := read(each)) is not None]
        if len(found) < len(given):
            unreadable.append(key)
        return found[0] if found else None

    return SideKeys(
        first(SideKey.TRIGGER, _read_trigger),
        first(SideKey.CAPTURED_AT, lambda value: read_time(value, now_at)),
        first(SideKey.FRAME_ID, _read_frame_id) or "",
        tuple(unreadable),
    )


def read_time(value: object, now_at: datetime) -> datetime | None:
    """Return a time in ISO 8601, UTC if it names no zone, or a number since 1970; None if it is neither, or later."""
    time = _from_number(value) if isinstance(value, int | float) else _from_text(value)
    return time if time is not None and time.year >= FIRST_YEAR and time <= now_at else None


_KEYS: Final = (SideKey.TRIGGER, SideKey.CAPTURED_AT, SideKey.FRAME_ID)


def _read_odd_envelope(payload: bytes) -> Content:
    """Read JSON that is not strict, such as NaN or text that is not UTF-8, or has a picture that is no base64."""
    try:
        found = json.loads(payload.decode("utf-8", errors="replace"), parse_int=_number)
    except (ValueError, RecursionError):
        return Content(failure=INVALID, keys=scan(payload), is_valid=False)
    if not isinstance(found, dict):
        return Content(failure=INVALID, is_valid=False)
    keys = {key.value: found.get(key.value) for key in _KEYS}
    try:
        return Content(_picture(found.get("image")), keys=keys)
    except (ValueError, binascii.Error):
        return Content(failure=INVALID, keys=keys)


def _picture(value: object) -> bytes:
    """Return a picture in base64; raise ValueError if it is none."""
    if not isinstance(value, str):
        message = "the image is no text"
        raise ValueError(message)  # noqa: TRY004 - one kind of error, whatever is wrong with it
    return base64.b64decode(value, validate=True)


def _number(digits: str) -> int | None:
    return int(digits) if len(digits) <= LONGEST_TIME else None


def _is_given(value: object) -> bool:
    return value is not None and value != ""


def _read_trigger(value: object) -> Trigger | None:
    return Trigger.from_code(value) if isinstance(value, str) else None


def _read_frame_id(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    text = str(value)
    return text if 0 < len(text) <= LONGEST_FRAME_ID and text.isprintable() else None


def _from_number(value: float) -> datetime | None:
    if isinstance(value, bool) or not 0 <= value < LARGEST_NUMBER:
        return None
    for _ in range(3):
        value = value / 1000 if value > LARGEST_SECONDS else value
    return datetime.fromtimestamp(value, UTC)


def _from_text(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) > LONGEST_TIME:
        return None
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return _from_number(float(value))
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
