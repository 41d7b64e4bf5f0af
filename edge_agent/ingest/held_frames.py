"""Frames that wait for the message that says when they were taken. Time is an argument.

A publisher like ring-mqtt sends its last picture again at each of its starts, and at Home Assistant's. Only its time
tells such a picture from a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_agent.ingest.frames import Arrival

WAIT_S: Final = 1.0
"""The time follows its picture at once; a picture without one is used after this wait."""
MILLISECONDS: Final = 1e11
"""Seconds since 1970 reach this number in the year 5138; larger ones are milliseconds."""
FIRST_YEAR: Final = 2001
MOST_DOORBELLS: Final = 256


@dataclass(frozen=True, slots=True)
class Timed:
    """A frame whose time has come; it `is_repeated` if the time is not new."""

    arrival: Arrival
    is_repeated: bool = False


class HeldFrames:
    """The waiting frames, at most one of each doorbell. `times` holds the time of each doorbell's last picture."""

    def __init__(self, times: dict[str, float]) -> None:
        self.times = times
        self._held: dict[str, Arrival] = {}

    def add(self, arrival: Arrival) -> Arrival | None:
        """Hold a frame; return the one before it, if it still waits."""
        doorbell = arrival.frame.doorbell
        before = self._held.pop(doorbell, None)
        self._held[doorbell] = arrival
        return before

    def on_time(self, doorbell: str, time: float) -> Timed | None:
        """Return the frame that waits for this time, or None."""
        arrival = self._held.pop(doorbell, None)
        is_repeated = time <= self.times.get(doorbell, float("-inf"))
        if not is_repeated:
            while len(self.times) >= MOST_DOORBELLS:
                self.times.pop(next(iter(self.times)))
            self.times[doorbell] = time
        if arrival is None:
            return None
        taken_at = _to_datetime(time)
        if taken_at is not None and taken_at <= arrival.frame.received_at and arrival.frame.captured_at is None:
            arrival = replace(arrival, frame=replace(arrival.frame, captured_at=taken_at))
        return Timed(arrival, is_repeated)

    def due(self, now: float) -> list[Arrival]:
        """Return the frames that have waited long enough."""
        late = [each for each in self._held.values() if now >= each.frame.received_s + WAIT_S]
        for each in late:
            del self._held[each.frame.doorbell]
        return late

    def next_due_s(self) -> float | None:
        """Return when the next frame has waited long enough, or None."""
        return min((each.frame.received_s + WAIT_S for each in self._held.values()), default=None)


def _to_datetime(time: float) -> datetime | None:
    try:
        taken_at = datetime.fromtimestamp(time / 1000 if time > MILLISECONDS else time, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return taken_at if taken_at.year >= FIRST_YEAR else None
