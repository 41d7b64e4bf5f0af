"""The stamps of events: which run, which number, when."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from edge_agent.doorbells.events import Stamp
from edge_agent.doorbells.wall_clock import WallClock


class Stamps:
    """Numbers the events of one run of the agent."""

    def __init__(self, *, has_visit_pages: bool) -> None:
        self.boot_id = secrets.token_hex(4)
        self.clock = WallClock()
        self._has_visit_pages = has_visit_pages
        self._sequence = 0

    def next(self, now: float) -> Stamp:
        """Return the next stamp; `now` is the monotonic time of the event in seconds."""
        self._sequence += 1
        now_at = datetime.now(UTC)
        self.clock.observe(time.monotonic(), now_at)
        return Stamp(self.boot_id, self._sequence, now, now_at, self._has_visit_pages)
