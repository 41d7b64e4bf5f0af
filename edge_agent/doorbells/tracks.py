"""Face tracking: which face of one frame continues one of the frame before, by overlap and motion. Pure.

It compares positions and never recognizes anyone. The association is that of SORT (Bewley et al., 2016,
https://arxiv.org/abs/1602.00763) with constant velocity, matched greedily by the best overlap first: at a door
there are a handful of faces, where the optimal assignment is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.wire.geometry import Rectangle, iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire import Box

TRACK_TIMEOUT_S: Final = 2.5
"""A face not seen for this long may be anywhere: its track ends."""
MIN_TRACK_IOU: Final = 0.1
"""IoU of the predicted and the detected box, both grown by half: enough for a step between frames."""
GROWTH: Final = 1.5
CONFIRMED_SIGHTINGS: Final = 2


@dataclass(frozen=True, slots=True)
class Track:
    """A face over time: its last centre and size in pixels, its velocity in pixels per second."""

    x: float
    y: float
    width: float
    height: float
    seen_s: float
    speed_x: float = 0.0
    speed_y: float = 0.0
    sightings: int = 1

    def at(self, now: float) -> Track:
        """Return the track extrapolated to `now`."""
        elapsed_s = now - self.seen_s
        return replace(self, x=self.x + self.speed_x * elapsed_s, y=self.y + self.speed_y * elapsed_s)


def update_tracks(tracks: Sequence[Track], boxes: Sequence[Box], now: float) -> tuple[Track, ...]:
    """Return the tracks after a frame with faces in `boxes`: continued, new, or missing for a short time."""
    detected = [_new_track(box, now) for box in boxes]
    found = [_enlarged(new) for new in detected]
    expected = [_enlarged(track.at(now)) for track in tracks]
    pairs = [(iou(there, here), old, number) for old, there in enumerate(expected) for number, here in enumerate(found)]
    continued: dict[int, int] = {}
    for overlap, old, number in sorted(pairs, reverse=True):
        if overlap >= MIN_TRACK_IOU and old not in continued.values() and number not in continued:
            continued[number] = old
    followed = [
        _continue(tracks[continued[number]], new) if number in continued else new for number, new in enumerate(detected)
    ]
    missed = [
        track
        for old, track in enumerate(tracks)
        if old not in continued.values() and now - track.seen_s < TRACK_TIMEOUT_S
    ]
    return (*followed, *missed)


def count_people(tracks: Sequence[Track], faces: int) -> int:
    """Return the number of people: those in this frame, and those seen twice before but hidden now."""
    return max(faces, sum(track.sightings >= CONFIRMED_SIGHTINGS for track in tracks))


def _new_track(box: Box, now: float) -> Track:
    return Track(box.x + box.width / 2, box.y + box.height / 2, box.width, box.height, now)


def _continue(track: Track, new: Track) -> Track:
    elapsed_s = max(1e-3, new.seen_s - track.seen_s)
    return replace(
        new,
        speed_x=(new.x - track.x) / elapsed_s,
        speed_y=(new.y - track.y) / elapsed_s,
        sightings=track.sightings + 1,
    )


def _enlarged(track: Track) -> Rectangle:
    """Return the box of a track, grown to tolerate a step between frames."""
    width, height = track.width * GROWTH, track.height * GROWTH
    return Rectangle(track.x - width / 2, track.y - height / 2, width, height)
