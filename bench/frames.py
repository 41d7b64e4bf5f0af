"""The benchmark's frames: 1080p JPEGs of photographs, or of the simulated door without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.visitors import read_visitors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

SIZE: Final = (1920, 1080)
START: Final = b"\xff\xd8"
COMMENT: Final = b"\xff\xfe\x00\x06"
"""Marker and length of a comment of four bytes."""
COUNT: Final = 4
"""The number of distinct pictures: no two in a row are equal."""
QUALITY: Final = 85

ENCODERS: Final[dict[str, list[int]]] = {
    "4:2:0": [],
    "4:2:2": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422],
    "4:4:4": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
    "optimized": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 120],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
}
"""JPEG variants of cameras and programs: parameters of OpenCV's encoder."""


def pictures(folder: Path | None) -> list[Image]:
    """Return COUNT pictures of SIZE: the largest of a folder, scaled and cropped, or the simulated door."""
    originals = list(_largest(folder)) if folder else list(_porch())
    return [_fitted(image, SIZE) for image in originals]


def describe(folder: Path | None, frames: Sequence[bytes]) -> str:
    """Return a description of the frames."""
    source = "photographs" if folder else "pictures of the simulated door"
    size = sum(map(len, frames)) / len(frames) / 1000
    return f"{len(frames)} {source}, {SIZE[0]} x {SIZE[1]}, JPEG {QUALITY}, {size:.0f} kB on average"


def jpegs(images: Sequence[Image], encoder: str = "4:2:0", size: tuple[int, int] = SIZE) -> list[bytes]:
    """Return pictures as JPEGs of `size` (width, height)."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, *ENCODERS[encoder]]
    return [cv2.imencode(".jpg", _fitted(image, size), parameters)[1].tobytes() for image in images]


def numbered(frame: bytes, number: int) -> bytes:
    """Return a distinct copy of a JPEG, with a number as its comment; bytes after its end make no difference."""
    return frame[: len(START)] + COMMENT + number.to_bytes(4, "big") + frame[len(START) :]


def _largest(folder: Path) -> Iterator[Image]:
    found = sorted(folder.rglob("*.jp*g"), key=lambda path: (-path.stat().st_size, path.name))
    images = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in found[: 4 * COUNT])
    usable = [np.asarray(image, np.uint8) for image in images if image is not None]
    yield from sorted(usable, key=lambda image: -image.size)[:COUNT]


def _porch() -> Iterator[Image]:
    visitors = read_visitors()
    for number in range(COUNT):
        yield draw(Scene(visitors[number % len(visitors)], distance_m=0.9 + 0.5 * number, seed=number))


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    """Return the middle of a picture, scaled to cover `size`."""
    width, height = size
    rows, columns = image.shape[:2]
    if (columns, rows) == size:
        return image
    scale = max(width / columns, height / rows)
    scaled = cv2.resize(image, (round(columns * scale), round(rows * scale)), interpolation=cv2.INTER_AREA)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)
