"""The known doorbells: whether their frames arrive, and their last state. Time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.domain import NO_PICTURES, Pictures
from edge_agent.doorbells.events import availability, last_snapshot, pictures, state
from edge_agent.doorbells.payloads import StatePayload
from edge_agent.doorbells.snapshots import Snapshots
from edge_agent.wire import Detected, SnapshotMode

if TYPE_CHECKING:
    from datetime import datetime

    from edge_agent.domain import Frame, Outcome, Publication
    from edge_agent.wire import Face

STATE_INTERVAL_S: Final = 10.0
"""The state is published when a visit begins and ends, and within it at most this often: recorders keep each change."""


UNKNOWN: Final = StatePayload()


@dataclass(slots=True)
class _Doorbell:
    """`published` is the last published state, `published_s` when; `order_s` is the arrival time of its frame."""

    name: str
    last_frame_s: float
    online: bool = True
    state: StatePayload = UNKNOWN
    published: StatePayload = UNKNOWN
    published_s: float = 0.0
    order_s: float = 0.0
    snapshots: Snapshots = field(default_factory=Snapshots)
    pictures: Pictures = NO_PICTURES


class Doorbells:
    """The doorbells that have sent something since the start; at most `most` of them."""

    def __init__(self, *, offline_after_s: float, most: int) -> None:
        self._offline_after_s = offline_after_s
        self._most = most
        self._doorbells: dict[str, _Doorbell] = {}
        self._due_s = math.inf
        """No doorbell goes offline before; recomputed only then, since frames arrive far more often."""

    def accepts(self, name: str) -> bool:
        """Return whether a doorbell is known or can be added."""
        return name in self._doorbells or len(self._doorbells) < self._most

    def is_known(self, name: str) -> bool:
        """Return whether a doorbell has sent something since the start."""
        return name in self._doorbells

    def names(self) -> tuple[str, ...]:
        """Return the doorbells that have sent something since the start."""
        return tuple(self._doorbells)

    def active(self) -> tuple[str, ...]:
        """Return the doorbells that have sent something themselves: those of an earlier run may not."""
        return tuple(name for name, each in self._doorbells.items() if each.last_frame_s > -math.inf)

    def restore(self, name: str) -> list[Publication]:
        """Add a doorbell of an earlier run, which has sent nothing yet; return its messages."""
        self._doorbells[name] = _Doorbell(name, float("-inf"), online=False)
        return _present(self._doorbells[name])

    def remove(self, name: str) -> None:
        """Remove a doorbell."""
        self._doorbells.pop(name, None)

    def on_activity(self, name: str, now: float) -> list[Publication]:
        """Record that a doorbell sent something; return the messages that follow."""
        self._due_s = min(self._due_s, now + self._offline_after_s)
        doorbell = self._doorbells.get(name)
        if doorbell is None:
            doorbell = self._doorbells[name] = _Doorbell(name, now)
            return _present(doorbell)
        doorbell.last_frame_s = now
        if doorbell.online:
            return []
        doorbell.online = True
        return [availability(topics.doorbell_availability(name), online=True)]

    def on_lost(self, name: str) -> list[Publication]:
        """Record that a doorbell's camera is away; return its availability if that is new."""
        doorbell = self._doorbells.get(name)
        if doorbell is None or not doorbell.online:
            return []
        doorbell.online = False
        return [availability(topics.doorbell_availability(name), online=False)]

    def on_outcome(
        self, outcome: Outcome, now: float, seen_at: datetime, visit_id: str | None = None
    ) -> list[Publication]:
        """Use the result of a frame, unless a newer one was used before; return the state if it is due.

        `visit_id` is the current visit. The state follows the visit: a frame without a face does not change it.
        """
        doorbell, result = self._doorbells.get(outcome.frame.doorbell), outcome.result
        if doorbell is None or not isinstance(result, Detected) or outcome.frame.received_s < doorbell.order_s:
            return []
        doorbell.order_s = outcome.frame.received_s
        if visit_id is None:
            doorbell.state = _nobody(doorbell.state)
        elif result.faces:
            doorbell.state = _has_detected(result.faces, seen_at, visit_id)
        if doorbell.state == doorbell.published:
            return []
        is_change_of_visit = doorbell.state.visit_id != doorbell.published.visit_id or visit_id is None
        is_due = is_change_of_visit or now - doorbell.published_s >= STATE_INTERVAL_S
        return self._publish_state(doorbell, now) if is_due else []

    def on_visit_end(self, name: str, now: float) -> list[Publication]:
        """Record that a visit has ended; return the state."""
        doorbell = self._doorbells.get(name)
        if doorbell is None:
            return []
        doorbell.state = _nobody(doorbell.state)
        return self._publish_state(doorbell, now)

    def on_ring(self, name: str) -> None:
        """Record that a doorbell rings: its next press frame gives a snapshot."""
        if name in self._doorbells:
            self._doorbells[name].snapshots.on_ring()

    def on_visit_start(self, name: str) -> None:
        """Record that a visit has begun: its first face gives a snapshot."""
        if name in self._doorbells:
            self._doorbells[name].snapshots.on_visit_start()

    def snapshot_mode(self, frame: Frame, now: float, interval_s: float, *, in_visit: bool) -> SnapshotMode:
        """Return when the worker is to draw a snapshot of a frame."""
        doorbell = self._doorbells.get(frame.doorbell)
        return doorbell.snapshots.mode(frame, now, interval_s, in_visit=in_visit) if doorbell else SnapshotMode.NEVER

    def on_snapshot(self, outcome: Outcome, now: float, interval_s: float) -> list[Publication]:
        """Return the pictures of a frame, if a snapshot is due; the best face stays until there is another."""
        doorbell, drawn = self._doorbells.get(outcome.frame.doorbell), outcome.pictures
        if doorbell is None or not drawn.snapshot or not doorbell.snapshots.accept(outcome, now, interval_s):
            return []
        doorbell.pictures = Pictures(drawn.snapshot, drawn.best_face or doorbell.pictures.best_face)
        return pictures(doorbell.name, drawn)

    def last_snapshots(self) -> list[Publication]:
        """Return the last snapshot of every doorbell, for a Home Assistant that has started since."""
        return [last_snapshot(name, each.pictures) for name, each in self._doorbells.items() if each.pictures.snapshot]

    def tick(self, now: float) -> list[Publication]:
        """Return the availability of the doorbells that have gone offline."""
        if now < self._due_s:
            return []
        online = [each for each in self._doorbells.values() if each.online]
        gone = [each for each in online if now >= self._offline_s(each)]
        for doorbell in gone:
            doorbell.online = False
        self._due_s = min((self._offline_s(each) for each in online if each.online), default=math.inf)
        return [availability(topics.doorbell_availability(each.name), online=False) for each in gone]

    def next_due_s(self) -> float | None:
        """Return when to call `tick`, or None: not after the next doorbell goes offline, perhaps before."""
        return self._due_s if self._due_s < math.inf else None

    def all_states(self) -> list[Publication]:
        """Return all retained messages of the doorbells, for a broker that may have lost them."""
        return [publication for each in self._doorbells.values() for publication in _present(each)]

    def _offline_s(self, doorbell: _Doorbell) -> float:
        return doorbell.last_frame_s + self._offline_after_s

    def _publish_state(self, doorbell: _Doorbell, now: float) -> list[Publication]:
        doorbell.published, doorbell.published_s = doorbell.state, now
        return [state(doorbell.name, doorbell.state)]


def _has_detected(faces: tuple[Face, ...], seen_at: datetime, visit_id: str) -> StatePayload:
    """Return the state in a visit after its last frame with faces."""
    confidence = max(face.confidence for face in faces)
    return StatePayload(
        face_present=True, faces=len(faces), confidence=confidence, last_seen=seen_at, visit_id=visit_id
    )


def _nobody(previous: StatePayload) -> StatePayload:
    """Return the state without a visit."""
    return StatePayload(face_present=False, faces=0, last_seen=previous.last_seen)


def _present(doorbell: _Doorbell) -> list[Publication]:
    return [
        availability(topics.doorbell_availability(doorbell.name), online=doorbell.online),
        state(doorbell.name, doorbell.state),
    ]
