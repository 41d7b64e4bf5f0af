"""A second try for faces that fill the picture: detectors are surer of them if the picture is smaller.

Measured by `make accuracy ARGS=--hard-cases`. By day it runs only if there is an unsure face of this size, in 3 of 100
labelled pictures: the others take no more time. By night the fast detector helps where the accurate one found nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import msgspec
import numpy as np

from edge_agent.wire import Box
from edge_agent.wire.geometry import iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_agent.detectors.base import Detector
    from edge_agent.wire import Face

    Image = npt.NDArray[np.uint8]

LARGE: Final = 0.6
"""Fraction of the picture's height."""
SURE: Final = 0.85
"""A face with this score from the first detector needs no second try, and no second stage."""
MARGIN: Final = 0.25
"""Black margin on each side, as a fraction of the picture: the network sees it at two thirds of its size."""
SAME_IOU: Final = 0.4
"""Boxes of two tries, or of two detectors, with at least this overlap (IoU) are one face."""


def retry_large(detector: Detector, image: Image, faces: Sequence[Face]) -> list[Face]:
    """Return the faces that `detector` found in `image`; large unsure ones as in a smaller picture if surer there."""
    height = image.shape[0]
    if not detector.uses_pixels or not any(_is_unsure(face, height) for face in faces):
        return list(faces)
    again = _detect_smaller(detector, image)
    surest = [_surest(face, again) if _is_unsure(face, height) else face for face in faces]
    return sorted(surest, key=lambda face: -face.confidence)


def add_large(detector: Detector, image: Image, faces: Sequence[Face]) -> list[Face]:
    """Return the faces of another detector, with the large ones that `detector` finds in a smaller picture."""
    large = [face for face in _detect_smaller(detector, image) if is_large(face, image.shape[0])]
    best = [_surest(face, large) for face in faces]
    new = [face for face in large if not any(iou(face.box, other.box) >= SAME_IOU for other in best)]
    return sorted((*best, *new), key=lambda face: -face.confidence)


def is_large(face: Face, height: int) -> bool:
    """Return whether a face fills a picture of that height."""
    return face.box.height >= LARGE * height


def _is_unsure(face: Face, height: int) -> bool:
    return face.confidence < SURE and is_large(face, height)


def _surest(face: Face, again: Sequence[Face]) -> Face:
    same = [other for other in again if iou(face.box, other.box) >= SAME_IOU]
    return max((face, *same), key=lambda each: each.confidence)


def _detect_smaller(detector: Detector, image: Image) -> list[Face]:
    """Return the faces of the picture with a margin, in pixels of the picture."""
    height, width = image.shape[:2]
    across, down = round(MARGIN * width), round(MARGIN * height)
    padded = cv2.copyMakeBorder(image, down, down, across, across, cv2.BORDER_CONSTANT)
    return [_moved(face, across, down, image) for face in detector.detect(np.asarray(padded, np.uint8))]


def _moved(face: Face, across: int, down: int, image: Image) -> Face:
    height, width = image.shape[:2]
    left, top = max(0, face.box.x - across), max(0, face.box.y - down)
    right = min(width, face.box.x - across + face.box.width)
    bottom = min(height, face.box.y - down + face.box.height)
    return msgspec.structs.replace(
        face,
        box=Box(left, top, max(0, right - left), max(0, bottom - top)),
        landmarks={name: (x - across, y - down) for name, (x, y) in face.landmarks.items()},
    )
