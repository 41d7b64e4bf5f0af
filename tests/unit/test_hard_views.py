"""Difficult views of labelled pictures: the labels follow what the pictures show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.hard_cases import labels
from bench.hard_views import VIEWS, Scene, close_up, cut_at_side, cut_at_top, fisheye, turned

if TYPE_CHECKING:
    from bench.hard_views import Box, View

FACE, OTHER = (300.0, 150.0, 80.0, 100.0), (60.0, 40.0, 20.0, 24.0)


def _scene(*boxes: Box) -> Scene:
    """Return a black picture with the first box in white."""
    pixels = np.zeros((480, 640, 3), np.uint8)
    left, top, width, height = (int(value) for value in boxes[0])
    pixels[top : top + height, left : left + width] = 255
    return Scene(pixels, list(boxes), [])


def _white(scene: Scene) -> Box:
    rows, columns = np.nonzero(scene.pixels[..., 0] > 127)
    left, top = columns.min(), rows.min()
    return float(left), float(top), float(columns.max() + 1 - left), float(rows.max() + 1 - top)


@pytest.mark.parametrize("name", list(VIEWS))
def test_a_label_is_where_the_face_is(name: str) -> None:
    shown = VIEWS[name](_scene(FACE))
    assert shown is not None
    assert shown.boxes[0] == pytest.approx(_white(shown), abs=6 if "close" in name else 2)


@pytest.mark.parametrize("share", [0.6, 0.95])
def test_a_close_up_has_its_share_of_the_height(share: float) -> None:
    shown = close_up(_scene(FACE, OTHER), share=share)
    assert shown is not None
    assert shown.pixels.shape[0] == 720
    ((_, top, _, height),) = shown.boxes
    assert height / 720 == pytest.approx(share, abs=0.01)
    assert top == pytest.approx((720 - height) / 2, abs=8)


@pytest.mark.parametrize(
    "view",
    [lambda scene: close_up(scene, share=0.6), lambda scene: cut_at_side(scene, share=0.5)],
    ids=["close-up", "cut"],
)
def test_a_face_without_details_is_left_out(view: View) -> None:
    assert view(_scene(OTHER)) is None


def test_a_picture_that_is_too_small_gives_no_close_up() -> None:
    assert close_up(_scene((200.0, 40.0, 300.0, 400.0)), share=0.6) is None


def test_the_hidden_part_of_a_face_is_not_labelled() -> None:
    side, top = cut_at_side(_scene(FACE, OTHER), share=0.25), cut_at_top(_scene(FACE), share=0.25)
    assert side is not None
    assert top is not None
    assert side.boxes == [(300, 150, 60, 100)]
    assert side.ignore == [OTHER]
    assert side.pixels.shape[:2] == (480, 360)
    assert top.boxes == [(300, 0, 80, 75)]


def test_a_wide_lens_enlarges_the_centre_and_keeps_the_corners() -> None:
    (centre,) = fisheye(_scene((310.0, 230.0, 20.0, 20.0)), strength=1.0).boxes
    assert centre == pytest.approx((300, 220, 40, 40), abs=0.5)
    (corner,) = fisheye(_scene((0.0, 0.0, 20.0, 20.0)), strength=1.0).boxes
    assert corner[:2] == pytest.approx((0, 0), abs=0.5)
    assert max(corner[2:]) < 18


def test_four_quarters_are_a_whole_turn() -> None:
    scene = _scene(FACE)
    again = turned(scene, quarters=4)
    assert again.boxes == scene.boxes
    assert np.array_equal(again.pixels, scene.pixels)


def test_a_face_that_the_lens_made_too_small_is_not_required() -> None:
    truth = labels("0.jpg", _scene(FACE, (0.0, 0.0, 20.0, 20.0)), "wider")
    assert truth["boxes"] == [FACE]
    assert truth["ignore"] == [(0, 0, 20, 20)]
