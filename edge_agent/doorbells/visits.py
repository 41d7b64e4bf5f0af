"""Visits: from the first face at a door until there was none for a while. Pure; time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.doorbells.tracks import Track, count_people, update_tracks
from edge_agent.wire import Detected, Face

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from edge_agent.domain import Frame, Outcome

BETTER: Final = 1.25
"""A picture is better when its quality is so many times that of the best one told."""
UPDATE_INTERVAL_S: Final = 2.0
"""Better pictures are told no more often than this; one more person is told at once."""


@dataclass(frozen=True, slots=True)
class BestFace:
    """The best face of a visit so far, and the frame it is in."""

    confidence: float
    quality: float
    frame_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit; `count_people` is the most that were there at once, `frames` how many showed a face.

    `last_taken_s` is when the last picture with a face was taken, and `duration_s` how long after the first one the
    last one came, both by the monotonic clock.
    """

    visit_id: str
    doorbell: str
    started_at: datetime
    last_seen_at: datetime
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
    """The visit that is going on at a doorbell; times in monotonic seconds."""

    visit: Visit
    first_face_s: float
    last_face_s: float
    published_s: float
    published_quality: float
    tracks: tuple[Track, ...] = ()
    tracked_s: float = 0.0


class Visits:
    """At most one visit at each doorbell. It survives gaps of `gap_s` without a face."""

    def __init__(self, gap_s: float, new_id: Callable[[], str]) -> None:
        self._gap_s = gap_s
        self._new_id = new_id
        self._current: dict[str, _Current] = {}
        self._due_s = math.inf
        """No visit ends before; looked up anew only then, since faces are seen far more often."""

    def visit_id(self, doorbell: str) -> str | None:
        """Return the id of the visit that is going on, or None."""
        current = self._current.get(doorbell)
        return current.visit.visit_id if current else None

    def on_outcome(self, outcome: Outcome, seen_at: datetime) -> list[VisitChange]:
        """Use the result of a frame, in whatever order results come; return what is news."""
        result, frame = outcome.result, outcome.frame
        if not isinstance(result, Detected) or not result.faces:
            return []
        changes = self._end(frame.doorbell, frame.received_s)
        best = _best(outcome, result.faces)
        current = self._current.get(frame.doorbell)
        if current is None:
            now = frame.received_s
            visit = Visit(self._new_id(), frame.doorbell, seen_at, seen_at, frame.taken_s, best, len(result.faces))
            self._current[frame.doorbell] = _Current(visit, now, now, now, best.quality)
            self._due_s = min(self._due_s, now + self._gap_s)
            self._track(self._current[frame.doorbell], result.faces, now)
            return [*changes, VisitChange("face_appeared", visit)]
        return self._update(current, best, result.faces, frame, seen_at)

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

    def _update(
        self, current: _Current, best: BestFace, faces: tuple[Face, ...], frame: Frame, seen_at: datetime
    ) -> list[VisitChange]:
        now = frame.received_s
        count = self._track(current, faces, now)
        before = current.visit
        current.first_face_s, current.last_face_s = min(current.first_face_s, now), max(current.last_face_s, now)
        current.visit = replace(
            before,
            started_at=min(before.started_at, seen_at),
            last_seen_at=max(before.last_seen_at, seen_at),
            last_taken_s=max(before.last_taken_s, frame.taken_s),
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
        """Follow the faces, unless the frame is older than one that was followed; return how many people there are."""
        if now < current.tracked_s:
            return len(faces)
        current.tracks = update_tracks(current.tracks, [face.box for face in faces], now)
        current.tracked_s = now
        return count_people(current.tracks, len(faces))


def in_words(change: VisitChange) -> str:
    """Return what is news for a person, or '': a better picture is none."""
    visit = change.visit
    match change.event_type:
        case "face_appeared":
            return f"{visit.doorbell}: somebody appeared (confidence {visit.best.confidence:.2f})"
        case "face_left":
            who = f"{visit.count_people} people" if visit.people > 1 else "1 person"
            return f"{visit.doorbell}: nobody is there any more ({who}, {visit.duration_s:.0f} s)"
        case _:
            return ""


def _best(outcome: Outcome, faces: tuple[Face, ...]) -> BestFace:
    face = max(faces, key=lambda each: each.quality)
    return BestFace(face.confidence, face.quality, outcome.frame.frame_id, outcome.frame.event_id)
