"""Hostile and unusual pictures: generated here, none of them a photograph."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from PIL import Image

from testing.pictures import jpeg, png
from tests.fuzz.seeds import small_jpeg, small_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE: Final = (320, 240)
TURNED: Final = 6
"""EXIF orientation: rotate by a quarter, clockwise."""


@functools.cache
def pixels() -> NDArray[np.uint8]:
    """Return a smooth pattern, BGR."""
    small = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def _saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels()[:, :, ::-1]).convert(mode).save(data, kind, **options)
    return data.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return exif


def _of_scans(data: bytes, count: int) -> bytes:
    """Return a JPEG with that many scans of its first component instead of its own."""
    return data[: data.index(b"\xff\xda")] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * count + b"\xff\xd9"


def _hidden() -> bytes:
    """Return a JPEG that has one scan if FF 00 counts as a marker; decoders skip it and find hundreds."""
    hidden = _of_scans(small_jpeg().replace(b"\xff\xc0", b"\xff\xc2"), 500)[2:-2]
    return b"\xff\xd8\xff\0" + struct.pack(">H", len(hidden) + 2) + hidden + jpeg()[2:]


def _animated() -> bytes:
    first = Image.fromarray(pixels()[:, :, ::-1])
    others = [first.transpose(Image.Transpose.ROTATE_180) for _ in range(3)]
    data = io.BytesIO()
    first.save(data, "PNG", save_all=True, append_images=others, duration=100)
    return data.getvalue()


@functools.cache
def unusual() -> dict[str, bytes]:
    """Return pictures of the pattern that are processed, by their unusual property."""
    return {
        "progressive JPEG": _saved("JPEG", progressive=True),
        "CMYK JPEG": _saved("JPEG", "CMYK"),
        "RGBA PNG": _saved("PNG", "RGBA"),
        "16-bit PNG": bytes(cv2.imencode(".png", pixels().astype(np.uint16) * 257)[1].tobytes()),
        "animated PNG": _animated(),
        "JPEG with fill bytes": jpeg(seed=5)[:2] + b"\xff" * 20 + jpeg(seed=5)[2:],
        "grey JPEG": _saved("JPEG", "L"),
        "grey PNG": _saved("PNG", "L"),
        "PNG with a palette": _saved("PNG", "P"),
        "PNG of one bit": _saved("PNG", "1"),
        "JPEG to be turned": _saved("JPEG", exif=_exif()),
    }


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """Return the marker and the bytes of each segment up to the first scan, and then all that follows as one."""
    found, position = [], 2
    while data[position + 1] != 0xDA:
        length = 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        found.append((data[position + 1], data[position : position + length]))
        position += length
    return [*found, (0xDA, data[position:])]


def without_tables(data: bytes) -> bytes:
    """Return a JPEG without its Huffman tables, as MJPEG frames are."""
    return data[:2] + b"".join(segment for marker, segment in _segments(data) if marker != 0xC4)


@functools.cache
def of_cameras() -> dict[str, bytes]:
    """Return JPEGs and PNGs of the pattern as cameras send them: their encoder forgot something, all rows are there."""
    whole, other = _saved("JPEG"), jpeg(seed=9)
    thumbnail = b"\xff\xe1" + struct.pack(">H", len(other) + 8) + b"Exif\0\0" + other
    return {
        "JPEG without Huffman tables": without_tables(whole),
        "JPEG without Huffman tables and end": without_tables(whole)[:-2],
        "JPEG without its end": whole[:-2],
        "JPEG without its end, after a thumbnail": whole[:2] + thumbnail + whole[2:-2],
        "JPEG without its end, and zeros": whole[:-2] + bytes(4000),
        "JPEG and zeros": whole + bytes(50_000),
        "JPEG and a line end": whole + b"\r\n",
        "JPEG and garbage": whole + random.Random(1).randbytes(9000),  # noqa: S311 - no secret
        "JPEG and 500 scans": whole + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 500,
        "progressive JPEG and garbage": _saved("JPEG", progressive=True) + b"\xff\xda" * 500,
        "progressive JPEG without its end": _saved("JPEG", progressive=True)[:-2],
        "two JPEGs": whole + other,
        "JPEG and a larger one": whole + jpeg(4000, 3000, seed=9),
        "PNG and garbage": _saved("PNG") + b"\xff\xd8\xff" * 300,
        "two PNGs": _saved("PNG") + png(),
    }


@functools.cache
def cut() -> dict[str, bytes]:
    """Return JPEGs that lack rows; only their decoder sees it."""
    whole, progressive = _saved("JPEG"), _saved("JPEG", progressive=True)
    return {
        "half a JPEG": whole[: len(whole) // 2],
        "half a JPEG, and zeros": whole[: len(whole) // 2] + bytes(len(whole) // 2),
        "nine tenths of a JPEG": whole[: len(whole) * 8 // 10],
        "a tenth of a progressive JPEG": progressive[: len(progressive) // 10],
        "half a JPEG to be turned": _saved("JPEG", exif=_exif())[: len(whole) // 2],
        "half a JPEG without tables": without_tables(whole)[: len(whole) // 2],
        "a JPEG up to its scan": whole[: whole.index(b"\xff\xda") + 14],
    }


@functools.cache
def damaged() -> dict[str, bytes]:
    """Return pictures with a valid header and invalid data."""
    cut, whole = jpeg()[: len(jpeg()) // 2], bytearray(_saved("PNG"))
    whole[len(whole) // 2] ^= 0xFF
    return {
        "JPEG without its second half, with an end": cut + b"\xff\xd9",
        "JPEG of markers only": small_jpeg(640, 480),
        "PNG with a wrong byte": bytes(whole),
        "PNG without most of its rows": small_png(4000, 3000),
        "JPEG that claims more than it holds": small_jpeg(5000, 3900),
    }


@functools.cache
def refused() -> dict[str, bytes]:
    """Return data that is refused by its first bytes, by description."""
    chance = random.Random(7)  # noqa: S311 - no secret
    lossless, arithmetic = small_jpeg(sof=0xC3), small_jpeg(sof=0xC9)
    return {
        "nothing": b"",
        "noise": chance.randbytes(5000),
        "noise that begins as a JPEG": b"\xff\xd8\xff" + chance.randbytes(5000),
        "half a JPEG header": jpeg()[:100],
        "half a PNG": png()[: len(png()) // 2],
        "JPEG of 65535 x 65535": small_jpeg(65535, 65535),
        "JPEG of 20000 x 20000": small_jpeg(20000, 20000),
        "JPEG without a height": small_jpeg(16, 0),
        "PNG of 30000 x 30000": small_png(30000, 30000),
        "PNG bomb": _bomb(8000, 8000),
        "PNG of more than 2^31 columns": small_png(1 << 31, 1),
        "JPEG of 12 bits": small_jpeg().replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc0\0\x0b\x0c"),
        "lossless JPEG": lossless,
        "arithmetically coded JPEG": arithmetic,
        "progressive JPEG of 1000 scans": _of_scans(small_jpeg().replace(b"\xff\xc0", b"\xff\xc2"), 1000),
        "JPEG of 1000 scans of one colour each": _of_scans(jpeg(), 1000),
        "JPEG with another one hidden in what decoders pass over": _hidden(),
        "JPEG without a scan": jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9",
        "JPEG of fill bytes": b"\xff\xd8" + b"\xff" * 9_000_000,
        "PNG of 3 bits": small_png()[:24] + b"\3" + small_png()[25:],
        "GIF": _saved("GIF"),
        "BMP": _saved("BMP"),
        "TIFF": _saved("TIFF"),
        "WebP": _saved("WEBP"),
        "Radiance HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20000 +X 20000\n" + bytes(100),
        "PPM": b"P6 20000 20000 255\n" + bytes(100),
        "EXR": b"\x76\x2f\x31\x01" + bytes(100),
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(100),
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    }


def _bomb(width: int, height: int) -> bytes:
    """Return a complete PNG, all black, a thousand times smaller than its pixels."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width * 3 + 1)) for _ in range(height)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@functools.cache
def bomb() -> bytes:
    """Return a PNG of 19 megapixels in 60 kB: allowed, and the largest that a worker must process."""
    return _bomb(5000, 3800)
