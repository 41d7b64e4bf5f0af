"""Reads a picture's format and size from its first bytes, without decoding: a few microseconds, no memory."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, NoReturn

from edge_agent.domain import ImageHeader
from edge_agent.errors import ImageError
from edge_agent.wire import FailureReason

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png"})
JPEG_START: Final = b"\xff\xd8\xff"
JPEG_END: Final = b"\xff\xd9"
PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"\0\0\0\0IEND"
_PNG_END_BYTES: Final = 12
"""The last chunk with its checksum."""

_FRAME_HEADERS: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
"""SOF markers (ITU-T T.81, table B.1)."""
_USUAL: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive, with Huffman codes; cameras use no others, and decoders differ on them."""
_PROGRESSIVE: Final = 0xC2
_SCAN_STARTS: Final = 0xDA
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_MOST_SEGMENTS: Final = 1000
_MOST_FILL_BYTES: Final = 1000
_MOST_SCANS: Final = 100
"""A progressive JPEG has about ten; each costs the decoder a pass over the whole picture."""
_BITS: Final = 8
_COMPONENTS: Final = {1, 3, 4}
"""Greyscale, colour, and CMYK."""
_PNG_KINDS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""Bit depths by colour type (PNG specification, table 11.1)."""


class _JpegFrame(NamedTuple):
    """The fields of a JPEG's frame header."""

    width: int
    height: int
    components: int
    is_progressive: bool


_NO_FRAME: Final = _JpegFrame(0, 0, 0, is_progressive=False)


def read_header(data: bytes) -> ImageHeader:
    """Return format, size and length of the picture in the data; raise ImageError if it is no JPEG or PNG.

    Zeros and garbage after a picture are no part of it, unless they end as a JPEG does. A JPEG without its end is
    accepted here: only its decoder knows whether all of it is there.
    """
    if data.startswith(JPEG_START):
        return _read_jpeg(data)
    if not data.startswith(PNG_START):
        _refuse("it is neither a JPEG nor a PNG" if data else "it is empty")
    return _read_png(data)


def check_size(header: ImageHeader, max_pixels: int) -> None:
    """Raise ImageError if the picture has no pixels, or more than `max_pixels`."""
    pixels = header.width * header.height
    if not pixels:
        _refuse(f"its header says {header.width}x{header.height} pixels")
    if pixels > max_pixels:
        detail = f"the picture has {header.width}x{header.height} pixels, more than images.max_megapixels allows"
        raise ImageError(FailureReason.TOO_LARGE, detail)


def _read_jpeg(data: bytes) -> ImageHeader:
    position, frame = 2, _NO_FRAME
    for _ in range(_MOST_SEGMENTS):
        position, marker = _next_marker(data, position)
        if marker in _USUAL and frame is _NO_FRAME:
            frame = _read_frame_header(data, position, is_progressive=marker == _PROGRESSIVE)
        elif marker in _FRAME_HEADERS:
            _refuse("it is a lossless, hierarchical or arithmetically coded JPEG, or contains several pictures")
        elif marker == _SCAN_STARTS:
            length = _length(data, position)
            _check_scans(data, position, length, frame)
            return ImageHeader("jpeg", frame.width, frame.height, length)
        if marker not in _WITHOUT_LENGTH:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return _refuse("it is a JPEG without a picture")


def _length(data: bytes, scan: int) -> int:
    """Return the length of a JPEG whose first scan begins at `scan`.

    Data that ends with an end marker is taken whole, since a search takes a tenth of the parent's time for a frame.
    It may hold more than one picture: decoders stop at the end of the first.
    """
    if data.endswith(JPEG_END):
        return len(data)
    end = data.find(JPEG_END, scan)
    return len(data) if end < 0 else end + len(JPEG_END)


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Return the marker at `position` and where its segment begins; fill bytes may precede it (T.81, B.1.1.2).

    Bytes that a decoder would skip as garbage, including FF 00, are refused: they could hide another picture.
    """
    if data[position : position + 1] != b"\xff":
        _refuse("it is a damaged or cut off JPEG")
    for place in range(position + 1, min(position + _MOST_FILL_BYTES, len(data))):
        if data[place] == 0:
            break
        if data[place] != 0xFF:  # noqa: PLR2004 - a fill byte
            return place + 1, data[place]
    return _refuse("it is a damaged or cut off JPEG")


def _read_frame_header(data: bytes, position: int, *, is_progressive: bool) -> _JpegFrame:
    segment = data[position : position + 8]
    if len(segment) < 8:  # noqa: PLR2004 - up to the number of components
        _refuse("it is a cut off JPEG")
    bits, height, width, components = struct.unpack(">BHHB", segment[2:])
    if bits != _BITS or components not in _COMPONENTS:
        _refuse(f"it is a JPEG of {components} components with {bits} bits each")
    return _JpegFrame(width, height, components, is_progressive)


def _check_scans(data: bytes, position: int, length: int, frame: _JpegFrame) -> None:
    """Refuse a picture with too many scans, or scans without a frame; the first scan's header is at `position`.

    A scan of all components is the only one, unless it is progressive: only then is the whole picture searched.
    """
    if frame is _NO_FRAME:
        _refuse("it is a JPEG without a frame header")
    is_only = not frame.is_progressive and data[position + 2 : position + 3] == bytes((frame.components,))
    if is_only:
        return
    end = data.find(JPEG_END, position, length)
    if data.count(bytes((0xFF, _SCAN_STARTS)), position, length if end < 0 else end) >= _MOST_SCANS:
        _refuse(f"it is a JPEG with more than {_MOST_SCANS} scans")


def _read_png(data: bytes) -> ImageHeader:
    end = data.find(_PNG_END, 33)  # after IHDR
    if data[8:16] != b"\0\0\0\x0dIHDR" or end < 0:
        _refuse("it is a damaged or cut off PNG")
    width, height, bits, colour, *methods = struct.unpack(">IIBBBBB", data[16:29])
    if bits not in _PNG_KINDS.get(colour, ()) or methods[:2] != [0, 0]:
        _refuse("it is a PNG with an invalid colour type or bit depth")
    return ImageHeader("png", width, height, min(len(data), end + _PNG_END_BYTES))


def _refuse(why: str) -> NoReturn:
    raise ImageError(FailureReason.BAD_IMAGE, f"the picture cannot be used: {why}")
