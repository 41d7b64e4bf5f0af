"""Which frames of a doorbell give a snapshot. Pure; time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Trigger
from edge_agent.wire import Detected, SnapshotMode

if TYPE_CHECKING:
    from edge_agent.domain import Frame, Outcome

RECENT_PRESSES: Final = 8
"""The presses of a doorbell that may still wait for a snapshot."""


@dataclass(slots=True)
class Snapshots:
    """The snapshots of one doorbell: at most one in an interval, except for these three.

    The first press frame of a ring gives one, whatever it shows; the first face of a visit gives one; and the first
    face gives one after a snapshot without a face.
    """

    last_s: float = float("-inf")
    shows_face: bool = True
    pressed_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_PRESSES))
    """The presses without a snapshot."""

    def on_press(self, pressed_s: float) -> None:
        """Record a press: the next press frame that arrives gives a snapshot, even if it comes before the ring."""
        self.pressed_s.append(pressed_s)

    def on_visit_start(self) -> None:
        """Record the first face of a visit, before its frame is offered to `accept`."""
        self.last_s = float("-inf")

    def mode(self, frame: Frame, now: float, interval_s: float, *, in_visit: bool) -> SnapshotMode:
        """Return when the worker is to draw a snapshot of a frame."""
        if frame.trigger is Trigger.PRESS and (self._is_first_of_press(frame) or self._is_due(now, interval_s)):
            return SnapshotMode.ALWAYS
        if not in_visit or not self.shows_face or self._is_due(now, interval_s):
            return SnapshotMode.WITH_FACES
        return SnapshotMode.NEVER

    def accept(self, outcome: Outcome, now: float, interval_s: float) -> bool:
        """Return whether the snapshot of a frame is published: several frames may have been in progress at once."""
        shows_face = isinstance(outcome.result, Detected) and bool(outcome.result.faces)
        shows_more = shows_face and not self.shows_face
        if not (self._is_first_of_press(outcome.frame) or shows_more or self._is_due(now, interval_s)):
            return False
        self.last_s, self.shows_face = now, shows_face
        if outcome.frame.trigger is Trigger.PRESS:
            later = [pressed_s for pressed_s in self.pressed_s if pressed_s > outcome.frame.received_s]
            self.pressed_s = deque(later, RECENT_PRESSES)
        return True

    def _is_first_of_press(self, frame: Frame) -> bool:
        """Return whether no snapshot shows a press before this frame; a frame in progress is of an earlier press."""
        return frame.trigger is Trigger.PRESS and any(pressed_s <= frame.received_s for pressed_s in self.pressed_s)

    def _is_due(self, now: float, interval_s: float) -> bool:
        return now - self.last_s >= interval_s
