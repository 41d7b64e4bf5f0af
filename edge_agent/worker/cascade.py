"""Which detectors look at a picture: one by day, the one that sees in the dark by night, two for a press.

Every constant here is a measurement on labelled pictures; `make accuracy` measures them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import msgspec
import numpy as np

from edge_agent.detectors.base import BatchDetector
from edge_agent.detectors.boxes import read_off
from edge_agent.wire.geometry import iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_agent.detectors.base import Detector
    from edge_agent.wire import Face

    Image = npt.NDArray[np.uint8]

MIN_LISTED_CONFIDENCE: Final = 0.3
"""A face below this is not even listed as rejected."""

SAMPLE: Final = 16
"""Every sixteenth pixel, across and down, tells how dark and how colourful a picture is."""
MAX_INFRARED_COLOUR: Final = 3.0
"""Levels between the strongest and the weakest colour, on average: a camera's infrared light leaves less."""
DIM: Final = 100.0
DARK: Final = 30.0
"""Mean brightness, of 255. Below DARK is night; below DIM is night where there is no colour."""
GAMMA_TABLE: Final = np.round(255 * np.sqrt(np.arange(256) / 255)).astype(np.uint8)
"""Gamma of one half."""

NIGHT_CALIBRATION: Final = ((0.0, 0.0), (0.4, 0.7), (1.0, 1.0))
"""Confidence by day to confidence in a brightened picture of the night, where every detector is less sure."""

CONFIDENT: Final = 0.85
"""A face that the first detector is so sure of needs no second look."""
MERGE_IOU: Final = 0.4
"""Boxes of two detectors that overlap so much (IoU) are one face."""
SECOND_WEIGHT: Final = 0.7
COMBINED_CALIBRATION: Final = ((0.0, 0.0), (0.635, 0.7), (1.0, 1.0))
"""Weighted mean of two confidences to confidence."""


class CascadeResult(NamedTuple):
    """What was found in a picture, best first, and the model that looked beside the first one ('': none)."""

    faces: list[Face]
    second_model: str = ""


class View(NamedTuple):
    """A picture (height x width x 3, uint8, BGR) and whether it is worth a second look."""

    image: Image
    cascade: bool


class Cascade:
    """One detector, and a slower one that sees more: for presses, and where `by_night` is set for the night."""

    def __init__(self, first: Detector, second: Detector | None = None, *, by_night: bool = True) -> None:
        self._first = first
        self._second = second
        self._by_night = by_night
        self.side = max(first.side, second.side if second else 0)

    @property
    def uses_pixels(self) -> bool:
        """Return whether the first detector looks at the pixels at all."""
        return self._first.uses_pixels

    @property
    def batch(self) -> int:
        """Return how many pictures at once are worth looking at."""
        return self._first.batch if isinstance(self._first, BatchDetector) else 1

    def detect(self, image: Image, *, cascade: bool) -> CascadeResult:
        """Look at `image` (height x width x 3, uint8, BGR); `cascade` looks twice where the first look is unsure."""
        return self.detect_all([View(image, cascade)])[0]

    def detect_all(self, views: Sequence[View]) -> list[CascadeResult]:
        """Look at several pictures, together where the detector can."""
        nights = [self._first.uses_pixels and is_night(view.image) for view in views]
        images = [brighten(view.image) if night else view.image for view, night in zip(views, nights, strict=True)]
        seer = self._second if self._by_night else None
        instead = [night and not view.cascade and seer is not None for view, night in zip(views, nights, strict=True)]
        first = iter(self._detect_all([image for image, other in zip(images, instead, strict=True) if not other]))
        return [
            _look_by_night(seer, image) if seer and other else self._look_again(image, next(first), night, view)
            for image, view, night, other in zip(images, views, nights, instead, strict=True)
        ]

    def _detect_all(self, images: Sequence[Image]) -> list[list[Face]]:
        if len(images) > 1 and isinstance(self._first, BatchDetector):
            return self._first.detect_all(images)
        return [self._first.detect(image) for image in images]

    def _look_again(self, image: Image, found: Sequence[Face], night: bool, view: View) -> CascadeResult:  # noqa: FBT001
        """Return what the first detector found, and where that is unsure and worth it, the second."""
        faces = _shown(_at_night(found) if night else found)
        if self._second is None or not view.cascade or _is_sure(faces):
            return CascadeResult(faces)
        second = self._second.detect(image)
        return CascadeResult(_shown(merge(faces, _at_night(second) if night else second)), self._second.model)

    def close(self) -> None:
        """Release what the detectors hold."""
        self._first.close()
        if self._second is not None:
            self._second.close()


def is_night(image: Image) -> bool:
    """Return whether a picture was taken in the dark, with or without infrared light."""
    sample = np.ascontiguousarray(image[::SAMPLE, ::SAMPLE])
    brightness = sum(cv2.mean(sample)[:3]) / 3
    if brightness < DARK:
        return True
    return brightness < DIM and _colour(sample) < MAX_INFRARED_COLOUR


def _colour(image: Image) -> float:
    """Return the mean over all pixels of the levels between the strongest and the weakest colour."""
    blue, green, red = cv2.split(image)
    strongest, weakest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    return cv2.mean(cv2.subtract(strongest, weakest))[0]


def brighten(image: Image) -> Image:
    """Return the picture with less noise and brighter shadows."""
    return np.asarray(cv2.LUT(cv2.GaussianBlur(image, (0, 0), 1), GAMMA_TABLE), np.uint8)


def merge(first: Sequence[Face], second: Sequence[Face]) -> list[Face]:
    """Return the faces of two detectors as one list, best first; a face that only one saw counts for less."""
    left = list(second)
    merged: list[Face] = []
    for face in first:
        twin = max(left, key=lambda other: iou(face.box, other.box), default=None)
        if twin is not None and iou(face.box, twin.box) >= MERGE_IOU:
            left.remove(twin)
            merged.append(_with_confidence(face, _twice(face.confidence, twin.confidence)))
        else:
            merged.append(
                face if face.confidence >= CONFIDENT else _with_confidence(face, _twice(face.confidence, 0.0))
            )
    merged += [_with_confidence(face, _twice(0.0, face.confidence)) for face in left]
    return sorted(merged, key=lambda face: -face.confidence)


def _look_by_night(detector: Detector, image: Image) -> CascadeResult:
    return CascadeResult(_shown(_at_night(detector.detect(image))), detector.model)


def _twice(first: float, second: float) -> float:
    mean = (1 - SECOND_WEIGHT) * first + SECOND_WEIGHT * second
    return read_off(mean, COMBINED_CALIBRATION)


def _at_night(faces: Sequence[Face]) -> list[Face]:
    return [_with_confidence(face, read_off(face.confidence, NIGHT_CALIBRATION)) for face in faces]


def _is_sure(faces: Sequence[Face]) -> bool:
    return bool(faces) and min(face.confidence for face in faces) >= CONFIDENT


def _shown(faces: Sequence[Face]) -> list[Face]:
    return [face for face in faces if face.confidence >= MIN_LISTED_CONFIDENCE]


def _with_confidence(face: Face, confidence: float) -> Face:
    return msgspec.structs.replace(face, confidence=round(confidence, 4))
