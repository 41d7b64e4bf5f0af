"""Faces that fill the picture: when the detector gets a smaller picture, and which result counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.wire import Box, Face
from edge_agent.worker.cascade import Cascade, CascadeInput, merge
from edge_agent.worker.close_up import add_large, retry_large

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

DAY, NIGHT = np.full((120, 160, 3), 140, np.uint8), np.full((120, 160, 3), 20, np.uint8)
LARGE, SMALL = Box(30, 10, 80, 100), Box(10, 10, 20, 24)
MOVED = Box(70, 40, 80, 100)
"""LARGE in the picture with margins of 40 and 30 pixels."""


@dataclass
class Detector:
    """A detector with a fixed result for a picture of 160 x 120, and another one for a picture with margins."""

    faces: list[Face] = field(default_factory=list)
    smaller: list[Face] = field(default_factory=list)
    seen: list[tuple[int, ...]] = field(default_factory=list)
    model: str = "fixed"
    strategy: str = "cpu"
    uses_pixels: bool = True
    side: int = 640

    def detect(self, image: Image) -> list[Face]:
        self.seen.append(image.shape[:2])
        return self.faces if image.shape == DAY.shape else self.smaller


def _retry(detector: Detector) -> list[Face]:
    return retry_large(detector, DAY, detector.detect(DAY))


def test_a_large_unsure_face_is_as_sure_as_in_a_smaller_picture() -> None:
    detector = Detector([Face(LARGE, 0.4)], [Face(MOVED, 0.9, {"nose": (110, 90)})])
    assert _retry(detector) == [Face(LARGE, 0.9, {"nose": (70, 60)})]
    assert detector.seen == [(120, 160), (180, 240)]


def test_a_less_sure_second_try_changes_nothing() -> None:
    assert _retry(Detector([Face(LARGE, 0.4)], [Face(MOVED, 0.3)])) == [Face(LARGE, 0.4)]
    assert _retry(Detector([Face(LARGE, 0.4)])) == [Face(LARGE, 0.4)]


def test_a_face_elsewhere_in_the_smaller_picture_is_not_taken() -> None:
    assert _retry(Detector([Face(LARGE, 0.4)], [Face(SMALL, 0.9)])) == [Face(LARGE, 0.4)]


def test_sure_and_small_faces_take_no_second_try() -> None:
    for faces in ([], [Face(LARGE, 0.9)], [Face(SMALL, 0.4)], [Face(LARGE, 0.9), Face(SMALL, 0.4)]):
        detector = Detector(faces, [Face(MOVED, 0.95)])
        assert _retry(detector) == faces
        assert detector.seen == [(120, 160)]


def test_a_scripted_detector_takes_no_second_try() -> None:
    detector = Detector([Face(LARGE, 0.4)], [Face(MOVED, 0.9)], uses_pixels=False)
    assert _retry(detector) == [Face(LARGE, 0.4)]
    assert len(detector.seen) == 1


def test_the_second_try_is_clipped_to_the_picture_and_sorted() -> None:
    beyond = Face(Box(30, 30, 150, 130), 0.95)
    detector = Detector([Face(SMALL, 0.6), Face(Box(0, 0, 135, 120), 0.5)], [beyond])
    assert _retry(detector) == [Face(Box(0, 0, 140, 120), 0.95), Face(SMALL, 0.6)]


def test_large_faces_of_another_detector_are_added_once() -> None:
    other = Detector(smaller=[Face(MOVED, 0.5), Face(SMALL, 0.9)])
    assert add_large(other, DAY, []) == [Face(LARGE, 0.5)]
    assert add_large(other, DAY, [Face(LARGE, 0.2)]) == [Face(LARGE, 0.5)]
    assert add_large(other, DAY, [Face(LARGE, 0.6), Face(SMALL, 0.1)]) == [Face(LARGE, 0.6), Face(SMALL, 0.1)]


def test_at_night_the_first_detector_finds_close_ups_that_the_second_misses() -> None:
    first, second = Detector(smaller=[Face(MOVED, 0.5)], model="fast"), Detector(model="slow")
    (result,) = Cascade(first, second).detect_all([CascadeInput(NIGHT, cascade=False)])
    assert [face.box for face in result.faces] == [LARGE]
    assert result.second_model == "slow"
    assert first.seen == [(180, 240)]


def test_at_night_the_first_detector_does_not_run_if_the_second_is_sure() -> None:
    first, second = Detector(smaller=[Face(MOVED, 0.9)], model="fast"), Detector([Face(SMALL, 0.4)], model="slow")
    (result,) = Cascade(first, second).detect_all([CascadeInput(NIGHT, cascade=True)])
    assert [face.box for face in result.faces] == [SMALL]
    assert first.seen == []


def test_at_night_a_detector_alone_takes_no_second_try() -> None:
    first = Detector([Face(LARGE, 0.3)], [Face(MOVED, 0.9)])
    Cascade(first).detect_all([CascadeInput(NIGHT, cascade=False)])
    assert first.seen == [(120, 160)]


def test_the_second_stage_takes_nothing_from_a_large_face() -> None:
    (large, small) = merge([Face(LARGE, 0.75), Face(SMALL, 0.75)], [], height=120)
    assert large == Face(LARGE, 0.75)
    assert small.confidence < 0.3
