"""Which detector looks at a picture, and what two of them make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.wire import Box, Face
from edge_agent.wire.geometry import iou
from edge_agent.worker.cascade import Cascade, brighten, is_night, merge

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

HERE, THERE = Box(10, 10, 40, 40), Box(200, 10, 40, 40)
BESIDE_HERE = Box(14, 10, 40, 40)


@dataclass
class Fixed:
    """A detector that finds always the same, and keeps how bright the pictures were that it was shown."""

    model: str
    faces: list[Face] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    strategy: str = "cpu"
    uses_pixels: bool = True
    side: int = 640
    closed: bool = False

    def detect(self, image: Image) -> list[Face]:
        self.seen.append(float(image.mean()))
        return self.faces

    def close(self) -> None:
        self.closed = True


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


def test_an_ordinary_frame_by_day_is_looked_at_once() -> None:
    first, second = Fixed("fast"), Fixed("slow", [Face(HERE, 0.9)])
    assert Cascade(first, second).detect(DAY, cascade=False) == ([], "")
    assert second.seen == []


def test_an_ordinary_frame_by_night_is_for_the_second_detector_brightened() -> None:
    first, second = Fixed("fast"), Fixed("slow", [Face(HERE, 0.4)])
    found = Cascade(first, second).detect(NIGHT_CALIBRATION, cascade=False)
    assert found == ([Face(HERE, 0.7)], "slow")
    assert first.seen == []
    assert second.seen == [pytest.approx(brighten(NIGHT_CALIBRATION).mean())]
    assert second.seen[0] > 2 * NIGHT_CALIBRATION.mean()


def test_the_second_detector_can_be_kept_for_presses() -> None:
    first, second = Fixed("fast", [Face(HERE, 0.4)]), Fixed("slow")
    assert Cascade(first, second, by_night=False).detect(NIGHT_CALIBRATION, cascade=False) == ([Face(HERE, 0.7)], "")


@pytest.mark.parametrize("image", [DAY, NIGHT_CALIBRATION], ids=["day", "night"])
def test_a_press_without_a_face_is_looked_at_twice(image: Image) -> None:
    found = Cascade(Fixed("fast"), Fixed("slow", [Face(HERE, 1.0)])).detect(image, cascade=True)
    assert found.second_model == "slow"
    assert [face.box for face in found.faces] == [HERE]


def test_a_press_with_a_sure_face_is_looked_at_once() -> None:
    second = Fixed("slow")
    assert Cascade(Fixed("fast", [Face(HERE, 0.9)]), second).detect(DAY, cascade=True).second_model == ""
    assert second.seen == []


def test_without_a_second_detector_the_first_does_all() -> None:
    first = Fixed("fast", [Face(HERE, 0.4)])
    for cascade in (False, True):
        assert Cascade(first).detect(NIGHT_CALIBRATION, cascade=cascade) == ([Face(HERE, 0.7)], "")


def test_a_scripted_detector_is_shown_the_picture_as_it_is() -> None:
    first = Fixed("script", [Face(HERE, 0.9)], uses_pixels=False)
    assert Cascade(first).detect(NIGHT_CALIBRATION, cascade=True) == ([Face(HERE, 0.9)], "")
    assert first.seen == [NIGHT_CALIBRATION.mean()]


def test_what_is_hardly_a_face_is_not_shown() -> None:
    assert Cascade(Fixed("fast", [Face(HERE, 0.2), Face(THERE, 0.3)])).detect(DAY, cascade=False).faces == [
        Face(THERE, 0.3)
    ]


def test_a_face_that_both_saw_is_one_and_surer() -> None:
    (face,) = merge([Face(HERE, 0.6, {"nose": (30, 30)})], [Face(BESIDE_HERE, 0.7)])
    assert face.box == HERE
    assert face.landmarks == {"nose": (30, 30)}
    assert 0.7 < face.confidence < 0.8


def test_a_face_that_one_saw_counts_for_less() -> None:
    by_second, by_first = merge([Face(HERE, 0.6)], [Face(THERE, 0.9)])
    assert (by_second.box, by_first.box) == (THERE, HERE)
    assert by_second.confidence == pytest.approx(0.69, abs=0.01)
    assert by_first.confidence < 0.3


def test_a_face_that_the_first_is_sure_of_stays() -> None:
    assert merge([Face(HERE, 0.9), Face(THERE, 0.5)], [])[0] == Face(HERE, 0.9)


def test_overlap_is_a_share_of_both() -> None:
    assert iou(HERE, HERE) == 1.0
    assert iou(HERE, THERE) == 0.0
    assert iou(HERE, BESIDE_HERE) == pytest.approx(36 / 44)


def test_both_are_closed_and_the_larger_input_decides() -> None:
    first, second = Fixed("fast", side=320), Fixed("slow")
    finder = Cascade(first, second)
    assert finder.side == 640
    finder.close()
    assert first.closed
    assert second.closed
