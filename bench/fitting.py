"""Fits a table of confidences to scores: a logistic curve (Platt, 1999), at fixed scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.worker.calibration import SCORES

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_agent.worker.calibration import Confidences

    Floats = npt.NDArray[np.float64]

ANCHOR: Final = 0.7
"""A score that is its own confidence: the default of `detection.min_confidence` selects the same faces."""
LOWEST: Final = 0.01
"""Of a listed face: `min_confidence` can be as low."""
HIGHEST: Final = 0.994
"""No detector is certain: 100 % is never shown."""
STEP: Final = 0.002
"""The least rise from one score to the next, so that no two scores get one confidence."""
CERTAIN_SCORE: Final = 0.99
ITERATIONS: Final = 50
RIDGE: Final = 0.001
"""Keeps the curve finite if all detections are faces."""


def fit(scores: Floats, is_face: Floats) -> Confidences:
    """Return the table for detections with these scores."""
    slope, offset = logistic(log_odds(scores), is_face)
    return anchored(1 / (1 + np.exp(-(slope * log_odds(np.array(SCORES)) + offset))))


def log_odds(scores: Floats) -> Floats:
    """Return the logarithm of the odds of scores in 0..1, which stays finite."""
    clipped = np.clip(scores, 1 - CERTAIN_SCORE, CERTAIN_SCORE)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def logistic(values: Floats, is_face: Floats) -> tuple[float, float]:
    """Return slope and offset of the logistic regression, by Newton's method."""
    columns = np.stack((values, np.ones_like(values)), axis=1)
    weights = start = np.array((1.0, 0.0))
    for _ in range(ITERATIONS):
        chances = 1 / (1 + np.exp(-columns @ weights))
        gradient = columns.T @ (chances - is_face) + RIDGE * (weights - start)
        curvature = columns.T @ (columns * (chances * (1 - chances))[:, None]) + RIDGE * np.eye(2)
        weights = weights - np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1])


def anchored(curve: Floats) -> Confidences:
    """Return the curve at SCORES, in steps of at least STEP from 0 to HIGHEST, through ANCHOR."""
    place, last = SCORES.index(ANCHOR), len(SCORES) - 1
    values = [0.0]
    for row, value in list(enumerate(curve.tolist()))[1:]:
        least = LOWEST if row == 1 else values[-1] + STEP
        most = ANCHOR - STEP * (place - row) if row < place else HIGHEST - STEP * (last - row)
        values.append(ANCHOR if row == place else round(min(max(value, least), most), 3))
    return tuple(values)
