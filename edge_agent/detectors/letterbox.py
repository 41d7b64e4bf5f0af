"""Fits a picture into a network's input and maps the output back. Pure functions of sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The picture's place in a network's input: `width` x `height` at the top left; the rest is padding.

    `scale_x` and `scale_y` are picture pixels per input pixel.
    """

    width: int
    height: int
    padded_width: int
    padded_height: int
    scale_x: float
    scale_y: float


def fit(width: int, height: int, *, side: int, multiple: int) -> Letterbox:
    """Scale so that the longer side is `side`, and pad both sides to a multiple of `multiple`."""
    scale = side / max(width, height)
    inner_width = max(1, round(width * scale))
    inner_height = max(1, round(height * scale))
    return Letterbox(
        width=inner_width,
        height=inner_height,
        padded_width=-(-inner_width // multiple) * multiple,
        padded_height=-(-inner_height // multiple) * multiple,
        scale_x=width / inner_width,
        scale_y=height / inner_height,
    )


class Canvas:
    """A network's input picture, reused for every frame: a camera's frames all have one size.

    The black padding at the right and at the bottom remains while the size does.
    """

    def __init__(self) -> None:
        self._layout: Letterbox | None = None
        self._pixels: npt.NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)

    def draw(self, image: npt.NDArray[np.uint8], layout: Letterbox) -> npt.NDArray[np.uint8]:
        """Return `image` (height x width x 3, uint8) laid out; the array is reused by the next call."""
        if layout != self._layout:
            self._pixels = np.zeros((layout.padded_height, layout.padded_width, 3), np.uint8)
            self._layout = layout
        cv2.resize(image, (layout.width, layout.height), dst=self._pixels[: layout.height, : layout.width])
        return self._pixels
