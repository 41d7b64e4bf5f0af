"""Decodes compressed bytes to pixels, no larger than the detector needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.errors import ImageError
from edge_agent.wire import Box, Face, FailureReason, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
_NEVER_DECODED: Final = 128
"""libjpeg shows this value in all three channels where a JPEG holds no data."""
_REDUCTIONS = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))

_TURNS: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture as displayed: `pixels` (height x width x 3, uint8, BGR) may be smaller than `size`."""

    pixels: npt.NDArray[np.uint8]
    size: ImageSize

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the original picture per pixel here: across, down."""
        height, width = self.pixels.shape[:2]
        return self.size.width / width, self.size.height / height

    def slices_of(self, box: Box, *, margin: float = 0.0) -> tuple[slice, slice]:
        """Return the rows and columns of `pixels` that a box of the original picture covers.

        The box grows by `margin`, a fraction of its size, on each side.
        """
        across, down = self.scale
        grow_x, grow_y = box.width * margin, box.height * margin
        rows = slice(max(0, int((box.y - grow_y) / down)), max(0, math.ceil((box.y + box.height + grow_y) / down)))
        left, right = (box.x - grow_x) / across, (box.x + box.width + grow_x) / across
        return rows, slice(max(0, int(left)), max(0, math.ceil(right)))


def decode(data: bytes, *, width: int, height: int, side: int, rotation: int = 0) -> Picture:
    """Decode a JPEG or PNG of `width` x `height` to at least `side` on its longer side, if it was that large.

    Applies the EXIF rotation, and then `rotation`, in degrees clockwise. A JPEG is reduced during decoding, which
    halves the time of a 1080p one and changes nothing for a network with an input of 640 pixels or fewer. A JPEG may
    lack its Huffman tables (libjpeg has the standard ones) and its end, if all of its rows are there.
    """
    ended = _with_end(data)
    reduction, flag = next(
        (each for each in _REDUCTIONS if max(width, height) // each[0] >= side), (1, cv2.IMREAD_COLOR)
    )
    try:
        pixels = cv2.imdecode(np.frombuffer(ended, np.uint8), flag)
    except cv2.error as error:
        raise ImageError(FailureReason.BAD_IMAGE, f"the picture cannot be decoded: {error.err}") from error
    if pixels is None:
        raise ImageError(FailureReason.BAD_IMAGE, "the picture cannot be decoded: its data is damaged")
    if ended is not data and _lacks_rows(np.asarray(pixels)):
        raise ImageError(FailureReason.BAD_IMAGE, "the picture cannot be used: it is a cut off JPEG")
    for shown in (ImageSize(width, height), ImageSize(height, width)):
        if _is_of_size(pixels.shape, shown, reduction):
            return _turned(Picture(np.asarray(pixels, np.uint8), shown), rotation)
    detail = "the picture cannot be decoded: its size differs from its header"
    raise ImageError(FailureReason.BAD_IMAGE, detail)


def _turned(picture: Picture, rotation: int) -> Picture:
    """Return a picture turned clockwise by 0, 90, 180 or 270 degrees."""
    if not rotation:
        return picture
    size = picture.size
    turned = size if rotation == 180 else ImageSize(size.height, size.width)  # noqa: PLR2004 - half a turn
    return Picture(np.asarray(cv2.rotate(picture.pixels, _TURNS[rotation]), np.uint8), turned)


def _with_end(data: bytes) -> bytes:
    """Return a JPEG with its end marker, without the zeros that stand in its place; other data as it is."""
    if not data.startswith(_JPEG_START) or data.endswith(_JPEG_END):
        return data
    return data.rstrip(b"\0") + _JPEG_END


def _lacks_rows(pixels: npt.NDArray[np.generic]) -> bool:
    """Return whether the last row of a JPEG holds no data; a rotated picture has it at any edge."""
    edges = (pixels[-1], pixels[0], pixels[:, 0], pixels[:, -1])
    return any(bool((edge == _NEVER_DECODED).all()) for edge in edges)


def _is_of_size(shape: tuple[int, ...], size: ImageSize, reduction: int) -> bool:
    """Return whether pixels of `shape` are a reduced picture of `size`: JPEG rounds up, PNG rounds down."""
    return abs(shape[0] - size.height / reduction) < 1 and abs(shape[1] - size.width / reduction) < 1


def to_original(face: Face, picture: Picture) -> Face:
    """Return a face found in `picture.pixels`, in pixels of the original picture."""
    across, down = picture.scale
    if across == down == 1.0:
        return face
    box, size = face.box, picture.size
    left, top = round(box.x * across), round(box.y * down)
    right = min(size.width, round((box.x + box.width) * across))
    bottom = min(size.height, round((box.y + box.height) * down))
    landmarks = {name: (round(x * across), round(y * down)) for name, (x, y) in face.landmarks.items()}
    return Face(Box(left, top, right - left, bottom - top), face.confidence, landmarks, face.quality)
