"""Visits, simulated with numbers for times."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain import Outcome
from edge_agent.doorbells.tracks import TRACK_TIMEOUT_S, Track, count_people, update_tracks
from edge_agent.doorbells.visits import VisitChange, Visits
from edge_agent.wire import Box, Detected, Face, ImageSize, StageTimes
from testing.values import NOON, failure, frame, outcome

GAP_S = 30.0


def _visits(gap_s: float = GAP_S) -> Visits:
    ids = itertools.count(1)
    return Visits(gap_s, lambda: f"visit-{next(ids)}")


def _seen(at_s: float, *qualities: float, doorbell: str = "front", x: int = 100) -> Outcome:
    faces = tuple(Face(Box(x + 200 * place, 100, 60, 80), 0.9, {}, quality) for place, quality in enumerate(qualities))
    result = Detected(1, ImageSize(1280, 720), faces, (), StageTimes(1.0, 1.0), 1)
    return Outcome(frame(doorbell, received_s=at_s), result)


def _play(visits: Visits, *outcomes: Outcome) -> list[VisitChange]:
    changes = []
    for each in outcomes:
        changes += visits.tick(each.frame.received_s)
        changes += visits.on_outcome(each, NOON + timedelta(seconds=each.frame.received_s))
    return changes


def _words(changes: list[VisitChange]) -> list[str]:
    return [change.event_type for change in changes]


@pytest.mark.parametrize("interval_s", [1 / 15, 0.5, 2.0, 10.0, 29.0])
def test_a_visit_is_one_visit_at_any_frame_rate(interval_s: float) -> None:
    visits = _visits()
    times = [number * interval_s for number in range(20)]
    assert _words(_play(visits, *(_seen(at_s, 0.5) for at_s in times))) == ["face_appeared"]
    (left,) = visits.tick(times[-1] + GAP_S)
    assert left.event_type == "face_left"
    assert left.visit.frames == 20
    assert left.visit.duration_s == pytest.approx(times[-1])
    assert visits.visit_id("front") is None


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)])
def test_a_visits_duration_ignores_wall_clock_changes(jump: timedelta) -> None:
    visits = _visits()
    visits.on_outcome(_seen(10.0, 0.5), NOON)
    visits.on_outcome(_seen(14.0, 0.5), NOON + jump)
    (left,) = visits.tick(14.0 + GAP_S)
    assert left.visit.duration_s == 4.0
    assert left.visit.last_taken_s == 14.0


def test_frames_without_a_face_neither_start_nor_extend_a_visit() -> None:
    visits = _visits()
    changes = _play(visits, _seen(0.0), _seen(1.0, 0.5), _seen(20.0), outcome(failure(), received_s=25.0), _seen(31.0))
    assert _words(changes) == ["face_appeared", "face_left"]


def test_after_the_gap_it_is_another_visit() -> None:
    changes = _play(_visits(), _seen(0.0, 0.5), _seen(30.0, 0.5))
    assert _words(changes) == ["face_appeared", "face_left", "face_appeared"]
    assert [change.visit.visit_id for change in changes] == ["visit-1", "visit-1", "visit-2"]


def test_better_pictures_are_published_with_a_rate_limit() -> None:
    visits = _visits()
    changes = _play(
        visits, *(_seen(at_s, quality) for at_s, quality in [(0, 0.2), (1, 0.4), (2, 0.41), (3, 0.8), (5, 0.85)])
    )
    assert [(change.event_type, change.visit.best.quality) for change in changes] == [
        ("face_appeared", 0.2), ("face_updated", 0.41), ("face_updated", 0.85),
    ]  # fmt: skip


def test_one_more_person_is_published_at_once() -> None:
    changes = _play(_visits(), _seen(0.0, 0.5), _seen(0.2, 0.5, 0.5), _seen(0.4, 0.5), _seen(0.6, 0.5, 0.5))
    assert [(change.event_type, change.visit.people) for change in changes] == [
        ("face_appeared", 1),
        ("face_updated", 2),
    ]


def test_results_may_come_out_of_order() -> None:
    visits = _visits()
    changes = _play(visits, _seen(10.0, 0.5), _seen(9.0, 0.5), _seen(8.0, 0.9), _seen(11.0, 0.5))
    assert _words(changes) == ["face_appeared"]
    (left,) = visits.tick(11.0 + GAP_S)
    assert (left.visit.started_at, left.visit.last_seen_at) == (
        NOON + timedelta(seconds=8),
        NOON + timedelta(seconds=11),
    )
    assert left.visit.best.quality == 0.9


def test_each_doorbell_has_its_own_visit() -> None:
    visits = _visits()
    changes = _play(visits, _seen(0.0, 0.5), _seen(1.0, 0.5, doorbell="back"))
    assert _words(changes) == ["face_appeared", "face_appeared"]
    assert visits.visit_id("front") != visits.visit_id("back")
    assert visits.next_due_s() == GAP_S


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.floats(0.0, 60.0), st.integers(0, 3), st.floats(0.01, 1.0)), max_size=40))
def test_appearing_and_leaving_alternate(steps: list[tuple[float, int, float]]) -> None:
    visits, now, words = _visits(), 0.0, []
    for wait_s, faces, quality in steps:
        now += wait_s
        words += _words(_play(visits, _seen(now, *[quality] * faces)))
    words += _words(visits.tick(now + GAP_S))
    turns = [word for word in words if word != "face_updated"]
    assert turns == ["face_appeared", "face_left"] * (len(turns) // 2)


def test_moving_faces_are_tracked_and_hidden_ones_kept_for_a_while() -> None:
    tracks: tuple[Track, ...] = ()
    for step in range(5):
        tracks = update_tracks(tracks, [Box(100 + 40 * step, 100, 60, 80), Box(600, 100, 60, 80)], step * 0.2)
    assert [track.sightings for track in tracks] == [5, 5]
    assert tracks[0].speed_x == pytest.approx(200.0)
    tracks = update_tracks(tracks, [Box(300, 100, 60, 80)], 1.0)
    assert count_people(tracks, 1) == 2
    tracks = update_tracks(tracks, [Box(300, 100, 60, 80)], 1.0 + TRACK_TIMEOUT_S)
    assert count_people(tracks, 1) == 1


def test_a_face_seen_once_elsewhere_is_not_a_second_person() -> None:
    tracks = update_tracks((), [Box(100, 100, 60, 80)], 0.0)
    tracks = update_tracks(tracks, [Box(900, 400, 60, 80)], 0.2)
    assert count_people(tracks, 1) == 1
