"""Quality of a face picture: size, sharpness, confidence and pose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge_agent.wire import Face
    from edge_agent.worker.decode import Picture

GOOD_HEIGHT_PX: Final = 160
"""A face this high shows every detail on a phone."""
GOOD_SHARPNESS: Final = 220.0
"""Variance of the Laplacian (Pech-Pacheco et al., 2000) of a sharp face, scaled to SHARPNESS_SIDE."""
SHARPNESS_SIDE: Final = 96


def quality(face: Face, picture: Picture) -> float:
    """Return 0..1 for a face in pixels of the original picture."""
    size = min(1.0, face.box.height / picture.scale[1] / GOOD_HEIGHT_PX)
    sharpness = _sharpness(picture.pixels[picture.slices_of(face.box)])
    return round(face.confidence * (0.25 + 0.75 * size) * (0.3 + 0.7 * sharpness) * (0.4 + 0.6 * frontal(face)), 4)


def frontal(face: Face) -> float:
    """Return 1 for a face towards the camera, down to 0 for one turned away; from the landmarks."""
    names = ("right_eye", "left_eye", "nose")
    if not all(name in face.landmarks for name in names):
        return 0.5
    right, left, nose = (face.landmarks[name] for name in names)
    across, down = left[0] - right[0], left[1] - right[1]
    between = math.hypot(across, down)
    if between < 1:
        return 0.0
    aside, below = nose[0] - (right[0] + left[0]) / 2, nose[1] - (right[1] + left[1]) / 2
    sideways = (aside * across + below * down) / between**2
    return max(0.0, 1.0 - 2.0 * abs(sideways))


def _sharpness(crop: npt.NDArray[np.uint8]) -> float:
    if crop.size == 0:
        return 0.0
    grey = cv2.cvtColor(cv2.resize(crop, (SHARPNESS_SIDE, SHARPNESS_SIDE)), cv2.COLOR_BGR2GRAY)
    deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1].item()
    return min(1.0, deviation**2 / GOOD_SHARPNESS)
