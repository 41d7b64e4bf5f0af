"""When the agent's thread must wake up for what is due. Pure: the time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK_INTERVAL_S: Final = 0.01
"""While events follow each other, due times are checked no more often: after each, it took a fifth of the time."""


class DueTimer:
    """Waits for the next due time of the agent's parts; an event that changes it is noticed within CHECK_INTERVAL_S."""

    def __init__(self, next_due_s: Callable[[], float]) -> None:
        self._next_due_s = next_due_s
        self._due_s = self._wake_s = self._check_s = 0.0

    def wait_s(self, now: float) -> float:
        """Return how long to wait for an event."""
        if now >= self._check_s:
            self._due_s = self._wake_s = self._next_due_s()
            self._check_s = now + CHECK_INTERVAL_S
        return max(0.0, self._wake_s - now)

    def on_event(self) -> None:
        """Record an event: it may have made something due earlier."""
        self._wake_s = min(self._due_s, self._check_s)

    def is_due(self, now: float) -> bool:
        """Return whether something is due; the parts handle it now, and are asked again before the next wait."""
        if now < self._due_s:
            return False
        self._check_s = now
        return True
