"""When a picture is due, and which. Pure: time is an argument, in monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_agent.domain import Trigger

SAME_PRESS_S: Final = 2.0
"""A source's own press and the press message that follows from it are one press."""
MOTION_LIMIT_S: Final = 120.0
"""A motion sensor that never turns off counts for this time."""
BEFORE_S: Final = 1.0
"""The first picture of a press is this much older than the press: people look at the bell before they press it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Intervals between pictures in seconds; a burst is `burst_frames` pictures in `burst_s` after a press."""

    idle_s: float
    motion_s: float
    burst_s: float
    burst_frames: int


@dataclass(frozen=True, slots=True)
class Order:
    """A picture that is due: the last one taken at or before `at_s`, or the newest (None)."""

    trigger: Trigger
    at_s: float | None = None
    cheap: bool = False
    """Whether the newest key frame is enough."""


class Schedule:
    """What is due while nothing happens, during motion, and around a press."""

    def __init__(self, rates: Rates, now: float) -> None:
        self._rates = rates
        self._next_s = now
        self._motion: dict[str, float] = {}
        """Until when each source of motion counts."""
        self._pressed_s = float("-inf")
        self._orders: list[tuple[float, Order]] = []

    def on_press(self, now: float) -> bool:
        """Begin a burst; return False if this press is known."""
        is_known = now - self._pressed_s < SAME_PRESS_S
        self._pressed_s = max(self._pressed_s, now) if is_known else now
        if is_known:
            return False
        after = (self._rates.burst_s * n / self._rates.burst_frames for n in range(1, self._rates.burst_frames + 1))
        self._orders = [
            (now, Order(Trigger.PRESS, now - BEFORE_S)),
            (now, Order(Trigger.PRESS, now)),
            *((now + each, Order(Trigger.PRESS)) for each in after),
        ]
        return True

    def on_motion(self, source: str, now: float, *, is_on: bool) -> None:
        """Note that a source sees something move, or nothing any more."""
        if is_on and not self._is_motion(now):
            self._next_s = now
        self._motion[source] = now + MOTION_LIMIT_S if is_on else now

    def is_eager(self, now: float) -> bool:
        """Return whether every frame of a stream is wanted."""
        return bool(self._orders) or self._is_motion(now)

    def due(self, now: float) -> list[Order]:
        """Return the orders that are due, and forget them."""
        ready = [order for due_s, order in self._orders if due_s <= now]
        self._orders = [(due_s, order) for due_s, order in self._orders if due_s > now]
        if now < self._next_s:
            return ready
        is_motion = self._is_motion(now)
        self._next_s = now + (self._rates.motion_s if is_motion else self._rates.idle_s)
        if ready or self._orders:
            return ready  # the burst shows as much
        return [Order(Trigger.MOTION) if is_motion else Order(Trigger.CONTINUOUS, cheap=True)]

    def retry(self, order: Order, now: float, delay_s: float) -> None:
        """Have an order due again soon: the camera has sent nothing newer yet."""
        if order.trigger is Trigger.PRESS:
            self._orders.append((now + delay_s, order))
        else:
            self._next_s = min(self._next_s, now + delay_s)

    def next_due_s(self) -> float:
        """Return when the next order is due."""
        return min((self._next_s, *(due_s for due_s, _ in self._orders)))

    def _is_motion(self, now: float) -> bool:
        return any(now < until_s for until_s in self._motion.values())
