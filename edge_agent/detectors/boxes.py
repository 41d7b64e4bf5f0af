"""Shared postprocessing: non-maximum suppression, confidence scales, and faces from arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.wire import Box, Face

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_agent.detectors.letterbox import Letterbox

    FloatArray = npt.NDArray[np.float32]

LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
"""Names of the five points, in the order of both networks; right and left are the person's own."""

MOST_CANDIDATES = 5000
"""The number of boxes, best first, that enter suppression (the default of OpenCV's FaceDetectorYN)."""

LARGEST_OVERLAP = 0.3
"""Two boxes with more overlap (IoU) are one face."""


def suppress(rectangles: FloatArray, scores: FloatArray) -> npt.NDArray[np.intp]:
    """Return the rows to keep, best first, where no two overlap by more than LARGEST_OVERLAP.

    `rectangles` is N x 4 (left, top, width, height), `scores` has N values.
    """
    kept = cv2.dnn.NMSBoxes(rectangles, scores, 0.0, LARGEST_OVERLAP, top_k=MOST_CANDIDATES)  # type: ignore[arg-type] # takes arrays too
    return np.asarray(kept, np.intp).reshape(-1)


def rescale(scores: FloatArray, knots: Sequence[tuple[float, float]]) -> FloatArray:
    """Map raw scores to confidences, linearly between the knots (raw, confidence), both rising."""
    raw, confidence = zip(*knots, strict=True)
    return np.asarray(np.interp(scores, raw, confidence), np.float32)


def interpolate(score: float, knots: Sequence[tuple[float, float]]) -> float:
    """Return the confidence for one raw score."""
    raw, confidence = zip(*knots, strict=True)
    return float(np.interp(score, raw, confidence))


def score_for(knots: Sequence[tuple[float, float]], confidence: float) -> float:
    """Return the raw score for a confidence: the inverse of `interpolate`."""
    raw, confidences = zip(*knots, strict=True)
    return float(np.interp(confidence, confidences, raw))


def to_faces(  # noqa: PLR0913 - the outputs of a network, and the layout of its input
    rectangles: FloatArray,
    points: FloatArray,
    confidences: FloatArray,
    *,
    image: npt.NDArray[np.uint8],
    layout: Letterbox,
    names: Sequence[str] = LANDMARKS,
) -> list[Face]:
    """Return faces in pixels of `image`, clipped to it; faces outside it are dropped.

    `rectangles` is N x 4 (left, top, width, height), `points` N x len(names) x 2, both in pixels of the network.
    """
    height, width = image.shape[:2]
    limits = (width, height, width, height)
    scale = np.array((layout.scale_x, layout.scale_y), np.float32)
    rectangles, points = rectangles * np.tile(scale, 2), points * scale
    corners = np.concatenate((rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]), axis=1)
    corners = np.clip(np.rint(corners), 0, limits).astype(int)
    inside = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    whole_points = np.rint(points).astype(int)
    return [
        _face(corners[row].tolist(), dict(zip(names, whole_points[row].tolist(), strict=True)), float(confidences[row]))
        for row in np.flatnonzero(inside)
    ]


def _face(corners: list[int], points: dict[str, list[int]], confidence: float) -> Face:
    left, top, right, bottom = corners
    return Face(
        box=Box(x=left, y=top, width=right - left, height=bottom - top),
        confidence=round(min(confidence, 1.0), 4),
        landmarks={name: (x, y) for name, (x, y) in points.items()},
    )
