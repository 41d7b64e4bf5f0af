"""Which press and which visit a snapshot shows: a notice follows the snapshot, for clients that wait for it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Trigger
from edge_agent.doorbells import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.domain import Outcome, Publication
    from edge_agent.doorbells.events import Stamp
    from edge_agent.doorbells.policy import DetectionPolicy
    from edge_agent.doorbells.presses import Press

RECENT_PRESSES: Final = 8
"""The presses of a doorbell whose frames may still be in progress."""


class PictureNotices:
    """Matches snapshots with presses and visits. Pure: arrival times decide, and no clock is read."""

    def __init__(self, policy_for: Callable[[str], DetectionPolicy]) -> None:
        self._policy_for = policy_for
        self._presses: dict[str, deque[Press]] = {}
        self._visits: dict[str, str] = {}

    def is_expected(self, doorbell: str) -> bool:
        """Return whether a snapshot of this doorbell can follow an event."""
        return self._policy_for(doorbell).gives_pictures

    def on_press(self, press: Press) -> None:
        """Record a press of this or the last run: its picture may come before its ring, or long after its answer."""
        self._presses.setdefault(press.doorbell, deque(maxlen=RECENT_PRESSES)).append(press)

    def notice(self, outcome: Outcome, visit_id: str | None, stamp: Stamp) -> Publication | None:
        """Return the notice for a snapshot: one per press frame, and one for the first snapshot of a visit."""
        doorbell = outcome.frame.doorbell
        press_id = self._press_id(outcome)
        if press_id is None and (visit_id is None or visit_id == self._visits.get(doorbell)):
            return None
        if visit_id is not None:
            self._visits[doorbell] = visit_id
        return events.picture(outcome.frame, press_id, visit_id, stamp)

    def _press_id(self, outcome: Outcome) -> str | None:
        """Return the last press before a press frame arrived."""
        frame = outcome.frame
        if frame.trigger is not Trigger.PRESS:
            return None
        presses = reversed(self._presses.get(frame.doorbell, ()))
        return next((each.press_id for each in presses if each.pressed_s <= frame.received_s), None)
