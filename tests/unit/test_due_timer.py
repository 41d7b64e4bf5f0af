"""The agent's thread wakes up when something is due, however many events arrive meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent.due_timer import CHECK_INTERVAL_S, DueTimer

WAITS = st.floats(0.0, 0.02)


class Part:
    """A part of the agent with something to do at a time, which counts how often it is asked."""

    def __init__(self, due_s: float) -> None:
        self.due_s = due_s
        self.asked = 0

    def next_due_s(self) -> float:
        self.asked += 1
        return self.due_s


def test_without_events_it_waits_until_the_due_time() -> None:
    timer = DueTimer(Part(5.0).next_due_s)
    assert timer.wait_s(1.0) == 4.0
    assert not timer.is_due(4.9)
    assert timer.is_due(5.0)


def test_after_an_event_it_soon_asks_again() -> None:
    part = Part(5.0)
    timer = DueTimer(part.next_due_s)
    timer.wait_s(1.0)
    timer.on_event()
    part.due_s = 1.5
    assert timer.wait_s(1.001) == pytest.approx(CHECK_INTERVAL_S - 0.001)
    assert timer.wait_s(1.0 + CHECK_INTERVAL_S) == pytest.approx(0.5 - CHECK_INTERVAL_S)


def test_what_was_handled_is_not_due_again() -> None:
    part = Part(1.0)
    timer = DueTimer(part.next_due_s)
    assert timer.wait_s(1.0) == 0.0
    assert timer.is_due(1.0)
    part.due_s = 9.0
    assert timer.wait_s(1.0) == 8.0


def test_many_events_ask_the_parts_rarely() -> None:
    part = Part(100.0)
    timer = DueTimer(part.next_due_s)
    for number in range(1000):
        timer.wait_s(number / 10_000)
        timer.on_event()
    assert part.asked == pytest.approx(0.1 / CHECK_INTERVAL_S, abs=1)


@given(st.lists(st.tuples(WAITS, WAITS), max_size=50), WAITS)
def test_nothing_is_handled_late(events: list[tuple[float, float]], due_s: float) -> None:
    """Events at any distance, each of which may change the due time, are followed by silence."""
    part = Part(due_s)
    timer = DueTimer(part.next_due_s)
    now, latest = 0.0, due_s
    for after_s, due_after_s in events:
        wait_s = timer.wait_s(now)
        if after_s <= wait_s:
            now += after_s
            part.due_s = now + due_after_s
            timer.on_event()
        else:
            now += wait_s
        if timer.is_due(now):
            assert now <= latest + CHECK_INTERVAL_S + 1e-9
            part.due_s = now + 1.0
        latest = max(now, part.due_s)
    for _ in range(4):
        now += timer.wait_s(now)
        if timer.is_due(now) and now >= part.due_s:
            assert now <= latest + CHECK_INTERVAL_S + 1e-9
            return
    pytest.fail("what was due was never handled")
