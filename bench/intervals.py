"""Confidence intervals of precision and recall, by the bootstrap over pictures (Efron, 1979)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

RESAMPLES: Final = 1000
SEED: Final = 1
TAIL_PERCENT: Final = 2.5
"""On each side of an interval of 95 %."""


class Counts(NamedTuple):
    """Of one picture: right and wrong detections, and faces."""

    right: int
    wrong: int
    faces: int


class Interval(NamedTuple):
    """An estimate, and the interval that covers it in 95 % of the resamples."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}-{self.high:.3f}]"


def count(detections: Sequence[tuple[float, bool]], faces: int, threshold: float) -> Counts:
    """Count the detections (confidence, whether it is a face) of a picture with at least `threshold`."""
    accepted = [right for confidence, right in detections if confidence >= threshold]
    return Counts(sum(accepted), len(accepted) - sum(accepted), faces)


def precision_and_recall(pictures: Sequence[Counts]) -> tuple[Interval, Interval]:
    """Return both with their intervals; pictures are resampled, as faces of one picture are alike."""
    samples = resample(np.array(pictures, np.float64))
    right, wrong, faces = samples.T
    return _interval(right, right + wrong), _interval(right, faces)


def per_thousand(pictures: Sequence[Counts]) -> Interval:
    """Return the wrong detections per 1,000 pictures."""
    wrong = 1000 * resample(np.array(pictures, np.float64))[:, 1]
    return _interval(wrong, np.full_like(wrong, len(pictures)))


def resample(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sums over the rows, and below them the sums over RESAMPLES draws of as many rows."""
    times = np.random.default_rng(SEED).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=RESAMPLES)
    return np.concatenate((rows.sum(axis=0, keepdims=True), times @ rows))


def _interval(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> Interval:
    """Return the ratio of the first values, and the percentiles of the others'; nothing of nothing is 1."""
    ratios = np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
    low, high = np.percentile(ratios[1:], (TAIL_PERCENT, 100 - TAIL_PERCENT))
    return Interval(float(ratios[0]), float(low), float(high))
