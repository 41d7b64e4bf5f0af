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
    from edge_agent.doorbells.presses import Press
    from edge_agent.wire import Face

STATE_INTERVAL_S: Final = 10.0
"""The state is published when a visit begins and ends, and within it at most this often: recorders keep each change."""


UNKNOWN: Final = StatePayload()


@dataclass(slots=True)
class _Doorbell:
    """`published` is the last published state, `published_s` when; `order_s` is the arrival time of its frame.

    `last_frame_s` is None before the first frame: a button without a camera is never silent. `is_active` is set when
    the doorbell has sent something itself: one of an earlier run may not.
    """

    name: str
    last_frame_s: float | None
    online: bool = True
    is_active: bool = True
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
        self._reported: dict[str, bool] = {}
        """What the publishers of doorbells say of them; it counts more than whether frames arrive."""
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
        return tuple(name for name, each in self._doorbells.items() if each.is_active)

    def restore(self, name: str) -> list[Publication]:
        """Add a doorbell of an earlier run, which has sent nothing yet; return its messages."""
        self._doorbells[name] = _Doorbell(name, None, online=self._reported.get(name, False), is_active=False)
        return _present(self._doorbells[name])

    def remove(self, name: str) -> None:
        """Remove a doorbell."""
        self._doorbells.pop(name, None)

    def on_activity(self, name: str, now: float, *, is_frame: bool = True) -> list[Publication]:
        """Record that a doorbell sent a frame or a press; return the messages that follow."""
        self._due_s = min(self._due_s, now + self._offline_after_s)
        doorbell = self._doorbells.get(name)
        if doorbell is None:
            online = self._reported.get(name, True)
            doorbell = self._doorbells[name] = _Doorbell(name, now if is_frame else None, online=online)
            return _present(doorbell)
        doorbell.is_active = True
        if is_frame or doorbell.last_frame_s is not None:
            doorbell.last_frame_s = now
        return self._set_online(doorbell, online=self._reported.get(name, True))

    def on_availability(self, name: str, *, online: bool) -> list[Publication]:
        """Record what a doorbell's publisher says of it; return the messages that follow."""
        while name not in self._reported and len(self._reported) >= self._most:
            self._reported.pop(next(iter(self._reported)))
        self._reported[name] = online
        doorbell = self._doorbells.get(name)
        return [] if doorbell is None else self._set_online(doorbell, online=online)

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

    def on_press(self, press: Press) -> None:
        """Record a press: the next press frame of its doorbell gives a snapshot."""
        if press.doorbell in self._doorbells:
            self._doorbells[press.doorbell].snapshots.on_press(press.pressed_s)

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
        """Return when a doorbell is offline if no frame arrives: never, if its publisher says whether it is."""
        if doorbell.last_frame_s is None or doorbell.name in self._reported:
            return math.inf
        return doorbell.last_frame_s + self._offline_after_s

    @staticmethod
    def _set_online(doorbell: _Doorbell, *, online: bool) -> list[Publication]:
        if doorbell.online == online:
            return []
        doorbell.online = online
        return [availability(topics.doorbell_availability(doorbell.name), online=online)]

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
