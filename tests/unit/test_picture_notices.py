"""Which press and which visit a snapshot shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.domain import Outcome, Trigger
from edge_agent.doorbells.events import Stamp
from edge_agent.doorbells.picture_notices import PictureNotices
from edge_agent.doorbells.policy import DetectionPolicy
from edge_agent.wire import FaceRules, Privacy
from testing.values import NOON, outcome, press

POLICY = DetectionPolicy(FaceRules(0.7), Privacy.FULL, press_only=False)
STAMP = Stamp("boot", 7, now_s=9.0, now_at=NOON)


def _notices() -> PictureNotices:
    return PictureNotices(lambda _: POLICY)


def _shown(notices: PictureNotices, seen: Outcome, visit_id: str | None = None) -> tuple[Any, Any] | None:
    """Return the press and the visit of the notice, or None without a notice."""
    notice = notices.notice(seen, visit_id, STAMP)
    if notice is None:
        return None
    assert (notice.topic, notice.retain, notice.qos) == (f"doorbell/{seen.frame.doorbell}/picture", False, 1)
    event = json.loads(notice.payload)
    assert event["frame_event_id"] == seen.frame.event_id
    return event["press_id"], event["visit_id"]


def test_a_press_frame_shows_the_last_press_before_it() -> None:
    notices = _notices()
    first, second, other = press(at_s=1.0), press(at_s=6.0), press("back", at_s=2.0)
    for each in (first, second, other):
        notices.on_press(each)
    assert _shown(notices, outcome(received_s=1.0)) == (first.press_id, None)
    assert _shown(notices, outcome(received_s=5.9), "visit") == (first.press_id, "visit")
    assert _shown(notices, outcome(received_s=6.1), "visit") == (second.press_id, "visit")
    assert _shown(notices, outcome(doorbell="back", received_s=8.0)) == (other.press_id, None)


def test_each_picture_of_a_press_has_a_notice() -> None:
    notices = _notices()
    notices.on_press(pressed := press())
    assert [_shown(notices, outcome(received_s=at_s), "visit") for at_s in (1.0, 2.0)] == [
        (pressed.press_id, "visit")
    ] * 2


def test_only_the_first_ordinary_picture_of_a_visit_has_a_notice() -> None:
    notices = _notices()
    shown = [_shown(notices, outcome(trigger=Trigger.MOTION), visit) for visit in ("one", "one", "two", None)]
    assert shown == [(None, "one"), None, (None, "two"), None]


def test_a_visit_that_a_press_frame_showed_needs_no_second_notice() -> None:
    notices = _notices()
    notices.on_press(pressed := press())
    assert _shown(notices, outcome(), "visit") == (pressed.press_id, "visit")
    assert _shown(notices, outcome(trigger=Trigger.CONTINUOUS), "visit") is None


def test_a_press_frame_of_an_unknown_press_shows_none() -> None:
    """The agent forgot the press: its journal is lost."""
    assert _shown(_notices(), outcome()) is None
    assert _shown(_notices(), outcome(), "visit") == (None, "visit")


@pytest.mark.parametrize(
    ("privacy", "detecting", "expected"),
    [
        (Privacy.FULL, True, True),
        (Privacy.BLURRED, True, True),
        (Privacy.EVENTS_ONLY, True, False),
        (Privacy.FULL, False, False),
    ],
)
def test_a_picture_is_expected_unless_none_can_come(privacy: Privacy, detecting: bool, expected: bool) -> None:
    policy = DetectionPolicy(FaceRules(0.7), privacy, press_only=False, detecting=detecting)
    assert PictureNotices(lambda _: policy).is_expected("front") is expected
