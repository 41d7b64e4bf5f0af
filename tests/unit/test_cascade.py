"""The cascade: which detectors run on a picture, and how two results are merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.detectors.boxes import interpolate
from edge_agent.wire import Box, Face
from edge_agent.wire.geometry import iou
from edge_agent.worker.calibration import BOTH_STAGES, BY_DAY, BY_NIGHT, SCORES
from edge_agent.worker.cascade import (
    BOTH,
    NIGHT_SCALE,
    Cascade,
    CascadeInput,
    CascadeResult,
    Mix,
    brighten,
    is_night,
    merge,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

HERE, THERE = Box(10, 10, 40, 40), Box(200, 10, 40, 40)
BESIDE_HERE = Box(14, 10, 40, 40)


@dataclass
class Fixed:
    """A detector with a fixed result, which records the brightness of its pictures."""

    model: str
    faces: list[Face] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    strategy: str = "cpu"
    uses_pixels: bool = True
    side: int = 640

    def detect(self, image: Image) -> list[Face]:
        self.seen.append(float(image.mean()))
        return self.faces


def picture(red: int, green: int, blue: int) -> Image:
    return np.full((120, 160, 3), (blue, green, red), np.uint8)


DAY, NIGHT_CALIBRATION = picture(150, 140, 120), picture(30, 30, 30)


@pytest.mark.parametrize(
    ("image", "night"),
    [
        (DAY, False),
        (NIGHT_CALIBRATION, True),
        (picture(90, 90, 90), True),
        (picture(110, 110, 110), False),
        (picture(90, 80, 60), False),
        (picture(28, 20, 15), True),
    ],
    ids=["day", "dark", "infrared", "bright infrared", "dim with colour", "dark with colour"],
)
def test_night_is_dark_or_dim_without_colour(image: Image, night: bool) -> None:
    assert is_night(image) is night


def _detect(detectors: Cascade, image: Image, *, cascade: bool) -> CascadeResult:
    (result,) = detectors.detect_all([CascadeInput(image, cascade)])
    return result


def test_an_ordinary_frame_by_day_uses_the_first_stage_only() -> None:
    first, second = Fixed("fast"), Fixed("slow", [Face(HERE, 0.9)])
    assert _detect(Cascade(first, second), DAY, cascade=False) == ([], "")
    assert second.seen == []


def test_an_ordinary_frame_by_night_is_brightened_for_the_second_detector() -> None:
    first, second = Fixed("fast"), Fixed("slow", [Face(HERE, 0.4)])
    found = _detect(Cascade(first, second), NIGHT_CALIBRATION, cascade=False)
    assert found == ([Face(HERE, 0.7)], "slow")
    assert first.seen == []
    assert second.seen == [pytest.approx(brighten(NIGHT_CALIBRATION).mean())]
    assert second.seen[0] > 2 * NIGHT_CALIBRATION.mean()


def test_the_second_detector_can_be_limited_to_presses() -> None:
    first, second = Fixed("fast", [Face(HERE, 0.4)]), Fixed("slow")
    assert _detect(Cascade(first, second, by_night=False), NIGHT_CALIBRATION, cascade=False) == ([Face(HERE, 0.7)], "")


@pytest.mark.parametrize("image", [DAY, NIGHT_CALIBRATION], ids=["day", "night"])
def test_a_press_without_a_face_runs_both_stages(image: Image) -> None:
    found = _detect(Cascade(Fixed("fast"), Fixed("slow", [Face(HERE, 1.0)])), image, cascade=True)
    assert found.second_model == "slow"
    assert [face.box for face in found.faces] == [HERE]


def test_a_press_with_a_confident_face_runs_the_first_stage_only() -> None:
    second = Fixed("slow")
    assert _detect(Cascade(Fixed("fast", [Face(HERE, 0.9)]), second), DAY, cascade=True).second_model == ""
    assert second.seen == []


@pytest.mark.parametrize(
    ("scores", "is_sure"),
    [([0.9, 0.49], True), ([0.9, 0.5], False), ([0.9, 0.84], False), ([0.84], False), ([0.84, 0.4], False)],
)
def test_a_press_with_an_unsure_face_runs_both_stages(scores: list[float], is_sure: bool) -> None:
    """Beside a confident face, a weak one makes no difference to the faces that count."""
    faces = [Face(box, score) for box, score in zip((HERE, Box(200, 200, 40, 40)), scores, strict=False)]
    second = Fixed("slow")
    _detect(Cascade(Fixed("fast", faces), second), DAY, cascade=True)
    assert (second.seen == []) is is_sure


def test_without_a_second_detector_only_the_first_runs() -> None:
    first = Fixed("fast", [Face(HERE, 0.4)])
    for cascade in (False, True):
        assert _detect(Cascade(first), NIGHT_CALIBRATION, cascade=cascade) == ([Face(HERE, 0.7)], "")


def test_a_scripted_detector_gets_the_original_picture() -> None:
    first = Fixed("script", [Face(HERE, 0.9)], uses_pixels=False)
    assert _detect(Cascade(first), NIGHT_CALIBRATION, cascade=True) == ([Face(HERE, 0.9)], "")
    assert first.seen == [NIGHT_CALIBRATION.mean()]


def test_very_low_confidences_are_not_listed() -> None:
    assert _detect(Cascade(Fixed("fast", [Face(HERE, 0.2), Face(THERE, 0.3)])), DAY, cascade=False).faces == [
        Face(THERE, 0.3)
    ]


def test_a_face_found_by_both_is_merged_with_higher_confidence() -> None:
    (face,) = merge([Face(HERE, 0.6, {"nose": (30, 30)})], [Face(BESIDE_HERE, 0.8)], height=200)
    assert face.box == HERE
    assert face.landmarks == {"nose": (30, 30)}
    assert 0.7 < face.confidence < 0.8


def test_a_face_found_by_one_loses_confidence() -> None:
    by_second, by_first = merge([Face(HERE, 0.6)], [Face(THERE, 0.9)], height=200)
    assert (by_second.box, by_first.box) == (THERE, HERE)
    assert by_second.confidence == pytest.approx(0.68, abs=0.01)
    assert by_first.confidence < 0.3


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_of_either_stage_never_lowers_that_of_both(one: float, other: float, second: float) -> None:
    low, high = sorted((one, other))
    assert BOTH.score(low, second) <= BOTH.score(high, second)
    assert BOTH.score(second, low) <= BOTH.score(second, high)


def test_a_face_counts_from_the_mean_of_the_mix_on() -> None:
    assert Mix(second_weight=0.25, threshold=0.6).score(0.5, 0.9) == pytest.approx(0.7)
    assert BOTH.score(0.0, 0.0) == 0
    assert BOTH.score(1.0, 1.0) == 1


def test_a_confident_face_of_the_first_stage_is_kept() -> None:
    assert merge([Face(HERE, 0.9), Face(THERE, 0.5)], [], height=200)[0] == Face(HERE, 0.9)


def test_overlap_is_intersection_over_union() -> None:
    assert iou(HERE, HERE) == 1.0
    assert iou(HERE, THERE) == 0.0
    assert iou(HERE, BESIDE_HERE) == pytest.approx(36 / 44)


def test_the_larger_input_size_is_used() -> None:
    assert Cascade(Fixed("fast", side=320), Fixed("slow")).side == 640


@pytest.mark.parametrize(
    ("image", "cascade", "table"),
    [(DAY, False, BY_DAY["yunet_n"]), (NIGHT_CALIBRATION, False, BY_NIGHT["centerface"]), (DAY, True, BOTH_STAGES)],
    ids=["the first stage by day", "the second stage by night", "both stages"],
)
def test_confidences_are_calibrated_by_what_processed_the_picture(
    image: Image, cascade: bool, table: tuple[float, ...]
) -> None:
    detectors = Cascade(Fixed("yunet_n", [Face(HERE, 0.5)]), Fixed("centerface", [Face(HERE, 0.5)]))
    (face,) = _detect(detectors, image, cascade=cascade).faces
    score = {BY_NIGHT["centerface"]: interpolate(0.5, NIGHT_SCALE), BOTH_STAGES: BOTH.score(0.5, 0.5)}
    assert face.confidence == pytest.approx(np.interp(score.get(table, 0.5), SCORES, table), abs=1e-4)
