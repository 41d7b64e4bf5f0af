"""What a picture's first bytes say about it, read without decoding it: a few microseconds, no memory."""

from __future__ import annotations

import struct
from typing import Final, NoReturn

from edge_agent.errors import ImageError
from edge_agent.model import ImageHeader
from edge_agent.wire import FailureReason

JPEG_START: Final = b"\xff\xd8\xff"
JPEG_END: Final = b"\xff\xd9"
PNG_START: Final = b"\x89PNG\r\n\x1a\n"

_FRAME_HEADERS: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
"""SOF markers (ITU-T T.81, table B.1)."""
_SCAN_STARTS: Final = 0xDA
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_MOST_SEGMENTS: Final = 1000


def read_header(data: bytes) -> ImageHeader:
    """Return format and size of a whole JPEG or PNG; raise ImageError where it is neither, or is cut off."""
    if data.startswith(JPEG_START):
        return _read_jpeg(data)
    if not data.startswith(PNG_START):
        _refuse("it is neither a JPEG nor a PNG" if data else "it is empty")
    return _read_png(data)


def check_size(header: ImageHeader, max_pixels: int) -> None:
    """Raise ImageError where the picture has no pixels, or more than `max_pixels`."""
    pixels = header.width * header.height
    if not pixels:
        _refuse(f"its header says {header.width}x{header.height} pixels")
    if pixels > max_pixels:
        detail = f"the picture has {header.width}x{header.height} pixels, more than images.max_megapixels allows"
        raise ImageError(FailureReason.TOO_LARGE.value, detail)


def _read_jpeg(data: bytes) -> ImageHeader:
    position = 2
    for _ in range(_MOST_SEGMENTS):
        position, marker = _next_marker(data, position)
        if marker in _FRAME_HEADERS:
            return _read_frame_header(data, position)
        if marker == _SCAN_STARTS:
            break
        if marker not in _WITHOUT_LENGTH:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return _refuse("it is a JPEG without a frame header")


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Return the marker at `position` and where its segment begins; fill bytes may stand before it (T.81, B.1.1.2)."""
    if data[position : position + 1] != b"\xff":
        _refuse("it is a damaged or cut off JPEG")
    while data[position : position + 1] == b"\xff":
        position += 1
    if position >= len(data):
        _refuse("it is a cut off JPEG")
    return position + 1, data[position]


def _read_frame_header(data: bytes, position: int) -> ImageHeader:
    segment = data[position : position + 7]
    if len(segment) < 7 or data.rfind(JPEG_END) < position:  # noqa: PLR2004 - length, precision, height, width
        _refuse("it is a cut off JPEG")
    height, width = struct.unpack(">HH", segment[3:])
    return ImageHeader("jpeg", width, height)


def _read_png(data: bytes) -> ImageHeader:
    if data[12:16] != b"IHDR" or len(data) < 33 or b"IEND" not in data[-64:]:  # noqa: PLR2004 - signature and IHDR
        _refuse("it is a damaged or cut off PNG")
    width, height = struct.unpack(">II", data[16:24])
    return ImageHeader("png", width, height)


def _refuse(why: str) -> NoReturn:
    raise ImageError(FailureReason.BAD_IMAGE.value, f"the picture cannot be used: {why}")
