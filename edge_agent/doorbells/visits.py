"""Visits: from the first face at a door until there was none for a while. Pure; time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from edge_agent.doorbells.tracks import Track, count_people, update_tracks
from edge_agent.wire import Detected, Face

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from edge_agent.domain import Frame, Outcome

BETTER: Final = 1.25
"""A picture is better if its quality is this many times that of the last published best face."""
UPDATE_INTERVAL_S: Final = 2.0
"""Better pictures are published at most this often; one more person is published at once."""


@dataclass(frozen=True, slots=True)
class BestFace:
    """The best face of a visit so far, and the frame it is in."""

    confidence: float
    quality: float
    frame_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit; `people` is the largest number present at once, `frames` how many frames showed a face.

    `first_taken_s` and `last_taken_s` are when the first and the last picture with a face were taken, and `duration_s`
    is the time from the arrival of one to the other, all by the monotonic clock. A change of the wall clock leaves
    `started_at` as it is, and `last_seen_at` is as long after it as the monotonic clock says.
    """

    visit_id: str
    doorbell: str
    started_at: datetime
    last_seen_at: datetime
    first_taken_s: float
    last_taken_s: float
    best: BestFace
    people: int
    frames: int = 1
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class VisitChange:
    """`face_appeared`, `face_updated` or `face_left`."""

    event_type: str
    visit: Visit


@dataclass(slots=True)
class _Current:
    """The current visit at a doorbell; times in monotonic seconds."""

    visit: Visit
    first_face_s: float
    last_face_s: float
    published_s: float
    published_quality: float
    tracks: tuple[Track, ...] = ()
    tracked_s: float = 0.0


class Visits:
    """At most one visit at each doorbell. A visit survives gaps of `gap_s` without a face."""

    def __init__(self, gap_s: float, new_id: Callable[[], str]) -> None:
        self._gap_s = gap_s
        self._new_id = new_id
        self._current: dict[str, _Current] = {}
        self._due_s = math.inf
        """No visit ends before; recomputed only then, since faces arrive far more often."""

    def visit_id(self, doorbell: str) -> str | None:
        """Return the id of the current visit, or None."""
        current = self._current.get(doorbell)
        return current.visit.visit_id if current else None

    def on_outcome(self, outcome: Outcome, seen_at: datetime) -> list[VisitChange]:
        """Use the result of a frame, in any order; return the changes to publish."""
        result, frame = outcome.result, outcome.frame
        if not isinstance(result, Detected) or not result.faces:
            return []
        changes = self._end(frame.doorbell, frame.received_s)
        best = _best(outcome, result.faces)
        current = self._current.get(frame.doorbell)
        if current is None:
            now = frame.received_s
            visit = _new_visit(self._new_id(), frame, seen_at, best, len(result.faces))
            self._current[frame.doorbell] = _Current(visit, now, now, now, best.quality)
            self._due_s = min(self._due_s, now + self._gap_s)
            self._track(self._current[frame.doorbell], result.faces, now)
            return [*changes, VisitChange("face_appeared", visit)]
        return self._update(current, best, result.faces, frame)

    def tick(self, now: float) -> list[VisitChange]:
        """Return the visits that have ended."""
        if now < self._due_s:
            return []
        ended = [change for doorbell in list(self._current) for change in self._end(doorbell, now)]
        self._due_s = min((current.last_face_s + self._gap_s for current in self._current.values()), default=math.inf)
        return ended

    def next_due_s(self) -> float | None:
        """Return when to call `tick`, or None: not after the next visit ends, perhaps before."""
        return self._due_s if self._due_s < math.inf else None

    def _end(self, doorbell: str, now: float) -> list[VisitChange]:
        current = self._current.get(doorbell)
        if current is None or now < current.last_face_s + self._gap_s:
            return []
        del self._current[doorbell]
        return [VisitChange("face_left", current.visit)]

    def _update(self, current: _Current, best: BestFace, faces: tuple[Face, ...], frame: Frame) -> list[VisitChange]:
        now = frame.received_s
        count = self._track(current, faces, now)
        before = current.visit
        current.first_face_s, current.last_face_s = min(current.first_face_s, now), max(current.last_face_s, now)
        current.visit = replace(
            _extended(before, frame.taken_s),
            best=max(before.best, best, key=lambda each: each.quality),
            people=max(before.people, count),
            frames=before.frames + 1,
            duration_s=current.last_face_s - current.first_face_s,
        )
        is_better = current.visit.best.quality >= current.published_quality * BETTER
        is_due = now - current.published_s >= UPDATE_INTERVAL_S
        if current.visit.people == before.people and not (is_better and is_due):
            return []
        current.published_s, current.published_quality = now, current.visit.best.quality
        return [VisitChange("face_updated", current.visit)]

    @staticmethod
    def _track(current: _Current, faces: tuple[Face, ...], now: float) -> int:
        """Track the faces, unless a newer frame was tracked before; return the number of people."""
        if now < current.tracked_s:
            return len(faces)
        current.tracks = update_tracks(current.tracks, [face.box for face in faces], now)
        current.tracked_s = now
        return count_people(current.tracks, len(faces))


def _new_visit(visit_id: str, frame: Frame, seen_at: datetime, best: BestFace, people: int) -> Visit:
    return Visit(visit_id, frame.doorbell, seen_at, seen_at, frame.taken_s, frame.taken_s, best, people)


def _extended(visit: Visit, taken_s: float) -> Visit:
    """Return a visit with one more picture, which may be older than its first one."""
    first_s, last_s = min(visit.first_taken_s, taken_s), max(visit.last_taken_s, taken_s)
    started_at = visit.started_at - timedelta(seconds=visit.first_taken_s - first_s)
    return replace(
        visit,
        started_at=started_at,
        last_seen_at=started_at + timedelta(seconds=last_s - first_s),
        first_taken_s=first_s,
        last_taken_s=last_s,
    )


def log_text(change: VisitChange) -> str:
    """Return the change as a log line, or '': a better picture has none."""
    visit = change.visit
    match change.event_type:
        case "face_appeared":
            return f"{visit.doorbell}: face appeared (confidence {visit.best.confidence:.2f})"
        case "face_left":
            people_text = f"{visit.people} people" if visit.people > 1 else "1 person"
            return f"{visit.doorbell}: visit ended ({people_text}, {visit.duration_s:.0f} s)"
        case _:
            return ""


def _best(outcome: Outcome, faces: tuple[Face, ...]) -> BestFace:
    face = max(faces, key=lambda each: each.quality)
    return BestFace(face.confidence, face.quality, outcome.frame.frame_id, outcome.frame.event_id)
