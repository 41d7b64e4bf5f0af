"""BlazeFace, full range, on LiteRT: the fastest detector, with a recall of about 70 %.

The network is MediaPipe's; its output format is that of mediapipe/modules/face_detection (a grid of 48 x 48 cells with
one anchor each, boxes and points relative to it in input pixels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.detectors.base import LOWEST_CONFIDENCE
from edge_agent.detectors.boxes import rescale, score_for, suppress, to_faces
from edge_agent.detectors.letterbox import Canvas, fit
from edge_agent.detectors.tflite import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice, Face

    FloatArray = npt.NDArray[np.float32]

STRIDE = 4
"""Input pixels per cell."""

POINTS = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
"""Names of the points, in the network's order; right and left are the person's own."""

KNOTS = ((0.0, 0.0), (0.6, 0.7), (1.0, 1.0))
"""Score to confidence."""
LOWEST_SCORE = score_for(KNOTS, LOWEST_CONFIDENCE)


class BlazeFace:
    """Finds faces of at least a tenth of the picture in 2 ms on one core of a small server."""

    strategy = "cpu"
    model = "blazeface"
    uses_pixels = True
    side = 192

    def __init__(self, choice: DetectorChoice) -> None:
        self._network = Network(choice.path)
        self._canvas = Canvas()

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR)."""
        height, width = image.shape[:2]
        layout = fit(width, height, side=self.side, multiple=self.side)
        pixels = cv2.cvtColor(self._canvas.draw(image, layout), cv2.COLOR_BGR2RGB)
        rectangles, points, scores = decode(self._network.run(pixels.astype(np.float32) / 127.5 - 1), self.side)
        kept = suppress(rectangles, scores)
        confidences = rescale(scores[kept], KNOTS)
        return to_faces(rectangles[kept], points[kept], confidences, image=image, layout=layout, names=POINTS)


def decode(outputs: Sequence[FloatArray], side: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rectangles (N x 4: left, top, width, height), points (N x 6 x 2) and scores (N), in input pixels.

    `outputs` are boxes and points (1 x cells x 16), and the logits of the scores (1 x cells x 1).
    """
    regressors, logits = (output[0] for output in outputs)
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -50, 50)))
    cells = np.flatnonzero(scores >= LOWEST_SCORE)
    columns = side // STRIDE
    anchors = (np.stack((cells % columns, cells // columns), axis=1) + 0.5) * STRIDE
    boxes = regressors[cells]
    rectangles = np.concatenate((anchors + boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, 2:4]), axis=1)
    points = boxes[:, 4:].reshape(-1, len(POINTS), 2) + anchors[:, None]
    return rectangles.astype(np.float32), points.astype(np.float32), scores[cells].astype(np.float32)
