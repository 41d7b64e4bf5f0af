"""Detectors' scores to confidences: the share of faces among detections with that score, on labelled pictures.

`make accuracy ARGS=--calibration` prints these tables. Each is a logistic curve, fitted to all labelled pictures. One
value is not fitted: a score of 0.7 is a confidence of 0.7, so that `detection.min_confidence` selects the same faces as
without the tables. Near it, between 0.68 and 0.8, a detection is therefore less often a face than its confidence says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.wire import Face

Confidences = tuple[float, ...]
"""The confidences of SCORES, rising; linear between them."""

SCORES: Final[Confidences] = (0.0, 0.3, 0.5, 0.6, 0.68, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""0.3 is the lowest score of a listed face."""

UNCALIBRATED: Final[Confidences] = SCORES
"""For a scripted detector, and those that no table was fitted for (`ssd_mobilenet_v2`, `mediapipe`)."""

BY_DAY: Final[Mapping[str, Confidences]] = {
    "blazeface": (0.0, 0.194, 0.559, 0.696, 0.698, 0.7, 0.917, 0.951, 0.975, 0.99, 0.992, 0.994),
    "centerface": (0.0, 0.01, 0.028, 0.116, 0.327, 0.7, 0.702, 0.84, 0.951, 0.99, 0.992, 0.994),
    "yunet_n": (0.0, 0.01, 0.052, 0.165, 0.373, 0.7, 0.702, 0.817, 0.931, 0.983, 0.992, 0.994),
    "yunet_opencv": (0.0, 0.01, 0.02, 0.085, 0.257, 0.7, 0.702, 0.792, 0.934, 0.988, 0.992, 0.994),
}
"""By model."""

BY_NIGHT: Final[Mapping[str, Confidences]] = {
    "blazeface": (0.0, 0.047, 0.33, 0.596, 0.698, 0.7, 0.906, 0.954, 0.982, 0.99, 0.992, 0.994),
    "centerface": (0.0, 0.01, 0.023, 0.085, 0.23, 0.7, 0.702, 0.714, 0.889, 0.974, 0.992, 0.994),
    "yunet_n": (0.0, 0.01, 0.03, 0.1, 0.25, 0.7, 0.702, 0.71, 0.88, 0.969, 0.992, 0.994),
    "yunet_opencv": (0.0, 0.016, 0.101, 0.222, 0.389, 0.7, 0.702, 0.732, 0.859, 0.946, 0.99, 0.994),
}
"""By model, for brightened pictures."""

BOTH_STAGES: Final[Confidences] = (0.0, 0.01, 0.03, 0.133, 0.375, 0.7, 0.702, 0.878, 0.966, 0.99, 0.992, 0.994)
"""For pictures that both stages processed."""


def table_for(model: str, *, dark: bool) -> Confidences:
    """Return the table of a model that processed a picture alone; `dark`: it was brightened."""
    return (BY_NIGHT if dark else BY_DAY).get(model, UNCALIBRATED)


def calibrate(faces: Sequence[Face], table: Confidences) -> list[Face]:
    """Return the faces with confidences in place of scores."""
    return [
        msgspec.structs.replace(face, confidence=round(float(np.interp(face.confidence, SCORES, table)), 4))
        for face in faces
    ]


def score_of(confidence: float, table: Confidences) -> float:
    """Return the score of a confidence: the inverse of `calibrate`."""
    return float(np.interp(confidence, table, SCORES))
