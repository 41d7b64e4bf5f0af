"""When entries and pictures of the history are written. Pure: no disk, no clock."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from edge_agent.domain import NO_PICTURES, Trigger
from edge_agent.doorbells.presses import Answer
from edge_agent.history.collector import LONGEST_SETTLE_S, PRESS_S, SETTLE_S, Batch, Collector
from edge_agent.history.entries import Entry, EntryKind, PictureKind, is_entry_id
from edge_agent.history.messages import EntryDeleted, PressBegan, of_answer, of_outcome
from testing.values import NOON, detected, failure, outcome, press
from tests.visitors_past import changed, seen


def test_a_visit_is_written_at_once_and_at_its_end() -> None:
    collector = Collector()
    collector.on_message(changed("face_appeared"), 0.0)
    collector.on_message(seen(0.5), 0.0)
    first = collector.take(0.5)
    assert [each.ended_at for each in first.entries] == [None]
    assert first.pictures == ()
    collector.on_message(changed("face_updated", people=2, frames=9, duration_s=4.0), 4.0)
    assert collector.take(4.5) == Batch(), "a card wears out: nothing is written in between"
    stored = collector.take(SETTLE_S)
    assert [each.kind for each in stored.pictures] == [PictureKind.SNAPSHOT, PictureKind.FACE]
    collector.on_message(changed("face_left", people=2, frames=9, duration_s=4.0), 34.0)
    last = collector.take(34.0)
    (entry,) = last.entries
    assert last.pictures == ()
    assert entry == Entry(
        "v1", EntryKind.VISIT, "front", NOON, NOON + timedelta(seconds=4), "motion", 2, 9, 0.9, 0.5,
        snapshot_bytes=1000, face_bytes=100,
    )  # fmt: skip
    assert collector.entries() == {}
    assert collector.next_due_s() == math.inf


def test_the_pictures_are_the_best_ones_of_the_first_seconds() -> None:
    collector = Collector()
    collector.on_message(changed("face_appeared"), 0.0)
    for second, quality in enumerate((0.2, 0.6, 0.4)):
        collector.on_message(seen(quality), float(second))
    collector.take(2.0)
    assert collector.next_due_s() == 1.0 + SETTLE_S
    assert [each.jpeg[-1] for each in collector.take(1.0 + SETTLE_S).pictures] == [60, 60]


def test_a_visitor_who_comes_ever_closer_is_written_in_time() -> None:
    collector = Collector()
    collector.on_message(changed("face_appeared"), 0.0)
    for second in range(40):
        collector.on_message(seen(0.01 * (second + 1)), float(second))
        if pictures := collector.take(float(second)).pictures:
            break
    assert second == LONGEST_SETTLE_S
    assert pictures[0].jpeg[-1] == second + 1


@pytest.mark.parametrize(
    ("quality", "face_size", "is_written"), [(0.9, 400, True), (0.6, 400, False), (0.9, 800, False)]
)
def test_a_much_better_face_is_written_again_unless_it_is_large(
    quality: float, face_size: int, *, is_written: bool
) -> None:
    collector = Collector()
    collector.on_message(changed("face_appeared"), 0.0)
    collector.on_message(seen(0.5), 0.0)
    assert len(collector.take(SETTLE_S).pictures) == 2
    collector.on_message(seen(quality, 5000, face_size), 20.0)
    assert collector.picture("v1", PictureKind.SNAPSHOT)[-1] == 50, "an address does not change its snapshot"
    collector.on_message(changed("face_left"), 50.0)
    last = collector.take(50.0)
    assert [each.jpeg[-1] for each in last.pictures] == [round(quality * 100)] * is_written
    assert last.entries[0].face_bytes == (face_size if is_written else 100)
    written = 1100 + (face_size if is_written else 0)
    assert written <= 1.5 * (last.entries[0].snapshot_bytes + last.entries[0].face_bytes)


def test_a_press_belongs_to_the_visit_of_its_face() -> None:
    collector, pressed = Collector(), press()
    found = outcome(detected(1), Trigger.PRESS)
    collector.on_message(PressBegan(pressed), 0.0)
    assert [each.answer for each in collector.take(0.0).entries] == [None]
    collector.on_message(of_answer(Answer(pressed, "face", found), NOON + timedelta(seconds=1)), 1.0)
    collector.on_message(seen(0.5, trigger="press"), 1.0)
    done = collector.take(1.5)
    (entry,) = done.entries
    assert (entry.answer, entry.visit_id, entry.people, entry.frames) == ("face", "v1", 1, 1)
    assert entry.ended_at == NOON + timedelta(seconds=1)
    assert [each.entry_id for each in done.pictures] == [pressed.press_id] * 2
    assert collector.entries() == {}


def test_a_press_without_a_face_keeps_its_last_picture_and_why_faces_did_not_count() -> None:
    collector, pressed = Collector(), press()
    collector.on_message(PressBegan(pressed), 0.0)
    for mark in (0.1, 0.2):
        frame = seen(mark, face_size=0, trigger="press", faces=0, visit_id=None, rejected=("too_small", "masked"))
        collector.on_message(frame, 1.0)
    collector.on_message(of_answer(Answer(pressed, "no_face", outcome(detected(0))), NOON), 5.0)
    assert [each.answer for each in collector.take(5.0).entries] == ["no_face"]
    assert collector.next_due_s() == PRESS_S
    last = collector.take(PRESS_S)
    assert [each.jpeg[-1] for each in last.pictures] == [20]
    assert last.entries[0].rejected == {"too_small": 2, "masked": 2}


def test_a_visitor_who_comes_into_view_after_the_answer_is_the_picture_of_the_press() -> None:
    collector, pressed = Collector(), press()
    collector.on_message(PressBegan(pressed), 0.0)
    collector.on_message(seen(0.1, face_size=0, trigger="press", faces=0, visit_id=None), 1.0)
    collector.on_message(of_answer(Answer(pressed, "no_face", outcome(detected(0))), NOON), 5.0)
    collector.on_message(seen(0.7, trigger="press"), 7.0)
    collector.on_message(seen(0.9, trigger="press"), 8.0)
    last = collector.take(PRESS_S)
    assert [each.jpeg[-1] for each in last.pictures] == [70, 70]
    assert (last.entries[0].answer, last.entries[0].visit_id) == ("no_face", "v1")


def test_a_press_that_fails_has_its_reason() -> None:
    collector, pressed = Collector(), press()
    collector.on_message(PressBegan(pressed), 0.0)
    collector.on_message(of_answer(Answer(pressed, "failed", failure=failure()), NOON), 5.0)
    (entry,) = collector.take(5.0).entries
    assert (entry.answer, entry.reason, entry.snapshot_bytes) == ("failed", "timeout", 0)


def test_without_pictures_only_the_entries_are_written() -> None:
    """As with `privacy: events_only`."""
    collector = Collector()
    collector.on_message(changed("face_appeared"), 0.0)
    collector.on_message(seen(0.5, pictures=NO_PICTURES), 0.0)
    collector.on_message(changed("face_left"), 40.0)
    done = collector.take(40.0)
    assert done.pictures == ()
    assert (done.entries[0].snapshot_bytes, done.entries[0].trigger) == (0, "motion")


def test_a_deleted_visit_does_not_return_while_it_lasts() -> None:
    collector = Collector()
    collector.on_message(changed("face_appeared"), 0.0)
    collector.take(0.0)
    collector.on_message(EntryDeleted("v1"), 1.0)
    assert collector.take(1.0) == Batch(deleted=("v1",))
    for event_type in ("face_updated", "face_left"):
        collector.on_message(changed(event_type), 2.0)
    assert collector.take(40.0) == Batch()


def test_a_visit_whose_beginning_was_lost_is_written_at_its_end() -> None:
    collector = Collector()
    collector.on_message(changed("face_left", at=NOON + timedelta(seconds=60), duration_s=60.0), 60.0)
    (entry,) = collector.take(60.0).entries
    assert (entry.started_at, entry.duration_s) == (NOON, 60.0)


def test_everything_is_written_when_the_agent_stops() -> None:
    collector, pressed = Collector(), press()
    collector.on_message(PressBegan(pressed), 0.0)
    collector.on_message(changed("face_appeared"), 0.0)
    collector.on_message(seen(), 0.0)
    collector.close(NOON + timedelta(seconds=3))
    last = collector.take(0.1)
    assert [each.duration_s for each in last.entries] == [3.0, 3.0]
    assert len(last.pictures) == 2


def test_frames_of_neither_a_visit_nor_a_press_are_not_reported() -> None:
    assert of_outcome(outcome(detected(0), Trigger.MOTION), None) is None
    assert of_outcome(outcome(failure()), None) is None
    assert of_outcome(outcome(detected(0), Trigger.PRESS), None) is not None
    assert of_outcome(outcome(detected(0), Trigger.MOTION), "v1") is not None


@pytest.mark.parametrize("text", ["", "..", "a/b", "a.jpg", "é", "x" * 65, "a\0"])
def test_an_entry_is_never_named_like_a_path(text: str) -> None:
    assert not is_entry_id(text)
    assert is_entry_id("0f-A_")
