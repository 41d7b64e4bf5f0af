"""The detector cascade: which stages run on a picture. One by day, the night detector in the dark, two for a press.

Detectors give scores on one scale, by which the stages are merged. The published confidences are calibrated scores.
Every constant here was measured on labelled pictures; `make accuracy` repeats the measurement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import msgspec
import numpy as np

from edge_agent.detectors.base import BatchDetector
from edge_agent.detectors.boxes import interpolate
from edge_agent.wire.geometry import iou
from edge_agent.worker.calibration import BOTH_STAGES, calibrate, table_for
from edge_agent.worker.close_up import SAME_IOU, SURE, add_large, is_large, retry_large

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_agent.detectors.base import Detector
    from edge_agent.wire import Face

    Image = npt.NDArray[np.uint8]

MIN_LISTED_SCORE: Final = 0.3
"""Faces below this are not even listed as rejected."""

SAMPLE: Final = 16
"""Every sixteenth pixel, across and down, is enough to measure brightness and colour."""
MAX_INFRARED_COLOUR: Final = 3.0
"""Mean levels between the strongest and the weakest colour; infrared pictures have less."""
DIM: Final = 100.0
DARK: Final = 30.0
"""Mean brightness, of 255. Below DARK is night; below DIM is night if there is no colour."""
GAMMA_TABLE: Final = np.round(255 * np.sqrt(np.arange(256) / 255)).astype(np.uint8)
"""Gamma of one half."""

SURE_BY_NIGHT: Final = 0.4
NIGHT_SCALE: Final = ((0.0, 0.0), (SURE_BY_NIGHT, 0.7), (1.0, 1.0))
"""Score by day to score in a brightened night picture, where every detector is less certain."""

UNSURE: Final = 0.5
"""Beside a sure face, only faces of this score and more need it: the others never become faces that count."""


class Mix(NamedTuple):
    """How the scores of both stages make one: by a weighted mean, of which `threshold` becomes 0.7."""

    second_weight: float
    threshold: float

    def score(self, first: float, second: float) -> float:
        """Return the score of a face, from those of both stages (0: not found)."""
        mean = (1 - self.second_weight) * first + self.second_weight * second
        return interpolate(mean, ((0.0, 0.0), (self.threshold, 0.7), (1.0, 1.0)))


BOTH: Final = Mix(second_weight=0.75, threshold=0.69)
"""Best F1 on labelled pictures by day, in 137 of 200 choices by cross-validation: `make bench ARGS="mix FOLDER"`."""


class CascadeResult(NamedTuple):
    """The faces found in a picture, best first, and the second stage's model, if it ran ('': it did not)."""

    faces: list[Face]
    second_model: str = ""


class CascadeInput(NamedTuple):
    """A picture (height x width x 3, uint8, BGR), and whether it gets the second stage if the first is unsure."""

    image: Image
    cascade: bool


class Plan(NamedTuple):
    """The steps for one picture: `image` is already brightened if `dark`.

    `second` is the detector of the second stage, None if it does not run. It runs if the first detector is
    unsure, or `instead` of it.
    """

    image: Image
    dark: bool
    second: Detector | None = None
    instead: bool = False


class Cascade:
    """One detector, and a slower, more accurate one: for presses by day, and instead of the first if `by_night`."""

    def __init__(self, first: Detector, second: Detector | None = None, *, by_night: bool = True) -> None:
        self._first = first
        self._second = second
        self._by_night = by_night
        self.side = max(first.side, second.side if second else 0)

    @property
    def uses_pixels(self) -> bool:
        """Return whether the first detector reads pixels."""
        return self._first.uses_pixels

    @property
    def batch(self) -> int:
        """Return how many pictures the first detector processes at once."""
        return self._first.batch if isinstance(self._first, BatchDetector) else 1

    def detect_all(self, inputs: Sequence[CascadeInput]) -> list[CascadeResult]:
        """Detect faces in several pictures, together where the detector can."""
        plans = [self._plan(each) for each in inputs]
        first = iter(self._detect_all([plan.image for plan in plans if not plan.instead]))
        return [
            _detect_at_night(self._first, plan.second, plan)
            if plan.second and plan.instead
            else _refine(self._first, next(first), plan)
            for plan in plans
        ]

    def _plan(self, each: CascadeInput) -> Plan:
        dark = self._first.uses_pixels and is_night(each.image)
        image = brighten(each.image) if dark else each.image
        if dark and self._by_night:
            return Plan(image, dark, self._second, instead=self._second is not None)
        return Plan(image, dark, self._second if each.cascade else None)

    def _detect_all(self, images: Sequence[Image]) -> list[list[Face]]:
        if len(images) > 1 and isinstance(self._first, BatchDetector):
            return self._first.detect_all(images)
        return [self._first.detect(image) for image in images]


