"""YuNet-n on onnxruntime: the default detector of the cpu strategy.

The network and its output format are those of https://github.com/ShiqiYu/libfacedetection.train; boxes are
decoded as OpenCV's FaceDetectorYN does it (modules/objdetect/src/face_detect.cpp).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime

from edge_agent.detectors.base import LOWEST_CONFIDENCE
from edge_agent.detectors.boxes import LANDMARKS, rescale, score_for, suppress, to_faces
from edge_agent.detectors.letterbox import Canvas, Letterbox, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice, Face

    FloatArray = npt.NDArray[np.float32]

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three output grids."""

OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)

KNOTS = ((0.0, 0.0), (0.7, 0.7), (1.0, 1.0))
"""Score to confidence: at 0.7, the precision is 95 %."""

LOWEST_SCORE = score_for(KNOTS, LOWEST_CONFIDENCE)


class YuNet:
    """Finds faces of about 10 input pixels and more, in 5 to 10 ms on one core of a small server."""

    strategy = "cpu"
    model = "yunet_n"
    uses_pixels = True
    side = 480
    """544 takes 1.3 times as long and 640 twice as long, for the same average precision on labelled pictures."""

    def __init__(self, choice: DetectorChoice) -> None:
        self.network = self._session(choice)
        self._canvas = Canvas()

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR)."""
        layout = self._fit(image)
        planes = cv2.split(self._canvas.draw(image, layout))
        blob = np.stack(planes, dtype=np.float32)[None]  # as cv2.dnn.blobFromImage, in half the time
        return faces_in(self.network.run(OUTPUTS, {"input": blob}), layout, image)

    def _fit(self, image: npt.NDArray[np.uint8]) -> Letterbox:
        height, width = image.shape[:2]
        return fit(width, height, side=self.side, multiple=STRIDES[-1])

    def _session(self, choice: DetectorChoice) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(choice.path, session_options(), providers=["CPUExecutionProvider"])


def faces_in(outputs: Sequence[FloatArray], layout: Letterbox, image: npt.NDArray[np.uint8]) -> list[Face]:
    """Return the faces of one picture, best first; `outputs` are in the order of OUTPUTS, each 1 x cells x values."""
    rectangles, points, scores = decode(outputs, layout.padded_width)
    kept = suppress(rectangles, scores)
    return to_faces(rectangles[kept], points[kept], rescale(scores[kept], KNOTS), image=image, layout=layout)


def session_options() -> onnxruntime.SessionOptions:
    """Return session options that leave the other cores to other workers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def decode(outputs: Sequence[FloatArray], input_width: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rectangles (N x 4: left, top, width, height), points (N x 5 x 2) and scores (N), in input pixels.

    `outputs` are in the order of OUTPUTS, each 1 x cells x values.
    """
    levels = [
        _candidates(stride, input_width // stride, *outputs[level :: len(STRIDES)])
        for level, stride in enumerate(STRIDES)
    ]
    strides, origins, boxes, keypoints, squares = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    centres = (origins + boxes[:, :2]) * strides
    sizes = np.exp(boxes[:, 2:]) * strides
    points = (keypoints.reshape(-1, len(LANDMARKS), 2) + origins[:, None]) * strides[:, None]
    return np.concatenate((centres - sizes / 2, sizes), axis=1), points, np.sqrt(squares)


def _candidates(  # noqa: PLR0913, PLR0917 - the four heads of one grid
    stride: int, columns: int, classes: FloatArray, objects: FloatArray, boxes: FloatArray, keypoints: FloatArray
) -> tuple[FloatArray, ...]:
    """Return one grid's candidate cells: stride, column and row, box, points, and the squared score."""
    squares = classes[0, :, 0] * objects[0, :, 0]  # both are sigmoids
    cells = np.flatnonzero(squares >= LOWEST_SCORE**2)
    origins = np.stack((cells % columns, cells // columns), axis=1).astype(np.float32)
    strides = np.full((len(cells), 1), stride, np.float32)
    return strides, origins, boxes[0, cells], keypoints[0, cells], squares[cells]
