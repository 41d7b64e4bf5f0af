"""Presses and their answers."""

from __future__ import annotations

import pytest

from edge_agent.domain import Outcome, ShedReason
from edge_agent.doorbells.policy import press_times
from edge_agent.doorbells.presses import Answer, Presses, PressTimes
from edge_agent.settings.model import DoorbellOptions, DoorbellSettings, PressSettings
from edge_agent.wire import FailureReason
from testing.values import detected, failure, outcome, press, shed

WINDOW_S, DEADLINE_S = 10.0, 5.0
TIMES = PressTimes(WINDOW_S, DEADLINE_S)

pytestmark = pytest.mark.usefixtures("wording")


def _pressed(at_s: float = 0.0) -> Presses:
    presses = Presses(lambda _doorbell: TIMES)
    presses.add(press(at_s=at_s))
    return presses


def _late(presses: Presses) -> Answer:
    (answer,) = presses.tick(DEADLINE_S)
    return answer


def test_the_first_face_answers_and_later_ones_do_not() -> None:
    presses, seen = _pressed(), outcome()
    (answer,) = presses.on_outcome(seen)
    assert (answer.event_type, answer.outcome) == ("face", seen)
    assert presses.on_outcome(outcome()) == []
    assert presses.tick(DEADLINE_S) == []


@pytest.mark.parametrize(
    ("seen", "event_type", "reason"),
    [
        ([], "failed", FailureReason.TIMEOUT),
        ([outcome(detected(0))], "no_face", None),
        ([outcome(failure(FailureReason.BAD_IMAGE))], "failed", FailureReason.BAD_IMAGE),
        ([outcome(failure()), outcome(detected(0)), outcome(failure())], "no_face", None),
        ([outcome(shed(ShedReason.EXPIRED))], "failed", FailureReason.EXPIRED),
        ([outcome(shed(ShedReason.OVERLOAD))], "failed", FailureReason.OVERLOAD),
        ([outcome(shed(ShedReason.STOPPING))], "failed", FailureReason.TIMEOUT),
    ],
)
def test_at_the_deadline_a_press_is_answered_with_the_results_so_far(
    seen: list[Outcome], event_type: str, reason: FailureReason | None
) -> None:
    presses = _pressed()
    for each in seen:
        assert presses.on_outcome(each) == []
    assert presses.next_due_s() == DEADLINE_S
    answer = _late(presses)
    assert (answer.event_type, answer.failure and answer.failure.reason) == (event_type, reason)


def test_two_presses_have_two_answers() -> None:
    presses = _pressed()
    presses.add(press(at_s=1.0))
    assert [answer.event_type for answer in presses.on_outcome(outcome())] == ["face", "face"]


def test_another_doorbell_answers_nothing() -> None:
    presses = _pressed()
    assert presses.on_outcome(outcome(doorbell="back")) == []
    assert not presses.is_open("back", 1.0)


@pytest.mark.parametrize(("now", "is_open"), [(0.0, True), (9.9, True), (10.0, False)])
def test_frames_belong_to_a_press_within_its_window(now: float, is_open: bool) -> None:
    presses = _pressed()
    presses.on_outcome(outcome())
    presses.tick(now)
    assert presses.is_open("front", now) is is_open


def test_a_press_message_just_after_its_frame_is_the_same_press() -> None:
    presses, implied = Presses(lambda _doorbell: TIMES), press(at_s=0.0)
    presses.add_implied(implied)
    assert presses.add(press(at_s=1.0)) is implied
    second = press(at_s=1.5)
    assert presses.add(second) is second


def test_a_press_long_after_an_implied_one_is_another() -> None:
    presses, later = Presses(lambda _doorbell: TIMES), press(at_s=3.0)
    presses.add_implied(press(at_s=0.0))
    assert presses.add(later) is later


def test_a_doorbell_can_have_its_own_press_times() -> None:
    doorbells = DoorbellSettings(each={"back": DoorbellOptions(press_window_s=20.0, press_deadline_s=8.0)})
    presses = Presses(lambda doorbell: press_times(doorbell, PressSettings(), doorbells))
    presses.add(press("front"))
    presses.add(press("back"))
    assert [answer.press.doorbell for answer in presses.tick(5.0)] == ["front"]
    assert presses.next_due_s() == 8.0
    assert [presses.is_open(doorbell, 15.0) for doorbell in ("front", "back")] == [False, True]


@pytest.mark.parametrize(("at_s", "rings"), [((0, 2.0, 4.6), 1), ((0, 4.0, 5.1, 9.0), 2), ((0, 5.1, 10.3), 3)])
def test_presses_of_one_push_are_one_and_the_time_counts_from_the_first(at_s: tuple[float, ...], rings: int) -> None:
    presses = Presses(lambda doorbell: press_times(doorbell, PressSettings(), DoorbellSettings()))
    assert len({presses.add(press(at_s=each)).press_id for each in at_s}) == rings


def test_a_doorbell_can_have_its_own_debounce_time() -> None:
    doorbells = DoorbellSettings(each={"back": DoorbellOptions(press_debounce_s=0.0)})
    presses = Presses(lambda doorbell: press_times(doorbell, PressSettings(), doorbells))
    for doorbell, count in (("front", 1), ("back", 2)):
        assert len({presses.add(press(doorbell, at_s=each)).press_id for each in (0.0, 0.0)}) == count


def test_an_answered_press_still_debounces_but_gets_no_frames() -> None:
    presses = Presses(lambda _doorbell: PressTimes(1.0, 1.0, 5.0))
    first = presses.add(press(at_s=0.0))
    assert [answer.press for answer in presses.tick(2.0)] == [first]
    assert not presses.is_open("front", 2.0)
    assert presses.add(press(at_s=4.0)) is first
    presses.tick(5.0)
    assert presses.add(second := press(at_s=5.0)) is second


def test_a_restored_press_has_its_full_time_from_the_connection() -> None:
    presses = Presses(lambda _doorbell: PressTimes(WINDOW_S, DEADLINE_S, 5.0))
    presses.restore(waiting := press("front", at_s=1.0), answered=False)
    presses.restore(press("back", at_s=1.0), answered=True)
    assert presses.tick(1000.0) == []
    assert presses.is_open("front", 1000.0)
    presses.resume(1001.0)
    assert not presses.is_open("back", 1001.0)
    assert presses.next_due_s() == 1001.0 + DEADLINE_S
    assert presses.add(press(at_s=4.0)) is waiting
    assert [answer.press for answer in presses.tick(1001.0 + DEADLINE_S)] == [waiting]


def test_a_removed_press_is_not_answered() -> None:
    presses = _pressed()
    presses.restore(old := press("back"), answered=False)
    presses.remove(old.press_id)
    presses.resume(0.0)
    assert [answer.press.doorbell for answer in presses.tick(DEADLINE_S)] == ["front"]