def is_night(image: Image) -> bool:
    """Return whether a picture was taken in the dark, with or without infrared light."""
    sample = np.ascontiguousarray(image[::SAMPLE, ::SAMPLE])
    brightness = sum(cv2.mean(sample)[:3]) / 3
    if brightness < DARK:
        return True
    return brightness < DIM and _colour(sample) < MAX_INFRARED_COLOUR


def _colour(image: Image) -> float:
    """Return the mean over all pixels of the difference between the strongest and the weakest colour."""
    blue, green, red = cv2.split(image)
    strongest, weakest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    return cv2.mean(cv2.subtract(strongest, weakest))[0]


def brighten(image: Image) -> Image:
    """Return the picture with less noise and brighter shadows."""
    return np.asarray(cv2.LUT(cv2.GaussianBlur(image, (0, 0), 1), GAMMA_TABLE), np.uint8)


def merge(first: Sequence[Face], second: Sequence[Face], *, height: int, mix: Mix = BOTH) -> list[Face]:
    """Return the faces of two detectors in a picture of that height as one list, best first.

    A face found by only one gets a lower score, unless it fills the picture, where the second detector is no better.
    """
    unmatched = list(second)
    merged: list[Face] = []
    for face in first:
        best = max(unmatched, key=lambda other: iou(face.box, other.box), default=None)
        if best is not None and iou(face.box, best.box) >= SAME_IOU:
            unmatched.remove(best)
            score = mix.score(face.confidence, best.confidence)
        else:
            score = face.confidence if face.confidence >= SURE else mix.score(face.confidence, 0.0)
        merged.append(_with_score(face, max(score, face.confidence) if is_large(face, height) else score))
    merged += [_with_score(face, mix.score(0.0, face.confidence)) for face in unmatched]
    return sorted(merged, key=lambda face: -face.confidence)


def _detect_at_night(first: Detector, second: Detector, plan: Plan) -> CascadeResult:
    """Return the second detector's faces; if none counts by default, with close-ups that the first one finds."""
    found = retry_large(second, plan.image, second.detect(plan.image))
    if not any(face.confidence >= SURE_BY_NIGHT for face in found):
        found = add_large(first, plan.image, found)
    return CascadeResult(calibrate(_listed(_scale(found, plan)), table_for(second.model, dark=True)), second.model)


def _refine(detector: Detector, found: Sequence[Face], plan: Plan) -> CascadeResult:
    """Return the first detector's faces; if it is unsure and the plan has a second stage, merge in the second's."""
    # By night, a first stage alone would give one more false alarm in 60 infrared pictures.
    surest = found if plan.dark else retry_large(detector, plan.image, found)
    faces = _listed(_scale(surest, plan))
    if plan.second is None or is_sure(faces):
        return CascadeResult(calibrate(faces, table_for(detector.model, dark=plan.dark)))
    second = _scale(plan.second.detect(plan.image), plan)
    both = _listed(merge(faces, second, height=plan.image.shape[0]))
    return CascadeResult(calibrate(both, BOTH_STAGES), plan.second.model)


def _scale(faces: Sequence[Face], plan: Plan) -> list[Face]:
    """Return the faces with scores of the scale by day."""
    if not plan.dark:
        return list(faces)
    return [_with_score(face, interpolate(face.confidence, NIGHT_SCALE)) for face in faces]


def is_sure(faces: Sequence[Face]) -> bool:
    """Return whether the first stage's faces, best first, need no second stage."""
    return bool(faces) and faces[0].confidence >= SURE and not any(UNSURE <= face.confidence < SURE for face in faces)


def _listed(faces: Sequence[Face]) -> list[Face]:
    return [face for face in faces if face.confidence >= MIN_LISTED_SCORE]


def _with_score(face: Face, score: float) -> Face:
    return msgspec.structs.replace(face, confidence=round(score, 4))
