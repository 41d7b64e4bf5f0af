"""YuNet-n on OpenCV's own FaceDetectorYN: for hosts that onnxruntime does not support."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.detectors.base import LOWEST_CONFIDENCE
from edge_agent.detectors.boxes import LARGEST_OVERLAP, MOST_CANDIDATES, rescale, score_for, to_faces
from edge_agent.detectors.letterbox import Canvas, fit

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice, Face


KNOTS = ((0.0, 0.0), (0.72, 0.7), (1.0, 1.0))
"""Score to confidence: at 0.7, the precision is 95 %."""

LOWEST_SCORE = score_for(KNOTS, LOWEST_CONFIDENCE)


class OpenCvYuNet:
    """Finds the same faces as YuNet, in three times the time."""

    strategy = "cpu"
    model = "yunet_opencv"
    uses_pixels = True
    side = 640

    def __init__(self, choice: DetectorChoice) -> None:
        self._detector = cv2.FaceDetectorYN.create(
            "onnx",
            np.fromfile(choice.path, np.uint8),  # OpenCV would tell the format by the file's name
            np.empty(0, np.uint8),
            (self.side, self.side),
            LOWEST_SCORE,
            LARGEST_OVERLAP,
            MOST_CANDIDATES,
        )
        self._canvas = Canvas()

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR)."""
        height, width = image.shape[:2]
        layout = fit(width, height, side=self.side, multiple=32)
        self._detector.setInputSize((layout.padded_width, layout.padded_height))
        _, found = self._detector.detect(self._canvas.draw(image, layout))
        if found is None:
            return []
        rows = np.asarray(found, np.float32)
        points, confidences = rows[:, 4:14].reshape(-1, 5, 2), rescale(rows[:, 14], KNOTS)
        return to_faces(rows[:, :4], points, confidences, image=image, layout=layout)
