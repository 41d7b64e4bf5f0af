"""The wall clock: its changes are found, and ages do not follow them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge_agent.doorbells.wall_clock import WallClock, clock_jump_s
from testing.values import NOON, frame

HOUR_S = 3600.0


def _clock(*readings: tuple[float, float]) -> WallClock:
    """Return a clock that was read: monotonic seconds, and seconds after noon."""
    clock = WallClock()
    for now_s, after_noon_s in readings:
        clock.observe(now_s, NOON + timedelta(seconds=after_noon_s))
    return clock


def _age_s(clock: WallClock, received_s: float, waited_s: float) -> float:
    received_at = NOON + timedelta(seconds=received_s)
    taken = frame(received_s=received_s, received_at=received_at, captured_at=received_at - timedelta(seconds=waited_s))
    return received_s - clock.correct(taken).taken_s


@pytest.mark.parametrize(
    ("readings", "waited_s", "age_s"),
    [
        ([], 7200.0, 7200.0),
        ([(0, 0), (10, 10), (20, 21.5)], HOUR_S + 1, HOUR_S + 1),
        ([(0, 0), (10, HOUR_S + 10)], HOUR_S + 3, 3.0),
        ([(0, 0), (10, HOUR_S + 10)], 3.0, 3.0),
        ([(0, 0), (10, 10 - HOUR_S)], 3.0, 3.0),
        ([(0, 0), (10, HOUR_S + 10), (20, 20)], 3.0, 3.0),
        ([(0, 0), (10, HOUR_S + 10), (20, 2 * HOUR_S + 20)], 2 * HOUR_S + 3, 3.0),
        ([(0, 0), (10, HOUR_S + 10), (9, 9)], HOUR_S + 3, 3.0),
    ],
    ids=["steady", "corrected", "ahead", "both ahead", "back", "and back again", "twice", "an old reading"],
)
def test_a_pictures_age_does_not_follow_the_wall_clock(
    readings: list[tuple[float, float]], waited_s: float, age_s: float
) -> None:
    assert _age_s(_clock(*readings), 30.0, waited_s) == pytest.approx(age_s)


def test_a_change_is_forgotten_after_a_day() -> None:
    clock = _clock((0, 0), (10, HOUR_S + 10), (90_000, 90_000 + 2 * HOUR_S))
    assert _age_s(clock, 90_010.0, 2 * HOUR_S + 3) == pytest.approx(HOUR_S + 3)


def test_a_picture_without_a_time_is_as_old_as_its_arrival() -> None:
    taken = frame(received_s=5.0)
    assert _clock((0, 0), (1, HOUR_S)).correct(taken) is taken


@pytest.mark.parametrize(("wall_s", "elapsed_s", "jump_s"), [(10, 10.5, 0), (3610, 10, 3600), (-3590, 10, -3600)])
def test_a_span_tells_by_how_much_the_clock_was_set(wall_s: float, elapsed_s: float, jump_s: float) -> None:
    assert clock_jump_s(wall_s, elapsed_s) == jump_s
