"""The wall clock, compared with the monotonic one: its changes, and ages that do not follow them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.domain import Frame

CLOCK_JUMP_S: Final = 2.0
"""A smaller difference is a correction by NTP, or the time between two readings."""
REMEMBERED_S: Final = 86_400.0
MAX_JUMPS: Final = 20


@dataclass(frozen=True, slots=True)
class _Jump:
    """A change of the wall clock: it was set by `by_s` seconds (negative: back), noticed at `at_s`."""

    at_s: float
    by_s: float


class WallClock:
    """The changes of the wall clock in the last day; at most MAX_JUMPS of them."""

    def __init__(self) -> None:
        self._observed_s = float("-inf")
        self._apart_s = 0.0
        self._jumps: tuple[_Jump, ...] = ()

    def observe(self, now_s: float, now_at: datetime) -> None:
        """Compare both clocks, which were read at the same time; older readings than the last are ignored."""
        if now_s < self._observed_s:
            return
        is_first = self._observed_s == float("-inf")
        apart_s = now_at.timestamp() - now_s
        by_s = apart_s - self._apart_s
        self._observed_s, self._apart_s = now_s, apart_s
        if not is_first and abs(by_s) > CLOCK_JUMP_S:
            recent = [each for each in self._jumps if now_s - each.at_s < REMEMBERED_S]
            self._jumps = (*recent, _Jump(now_s, by_s))[-MAX_JUMPS:]

    def correct(self, frame: Frame) -> Frame:
        """Return a frame whose age at arrival does not contain a change of the wall clock.

        Its publisher's clock may agree with ours as it is now, or as it was before a change: the smallest age that is
        not negative holds.
        """
        if frame.captured_at is None or not self._jumps:
            return frame
        ages_s = [(frame.received_at - frame.captured_at).total_seconds()]
        for jump in reversed(self._jumps):
            ages_s.append(ages_s[-1] - jump.by_s)
        plausible_s = [age_s for age_s in ages_s if age_s >= -CLOCK_JUMP_S]
        return replace(frame, waited_s=max(0.0, min(plausible_s, default=0.0)))


def clock_jump_s(elapsed_wall_s: float, elapsed_s: float) -> float:
    """Return by how many seconds the wall clock was set in a span that both clocks have measured; 0: it was not."""
    by_s = elapsed_wall_s - elapsed_s
    return round(by_s, 1) if abs(by_s) > CLOCK_JUMP_S else 0.0
