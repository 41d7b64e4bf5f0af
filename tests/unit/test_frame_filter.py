"""The frame filter: duplicates, and unchanged empty scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.demo.porch import Scene, draw
from edge_agent.domain import Outcome, ShedReason, Trigger
from edge_agent.doorbells.frame_filter import FrameFilter
from edge_agent.settings.model import DoorbellSettings
from edge_agent.worker.frame_difference import is_unchanged, thumbnail
from testing.pictures import visitors
from testing.values import detected, failure, frame
from tests.unit.test_pool_core import replace_struct

if TYPE_CHECKING:
    import numpy.typing as npt

SMALL = b"x" * 2304


def make_filter(**settings: bool) -> FrameFilter:
    return FrameFilter(DoorbellSettings(detect_every_s=10.0, **settings))


def record_result(faces: int) -> Outcome:
    return Outcome(frame("front"), replace_struct(detected(faces), thumbnail=SMALL))


def test_a_duplicate_picture_is_skipped() -> None:
    seen = make_filter()
    first, again, other = (frame("front", image=each) for each in (b"one", b"one", b"two"))
    assert seen.reason_to_skip(first) is None
    assert seen.reason_to_skip(again) is ShedReason.DUPLICATE
    assert seen.reason_to_skip(frame("back", image=b"one")) is None
    assert seen.reason_to_skip(other) is None
    assert seen.reason_to_skip(again) is None


def test_press_pictures_are_never_skipped() -> None:
    seen = make_filter()
    seen.reason_to_skip(frame("front", image=b"one"))
    assert seen.reason_to_skip(frame("front", Trigger.PRESS, image=b"one")) is None


def test_duplicates_can_be_accepted() -> None:
    seen = make_filter(skip_duplicates=False)
    assert [seen.reason_to_skip(frame("front", image=b"one")) for _ in range(2)] == [None, None]


def test_only_empty_scenes_are_compared_and_for_a_limited_time() -> None:
    seen = make_filter()
    assert seen.reference(frame("front"), 100.0) == b""
    seen.on_outcome(record_result(0), 100.0)
    assert seen.reference(frame("front"), 109.9) == SMALL
    assert seen.reference(frame("front"), 110.0) == b""
    assert seen.reference(frame("back"), 101.0) == b""
    seen.on_outcome(Outcome(frame("front"), failure()), 105.0)
    assert seen.reference(frame("front"), 106.0) == SMALL
    seen.on_outcome(record_result(1), 107.0)
    assert seen.reference(frame("front"), 108.0) == b""
    seen.on_outcome(record_result(0), 109.0)
    seen.remove("front")
    assert seen.reference(frame("front"), 109.5) == b""


def test_frame_differencing_can_be_disabled() -> None:
    seen = make_filter(skip_unchanged=False)
    seen.on_outcome(record_result(0), 100.0)
    assert seen.reference(frame("front"), 101.0) == b""


def camera_picture(pixels: npt.NDArray[np.uint8], seed: int, *, light: int = 0) -> npt.NDArray[np.uint8]:
    """Return a picture like a camera's: with noise, compressed, and in changing light."""
    noise = np.random.default_rng(seed).normal(light, 6, pixels.shape)
    grainy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


PORCH = draw(Scene())


@pytest.mark.parametrize("light", [0, 8, -8])
def test_noise_and_a_passing_cloud_are_unchanged(light: int) -> None:
    assert is_unchanged(thumbnail(camera_picture(PORCH, 1)), thumbnail(camera_picture(PORCH, 2, light=light)))


@pytest.mark.parametrize("distance_m", [0.8, 1.5, 3.0, 4.5])
def test_a_person_at_any_distance_is_a_change(distance_m: float) -> None:
    assert not is_unchanged(
        thumbnail(camera_picture(PORCH, 1)), thumbnail(camera_picture(draw(Scene(visitors()[0], distance_m)), 2))
    )


def test_an_empty_thumbnail_never_matches() -> None:
    assert not is_unchanged(b"", b"")
    assert not is_unchanged(thumbnail(PORCH), b"")
