"""Frames that wait for their time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from edge_agent.ingest.frames import Arrival
from edge_agent.ingest.held_frames import MOST_DOORBELLS, WAIT_S, HeldFrames
from testing.values import NOON, frame

TAKEN: Final = NOON.timestamp() - 3


def _arrival(doorbell: str = "front", **changes: Any) -> Arrival:
    return Arrival(frame(doorbell, **changes))


@pytest.mark.parametrize("scale", [1, 1000])
def test_a_frame_gets_its_time(scale: int) -> None:
    held = HeldFrames({})
    assert held.add(_arrival()) is None
    timed = held.on_time("front", TAKEN * scale)
    assert timed is not None
    assert not timed.is_repeated
    assert timed.arrival.frame.captured_at == NOON - timedelta(seconds=3)
    assert held.next_due_s() is None


def test_a_frame_with_a_known_time_is_repeated() -> None:
    held = HeldFrames({"front": TAKEN})
    held.add(_arrival())
    timed = held.on_time("front", TAKEN)
    assert timed is not None
    assert timed.is_repeated
    assert held.times == {"front": TAKEN}


@pytest.mark.parametrize("time", [NOON.timestamp() + 60, 0.0, -1e300, 1e300])
def test_an_impossible_time_is_no_capture_time(time: float) -> None:
    held = HeldFrames({})
    held.add(_arrival())
    timed = held.on_time("front", time)
    assert timed is not None
    assert timed.arrival.frame.captured_at is None


def test_without_a_time_a_frame_is_used_after_a_wait() -> None:
    held, arrival = HeldFrames({}), _arrival(received_s=5.0)
    held.add(arrival)
    assert held.next_due_s() == 5.0 + WAIT_S
    assert held.due(5.0) == []
    assert held.due(5.0 + WAIT_S) == [arrival]
    assert held.on_time("front", TAKEN) is None


def test_the_next_frame_releases_the_one_before() -> None:
    held, first, other = HeldFrames({}), _arrival(), _arrival("back")
    held.add(first)
    assert held.add(other) is None
    assert held.add(_arrival()) is first


def test_times_are_bounded() -> None:
    held = HeldFrames({})
    for number in range(3 * MOST_DOORBELLS):
        held.on_time(f"{number}", TAKEN)
    assert len(held.times) == MOST_DOORBELLS
