"""Which ordinary frames are no news: the same picture again, or an empty scene in which nothing changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.domain import ShedReason, Trigger
from edge_agent.wire import Detected

if TYPE_CHECKING:
    from edge_agent.domain import Frame, Outcome
    from edge_agent.settings.model import DoorbellSettings


@dataclass(slots=True)
class _Last:
    """A doorbell's last ordinary picture by its hash, and the thumbnail of its last empty one, looked at when."""

    digest: int | None = None
    empty: bytes = b""
    looked_s: float = 0.0


class FrameFilter:
    """What was last seen of each doorbell."""

    def __init__(self, settings: DoorbellSettings) -> None:
        self._settings = settings
        self._last: dict[str, _Last] = {}

    def reason_to_skip(self, frame: Frame) -> ShedReason | None:
        """Return why a frame is no news, or None; one of a press always is, and a shared one."""
        if frame.trigger is Trigger.PRESS or frame.shared or not self._settings.skip_duplicates:
            return None
        last = self._last.setdefault(frame.doorbell, _Last())
        digest = hash(frame.image)  # SipHash with this run's own key: a fifth of the time of a cryptographic one
        if digest == last.digest:
            return ShedReason.DUPLICATE
        last.digest = digest
        return None

    def reference(self, frame: Frame, now: float) -> bytes:
        """Return the thumbnail with which a frame may be compared instead of being looked at, or b''."""
        last = None if frame.shared else self._last.get(frame.doorbell)
        if last is None or not self._settings.skip_unchanged or now - last.looked_s >= self._settings.detect_every_s:
            return b""
        return last.empty

    def on_outcome(self, outcome: Outcome, now: float) -> None:
        """Note what a look has shown: only a scene without a face, and without a doubt of one, is worth comparing."""
        if isinstance(outcome.result, Detected) and not outcome.frame.shared:
            last = self._last.setdefault(outcome.frame.doorbell, _Last())
            nobody = not outcome.result.faces and not outcome.result.rejected
            last.empty, last.looked_s = (outcome.result.thumbnail if nobody else b""), now

    def remove(self, doorbell: str) -> None:
        """Forget a doorbell."""
        self._last.pop(doorbell, None)
