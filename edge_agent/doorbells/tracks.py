"""Which face of one frame is the same as in the frame before: by overlap and motion, never by whose it is. Pure.

The association is that of SORT (Bewley et al., 2016, https://arxiv.org/abs/1602.00763) with constant velocity, matched
greedily by the best overlap first: at a door there are a handful of faces, where the optimal assignment is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.wire.geometry import Rectangle, iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire import Box

TRACK_TIMEOUT_S: Final = 2.5
"""A face that was not seen for so long may be anywhere: from then on only the count of one frame says anything."""
MIN_TRACK_IOU: Final = 0.1
"""IoU of the predicted and the seen box, both grown by half: enough for a step between frames."""
GROWTH: Final = 1.5
CONFIRMED_SIGHTINGS: Final = 2


@dataclass(frozen=True, slots=True)
class Track:
    """A face over time: where it was last (centre and size in pixels), how it moves (pixels per second)."""

    x: float
    y: float
    width: float
    height: float
    seen_s: float
    speed_x: float = 0.0
    speed_y: float = 0.0
    sightings: int = 1

    def at(self, now: float) -> Track:
        """Return the track as it would be now, had it gone on as it did."""
        elapsed_s = now - self.seen_s
        x, y = self.x + self.speed_x * elapsed_s, self.y + self.speed_y * elapsed_s
        return Track(x, y, self.width, self.height, self.seen_s, self.speed_x, self.speed_y, self.sightings)


def update_tracks(tracks: Sequence[Track], boxes: Sequence[Box], now: float) -> tuple[Track, ...]:
    """Return the tracks after a frame with faces in `boxes`: continued, new, or not seen for less than FORGET_S."""
    seen = [_begin(box, now) for box in boxes]
    pairs = [
        (_overlap(track.at(now), new), old, number)
        for old, track in enumerate(tracks)
        for number, new in enumerate(seen)
    ]
    continued: dict[int, int] = {}
    for overlap, old, number in sorted(pairs, reverse=True):
        if overlap >= MIN_TRACK_IOU and old not in continued.values() and number not in continued:
            continued[number] = old
    followed = [
        _continue(tracks[continued[number]], new) if number in continued else new for number, new in enumerate(seen)
    ]
    missed = [
        track
        for old, track in enumerate(tracks)
        if old not in continued.values() and now - track.seen_s < TRACK_TIMEOUT_S
    ]
    return (*followed, *missed)


def count_people(tracks: Sequence[Track], faces: int) -> int:
    """Return how many people there are: those in this frame, and those seen twice whom somebody hides just now."""
    return max(faces, sum(track.sightings >= CONFIRMED_SIGHTINGS for track in tracks))


def _begin(box: Box, now: float) -> Track:
    return Track(box.x + box.width / 2, box.y + box.height / 2, box.width, box.height, now)


def _continue(track: Track, new: Track) -> Track:
    elapsed_s = max(1e-3, new.seen_s - track.seen_s)
    return replace(
        new,
        speed_x=(new.x - track.x) / elapsed_s,
        speed_y=(new.y - track.y) / elapsed_s,
        sightings=track.sightings + 1,
    )


def _overlap(first: Track, second: Track) -> float:
    """Return the intersection over union of two boxes, grown so that a step between frames does not part them."""
    return iou(_grown(first), _grown(second))


def _grown(track: Track) -> Rectangle:
    width, height = track.width * GROWTH, track.height * GROWTH
    return Rectangle(track.x - width / 2, track.y - height / 2, width, height)
