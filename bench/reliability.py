"""How often detections are faces, against what their confidence says: reliability tables and their error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

BINS: Final = 10
LEAST_CONFIDENCE: Final = 0.3
"""Detections below it count in no error."""
SIMULATIONS: Final = 200
SEED: Final = 1


class Bin(NamedTuple):
    """The detections of one tenth of the scale: the tenth's begin, their mean confidence, and the share of faces."""

    begin: float
    confidence: float
    faces: float
    detections: int


def reliability(confidences: Floats, is_face: Floats) -> list[Bin]:
    """Return the bins that hold detections, of those with at least LEAST_CONFIDENCE."""
    counted = confidences >= LEAST_CONFIDENCE
    confidences, is_face = confidences[counted], is_face[counted]
    numbers = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return [
        Bin(number / BINS, float(confidences[inside].mean()), float(is_face[inside].mean()), int(inside.sum()))
        for number in range(BINS)
        if (inside := numbers == number).any()
    ]


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error: the mean distance of confidence and share of faces, over detections."""
    total = sum(each.detections for each in bins)
    return sum(each.detections * abs(each.confidence - each.faces) for each in bins) / max(1, total)


def error_by_chance(confidences: Floats) -> float:
    """Return the mean error if every confidence were exactly right: with few detections it is not 0."""
    random = np.random.default_rng(SEED)
    draws = [(random.random(len(confidences)) < confidences).astype(np.float64) for _ in range(SIMULATIONS)]
    return float(np.mean([calibration_error(reliability(confidences, draw)) for draw in draws]))
