"""Annotated pictures: faces marked, doorbell and time in a caption, small enough for a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.worker.decode import Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from edge_agent.wire import Box, Face

    Image = npt.NDArray[np.uint8]
    Point = tuple[int, int]

LONGEST_SIDE: Final = 1280
BEST_FACE_SIDE: Final = 480
QUALITIES: Final = (85, 75, 60, 45)
SQUARES: Final = 3
"""3 x 3 squares hide a face even from the detector; of 6 x 6 it still finds one in five."""
NOISE: Final = 20

ACCENT: Final = (86, 211, 255)
"""Amber (BGR): visible on skin, brick, foliage and in infrared."""
INK: Final = (24, 22, 20)
PAPER: Final = (245, 245, 245)
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Pen:
    """Line and text sizes in pixels, for one picture height."""

    line: int
    text: float
    weight: int
    margin: int

    @classmethod
    def fitting(cls, height: int) -> Pen:
        """Return sizes that look the same on every picture."""
        return cls(
            line=max(2, round(height / 240)),
            text=max(0.4, height / 1200),
            weight=max(1, round(height / 480)),
            margin=max(3, height // 120),
        )


def annotate(picture: Picture, faces: Sequence[Face], label: str) -> Image:
    """Return a copy (height x width x 3, uint8, BGR, LONGEST_SIDE at most) with `faces` marked and `label` below.

    The faces are in pixels of the original picture.
    """
    image = _scaled_down(picture.pixels, LONGEST_SIDE)
    height, width = image.shape[:2]
    scale = (width / picture.size.width, height / picture.size.height)
    pen = Pen.fitting(height)
    for face in faces:
        _mark(image, face, scale, pen)
    if label:
        _caption(image, label, pen)
    return image


def to_jpeg(image: Image, largest_bytes: int) -> bytes:
    """Return `image` as a JPEG of at most `largest_bytes`: reduce the quality first, then the size."""
    while True:
        for quality in QUALITIES:
            data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(data) <= largest_bytes:
                return data
        image = np.asarray(cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8)


def blurred(picture: Picture, boxes: Iterable[Box]) -> Picture:
    """Return the picture with the areas in `boxes` (pixels of the original picture) made unreadable.

    Uses a few coarse squares with noise instead of a blur: a known blur can be reversed.
    """
    pixels = picture.pixels.copy()
    for box in boxes:
        rows, columns = picture.slices_of(box, margin=0.25)
        area = pixels[rows, columns]
        if area.size:
            coarse = cv2.resize(area, (SQUARES, SQUARES), interpolation=cv2.INTER_AREA).astype(np.int16)
            coarse += np.random.default_rng().integers(-NOISE, NOISE, coarse.shape, np.int16)
            squares = np.clip(coarse, 0, 255).astype(np.uint8)
            area[:] = cv2.resize(squares, (area.shape[1], area.shape[0]), interpolation=cv2.INTER_NEAREST)
    return Picture(pixels, picture.size)


def crop(picture: Picture, face: Face) -> Image:
    """Return the face with some of its surroundings (height x width x 3, uint8, BGR, BEST_FACE_SIDE at most)."""
    return _scaled_down(picture.pixels[picture.slices_of(face.box, margin=0.4)], BEST_FACE_SIDE)


def _scaled_down(pixels: Image, longest_side: int) -> Image:
    height, width = pixels.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return pixels.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mark(image: Image, face: Face, scale: tuple[float, float], pen: Pen) -> None:
    corners = _corners(face.box, scale)
    for colour, thickness in ((INK, pen.line + 2), (ACCENT, pen.line)):
        _brackets(image, corners, colour, thickness)
    (left, top), (_, bottom) = corners
    text = f"{face.confidence:.0%}"
    (text_width, text_height), _ = cv2.getTextSize(text, FONT, pen.text, pen.weight)
    tag_height = text_height + 2 * pen.margin
    tag_top = top - tag_height - pen.line if top > tag_height + pen.line else bottom + pen.line
    tag_left = min(left, image.shape[1] - text_width - 2 * pen.margin)
    tag = ((tag_left, tag_top), (tag_left + text_width + 2 * pen.margin, tag_top + tag_height))
    cv2.rectangle(image, *tag, ACCENT, cv2.FILLED, cv2.LINE_AA)
    origin = (tag_left + pen.margin, tag_top + pen.margin + text_height)
    cv2.putText(image, text, origin, FONT, pen.text, INK, pen.weight, cv2.LINE_AA)


def _corners(box: Box, scale: tuple[float, float]) -> tuple[Point, Point]:
    across, down = scale
    return (
        (round(box.x * across), round(box.y * down)),
        (round((box.x + box.width) * across), round((box.y + box.height) * down)),
    )


def _brackets(image: Image, corners: tuple[Point, Point], colour: tuple[int, int, int], thickness: int) -> None:
    """Draw only the four corners of a box, to leave the face clear."""
    (left, top), (right, bottom) = corners
    arm = max(4, min(right - left, bottom - top) // 4)
    for x, inwards_x in ((left, arm), (right, -arm)):
        for y, inwards_y in ((top, arm), (bottom, -arm)):
            path = np.array([(x + inwards_x, y), (x, y), (x, y + inwards_y)], np.int32)
            cv2.polylines(image, [path], isClosed=False, color=colour, thickness=thickness, lineType=cv2.LINE_AA)


def _caption(image: Image, label: str, pen: Pen) -> None:
    """Write `label` on a darkened strip at the bottom."""
    height = image.shape[0]
    (_, text_height), _ = cv2.getTextSize(label, FONT, pen.text, pen.weight)
    strip = image[max(0, height - text_height - 4 * pen.margin) :]
    strip[:] = strip // 3
    origin = (2 * pen.margin, height - 2 * pen.margin)
    cv2.putText(image, label, origin, FONT, pen.text, PAPER, pen.weight, cv2.LINE_AA)
