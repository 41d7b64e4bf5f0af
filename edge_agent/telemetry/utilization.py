"""The utilization of each worker. Pure; time is an argument."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_agent.pool.views import PoolView

WINDOW_S: Final = 60.0
STEP_S: Final = 5.0
"""Minimum time between two readings that are kept."""


class Utilization:
    """The share of the last minute that each slot's workers spent on frames."""

    def __init__(self, now: float) -> None:
        self._readings: deque[tuple[float, dict[int, float]]] = deque([(now, {})])

    def record(self, view: PoolView, now: float) -> dict[int, float]:
        """Add a reading; return the utilization of each slot over the last minute, in percent."""
        busy_s = {worker.slot: worker.busy_s for worker in view.workers}
        while len(self._readings) > 1 and self._readings[1][0] <= now - WINDOW_S:
            self._readings.popleft()
        before_s, before = self._readings[0]
        if now >= self._readings[-1][0] + STEP_S:
            self._readings.append((now, busy_s))
        return {slot: _percent(spent - before.get(slot, 0.0), now - before_s) for slot, spent in busy_s.items()}


def _percent(part_s: float, whole_s: float) -> float:
    return round(max(0.0, min(100.0, 100 * part_s / whole_s)), 1) if whole_s > 0 else 0.0
