"""Presses while frames wait: the queue is kept full, and the bell is rung at moments that no worker chooses."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Trigger

if TYPE_CHECKING:
    from edge_agent.benchmark.busy_pool import BusyPool
    from edge_agent.domain import Outcome

BETWEEN: Final = (3, 8)
"""So many frames are answered before the next press."""
SERVICE_S: Final = 0.015
"""About as long as a frame takes: a press comes at any moment within it, so that workers are at all stages."""


class Flood:
    """So many frames of `doors` doorbells that are kept waiting; a seed gives the same flood again."""

    def __init__(self, pool: BusyPool, count: int, doors: int, seed: int = 0) -> None:
        self._pool = pool
        self._count = count
        self._doors = doors
        self._chance = random.Random(seed)  # noqa: S311 - it hides nothing

    def press(self, times: int) -> list[tuple[int, float]]:
        """Press so often; return which picture each press showed, and the milliseconds to its answer."""
        for number in range(self._count):
            self._pool.offer(Trigger.MOTION, f"door-{number % self._doors}")
        pressed = [self._press() for _ in range(times)]
        for _ in range(self._count):
            self._pool.take()
        return pressed

    def _press(self) -> tuple[int, float]:
        for _ in range(self._chance.randint(*BETWEEN)):
            self._follow(self._pool.take())
        time.sleep(self._chance.uniform(0.0, SERVICE_S))
        began_s = time.monotonic()
        pressed = self._pool.offer(Trigger.PRESS, "pressed")
        while (outcome := self._pool.take()).frame.frame_id != str(pressed):
            self._follow(outcome)
        return self._pool.picture(pressed), (time.monotonic() - began_s) * 1000

    def _follow(self, outcome: Outcome) -> None:
        """Offer another frame of the doorbell of one that was answered."""
        self._pool.offer(Trigger.MOTION, outcome.frame.doorbell)
