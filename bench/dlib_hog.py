"""dlib's HOG detector with one upsampling, where dlib is installed: what the pool was once planned with."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.wire import DetectorChoice


def _dlib_detection(_choice: DetectorChoice) -> Callable[[bytes], int]:
    """Return the loop with dlib, at 640 pixels like the others: at 1080p it takes seconds."""
    detector = importlib.import_module("dlib").get_frontal_face_detector()

    def look(data: bytes) -> int:
        image = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_2), np.uint8)
        small = cv2.resize(image, (640, round(640 * image.shape[0] / image.shape[1])))
        return len(detector(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), 1))

    return look


dlib_detection = _dlib_detection if importlib.util.find_spec("dlib") else None
"""None where dlib is not installed."""
