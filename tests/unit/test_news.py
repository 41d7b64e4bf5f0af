"""Frames that are no news, and scenes in which nothing changed."""

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
from tests.pictures import visitors
from tests.unit.test_pool_core import replace_struct
from tests.values import detected, failure, frame

if TYPE_CHECKING:
    import numpy.typing as npt

SMALL = b"x" * 2304


def news(**settings: bool) -> FrameFilter:
    return FrameFilter(DoorbellSettings(detect_every_s=10.0, **settings))


def looked(faces: int) -> Outcome:
    return Outcome(frame("front"), replace_struct(detected(faces), thumbnail=SMALL))


def test_the_same_picture_again_is_no_news() -> None:
    seen = news()
    first, again, other = (frame("front", image=each) for each in (b"one", b"one", b"two"))
    assert seen.reason_to_skip(first) is None
    assert seen.reason_to_skip(again) is ShedReason.DUPLICATE
    assert seen.reason_to_skip(frame("back", image=b"one")) is None
    assert seen.reason_to_skip(other) is None
    assert seen.reason_to_skip(again) is None


def test_a_picture_of_a_press_is_always_news() -> None:
    seen = news()
    seen.reason_to_skip(frame("front", image=b"one"))
    assert seen.reason_to_skip(frame("front", Trigger.PRESS, image=b"one")) is None


def test_duplicates_may_be_wanted() -> None:
    seen = news(skip_duplicates=False)
    assert [seen.reason_to_skip(frame("front", image=b"one")) for _ in range(2)] == [None, None]


def test_only_an_empty_scene_is_compared_with_and_not_for_ever() -> None:
    seen = news()
    assert seen.reference(frame("front"), 100.0) == b""
    seen.on_outcome(looked(0), 100.0)
    assert seen.reference(frame("front"), 109.9) == SMALL
    assert seen.reference(frame("front"), 110.0) == b""
    assert seen.reference(frame("back"), 101.0) == b""
    seen.on_outcome(Outcome(frame("front"), failure()), 105.0)
    assert seen.reference(frame("front"), 106.0) == SMALL
    seen.on_outcome(looked(1), 107.0)
    assert seen.reference(frame("front"), 108.0) == b""
    seen.on_outcome(looked(0), 109.0)
    seen.remove("front")
    assert seen.reference(frame("front"), 109.5) == b""


def test_the_comparison_can_be_off() -> None:
    seen = news(skip_unchanged=False)
    seen.on_outcome(looked(0), 100.0)
    assert seen.reference(frame("front"), 101.0) == b""


def noisy(pixels: npt.NDArray[np.uint8], seed: int, *, light: int = 0) -> npt.NDArray[np.uint8]:
    """Return a picture as a camera sends it: with noise, compressed, and in a light that changes."""
    noise = np.random.default_rng(seed).normal(light, 6, pixels.shape)
    grainy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


PORCH = draw(Scene())


@pytest.mark.parametrize("light", [0, 8, -8])
def test_noise_and_a_passing_cloud_change_nothing(light: int) -> None:
    assert is_unchanged(thumbnail(noisy(PORCH, 1)), thumbnail(noisy(PORCH, 2, light=light)))


@pytest.mark.parametrize("distance_m", [0.8, 1.5, 3.0, 4.5])
def test_somebody_at_the_door_is_a_change_at_any_distance(distance_m: float) -> None:
    assert not is_unchanged(thumbnail(noisy(PORCH, 1)), thumbnail(noisy(draw(Scene(visitors()[0], distance_m)), 2)))


def test_nothing_is_the_same_as_nothing() -> None:
    assert not is_unchanged(b"", b"")
    assert not is_unchanged(thumbnail(PORCH), b"")
