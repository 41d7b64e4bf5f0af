"""Whether a picture shows something that another one did not: cheap, and only ever used to save a look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

SIZE: Final = (64, 36)
"""Width and height of a thumbnail: a face of a twentieth of the picture's height is two of its pixels."""
NOTICED: Final = 10
"""Levels by which a thumbnail's pixel must differ: the noise of a camera, averaged over its pixels, does not."""


def thumbnail(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture (height x width x 3, uint8) as a small grey one."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # first: one channel is averaged in half the time of three
    return cv2.resize(grey, SIZE, interpolation=cv2.INTER_AREA).tobytes()


def is_unchanged(one: bytes, other: bytes) -> bool:
    """Return whether two thumbnails show the same, but for light that changed everywhere alike."""
    if len(one) != len(other) or not one:
        return False
    difference = np.frombuffer(one, np.uint8).astype(np.int16) - np.frombuffer(other, np.uint8)
    return bool(np.abs(difference - round(float(np.median(difference)))).max() < NOTICED)
