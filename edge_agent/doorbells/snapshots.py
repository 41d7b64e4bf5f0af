"""Which frames of a doorbell give a snapshot. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.domain import Trigger
from edge_agent.wire import Detected, SnapshotMode

if TYPE_CHECKING:
    from edge_agent.domain import Frame, Outcome


@dataclass(slots=True)
class Snapshots:
    """The snapshots of one doorbell: at most one in an interval, except for these three.

    The first press frame of a ring gives one, whatever it shows; the first face of a visit gives one; and the first
    face gives one after a snapshot without a face.
    """

    last_s: float = float("-inf")
    shows_face: bool = True
    is_pending_for_ring: bool = False

    def on_ring(self) -> None:
        """Record a ring: the next press frame gives a snapshot."""
        self.is_pending_for_ring = True

    def on_visit_start(self) -> None:
        """Record the first face of a visit, before its frame is offered to `accept`."""
        self.last_s = float("-inf")

    def mode(self, frame: Frame, now: float, interval_s: float, *, in_visit: bool) -> SnapshotMode:
        """Return when the worker is to draw a snapshot of a frame."""
        if frame.trigger is Trigger.PRESS and (self.is_pending_for_ring or self._is_due(now, interval_s)):
            return SnapshotMode.ALWAYS
        if not in_visit or not self.shows_face or self._is_due(now, interval_s):
            return SnapshotMode.WITH_FACES
        return SnapshotMode.NEVER

    def accept(self, outcome: Outcome, now: float, interval_s: float) -> bool:
        """Return whether the snapshot of a frame is published: several frames may have been in progress at once."""
        shows_face = isinstance(outcome.result, Detected) and bool(outcome.result.faces)
        is_for_ring = self.is_pending_for_ring and outcome.frame.trigger is Trigger.PRESS
        shows_more = shows_face and not self.shows_face
        if not (is_for_ring or shows_more or self._is_due(now, interval_s)):
            return False
        self.last_s, self.shows_face = now, shows_face
        self.is_pending_for_ring = self.is_pending_for_ring and not is_for_ring
        return True

    def _is_due(self, now: float, interval_s: float) -> bool:
        return now - self.last_s >= interval_s
