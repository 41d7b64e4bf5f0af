"""From a message's payload to the bytes of its picture: raw, base64 text or a data URL. Pure.

It is strict: what it does not recognize by its first bytes is refused at once. It is bounded: each step copies the
payload at most once, and `ImageLimits` bounds the payload.
"""

from __future__ import annotations

import binascii
import re
from typing import Any, Final, NoReturn

import msgspec

from edge_agent.errors import ImageError
from edge_agent.ingest.image_header import JPEG_START, PNG_START
from edge_agent.wire import FailureReason

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
BLANKS: Final = b" \t\r\n\0"
"""What publishers put around text; a C string's end among them."""
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_PICTURE_TEXT: Final = (b"/9j/", b"_9j_", b"iVBORw0KGgo")
"""The first characters of a JPEG (in both alphabets of RFC 4648) and of a PNG as base64."""
_DATA_URL: Final = re.compile(rb"data:(image/[\w.+-]{1,20})?(;[\w.+-]{1,20}=[\w.+-]{1,20}){0,4};base64,", re.IGNORECASE)
"""RFC 2397, of a picture in base64."""
_DATA_URL_START: Final = b"data:"
_NOTHING_KNOWN: Final = (
    "the message is neither a picture, base64 text, a data URL nor JSON as described in docs/mqtt.md"
)


def strip_blanks(payload: bytes) -> bytes:
    """Return a payload without a byte order mark and blanks around it; a picture keeps its last bytes."""
    if payload.startswith((JPEG_START, PNG_START)):
        return payload
    bare = payload.lstrip(BLANKS).removeprefix(BYTE_ORDER_MARK).lstrip(BLANKS)
    return bare if bare.startswith((JPEG_START, PNG_START)) else bare.rstrip(BLANKS)


def is_json(payload: bytes) -> bool:
    """Return whether a payload without blanks can only be a JSON object or string."""
    return payload[:1] in {b"{", b'"'}


def picture_bytes(payload: bytes) -> bytes:
    """Return the picture of a payload without blanks that is no JSON; raise ImageError if it holds none."""
    if not payload or payload.startswith((JPEG_START, PNG_START)):
        return payload
    return _from_text(payload)


def picture_of_text(text: str) -> bytes:
    """Return the picture of a JSON string: base64 text or a data URL; raise ImageError if it holds none."""
    if not text.isascii():
        _refuse(_NOTHING_KNOWN)
    payload = text.encode().strip(BLANKS)
    return _from_text(payload) if payload else b""


def json_value(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value at a JSON path like `event.type` or `images.0`, or None; without a path, the value itself."""
    for name in path.split(".") if path else ():
        if isinstance(value, list) and name.isdecimal() and len(name) < 4:  # noqa: PLR2004 - no list is longer
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def read_json(payload: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a JSON payload without blanks, or None if it is invalid."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _from_text(payload: bytes) -> bytes:
    """Return the picture of base64 text, in lines or not, or of a data URL."""
    if payload[: len(_DATA_URL_START)].lower() == _DATA_URL_START:
        start = _DATA_URL.match(payload, 0, 200)
        if start is None:
            _refuse("the data URL holds no picture in base64")
        payload = payload[start.end() :].lstrip(BLANKS)
    if not payload.startswith(_PICTURE_TEXT):
        _refuse(_NOTHING_KNOWN)
    text = payload.translate(_URL_SAFE, b" \t\r\n").rstrip(b"=")
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error as error:
        detail = "the message is damaged or cut off base64 text"
        raise ImageError(FailureReason.BAD_IMAGE, detail) from error


def _refuse(detail: str) -> NoReturn:
    raise ImageError(FailureReason.BAD_IMAGE, detail)
