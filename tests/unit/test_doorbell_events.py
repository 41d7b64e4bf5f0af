"""Events and state of frames and doorbells."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent import topics
from edge_agent.cli.event_table import PLAIN, to_line, to_row
from edge_agent.domain import Outcome, Publication, ShedReason, Trigger, WorkerDetector
from edge_agent.doorbells import events
from edge_agent.doorbells.failures import is_published
from edge_agent.doorbells.presses import Answer
from edge_agent.doorbells.registry import Doorbells
from edge_agent.doorbells.visits import VisitChange, Visits
from edge_agent.ingest.incoming_topics import (
    AgentCommandTopic,
    AgentOptionTopic,
    DoorbellOptionTopic,
    FrameTopic,
    PressTopic,
    parse,
)
from edge_agent.telemetry.counters import Counters
from edge_agent.wire import Box, FailureReason, Rejected, RejectionReason, SnapshotMode
from testing.values import NOON, detected, failure, frame, outcome, press, reply_to, shed
from tests.visitors_past import visit

pytestmark = pytest.mark.usefixtures("wording")

STAMP = events.Stamp("boot", 7, now_s=0.05, now_at=NOON + timedelta(milliseconds=50))


def _json(publication: Publication | None) -> Any:
    assert publication is not None
    return json.loads(publication.payload)


def test_a_faces_event_has_the_faces_and_timings() -> None:
    seen = Outcome(outcome().frame, detected(), 1, 3.25, WorkerDetector(1, "cpu", "yunet_n"))
    publication = events.faces(seen, STAMP)
    event = _json(publication)
    assert (publication.topic, publication.qos, publication.key) == ("doorbell/front/faces", 1, seen.frame.event_id)
    assert event["faces"][0] == {
        "box": {"x": 10, "y": 20, "width": 30, "height": 40}, "confidence": 0.9,
        "landmarks": {"nose": [25, 40]}, "quality": 0.0,
    }  # fmt: skip
    assert event["timing_ms"] == {"queue": 3.2, "decode": 5.0, "inference": 8.0, "total": 50.0}
    assert event["detector"] == {"strategy": "cpu", "model": "yunet_n", "worker": 1, "second_model": None}
    assert (event["outcome"], event["age_ms"], event["boot_id"], event["sequence"]) == ("face", 50, "boot", 7)


@pytest.mark.parametrize(
    ("result", "word", "reason"),
    [
        (detected(0), "no_face", None),
        (failure(FailureReason.TIMEOUT), "failed", "timeout"),
        *((shed(reason), "failed", reason.value) for reason in ShedReason),
    ],
)
def test_an_outcome_has_a_code_and_a_reason(result: Any, word: str, reason: str | None) -> None:
    event = _json(events.faces(outcome(result), STAMP))
    assert (event["outcome"], event["reason"]) == (word, reason)


@pytest.mark.parametrize(
    ("result", "trigger", "published"),
    [
        (detected(), Trigger.CONTINUOUS, True),
        (failure(), Trigger.CONTINUOUS, True),
        (shed(ShedReason.SUPERSEDED), Trigger.CONTINUOUS, False),
        (shed(ShedReason.EXPIRED), Trigger.MOTION, False),
        (shed(ShedReason.EXPIRED), Trigger.PRESS, True),
        (shed(ShedReason.STOPPING), Trigger.PRESS, False),
    ],
)
def test_a_shed_ordinary_frame_is_not_published(result: Any, trigger: Trigger, published: bool) -> None:
    assert is_published(outcome(result, trigger)) is published


def test_rejected_faces_are_counted_by_reason() -> None:
    counters = Counters()
    box = Box(1, 2, 3, 4)
    unsure, masked = (
        Rejected(box, 0.5, each) for each in (RejectionReason.BELOW_MIN_CONFIDENCE, RejectionReason.MASKED)
    )
    for rejected in ((unsure, masked), (unsure,)):
        seen = outcome(msgspec.structs.replace(detected(), rejected=rejected))
        counters.receive(seen.frame)
        counters.count(seen)
    assert counters.rejected == {"below_min_confidence": 2, "masked": 1}
    assert counters.answered == {"face": 2}


def test_an_ordinary_event_needs_no_confirmation() -> None:
    publication = events.faces(outcome(trigger=Trigger.MOTION), STAMP)
    assert (publication.qos, publication.key) == (0, "")


def test_the_sender_gets_the_same_result() -> None:
    seen = outcome()
    reply = events.reply(seen, reply_to(), STAMP)
    assert (reply.topic, reply.correlation_data) == ("my/answers", b"7")
    assert _json(reply) == _json(events.faces(seen, STAMP))


@pytest.mark.parametrize("reason", ShedReason)
def test_every_shed_press_frame_is_answered_with_its_reason(reason: ShedReason) -> None:
    answers = {}
    for each in ShedReason:
        told = _json(events.reply(outcome(shed(each), Trigger.MOTION), reply_to(), STAMP))
        answers[each] = (told["outcome"], told["reason"], told["detail"])
    assert answers[reason][:2] == ("failed", reason.value)
    assert list(answers.values()).count(answers[reason]) == 1


def test_ring_and_answer_name_the_same_press() -> None:
    pressed, seen = press(), outcome()
    ring, answer = (
        _json(each) for each in (events.ring(pressed, STAMP), events.answer(Answer(pressed, "face", seen), STAMP))
    )
    assert ring["press_id"] == answer["press_id"] == pressed.press_id
    assert (ring["event_type"], answer["event_type"]) == ("ring", "face")
    assert (answer["faces"], answer["confidence"], answer["frame_event_id"]) == (1, 0.9, seen.frame.event_id)
    assert ring["event_id"] != answer["event_id"]


def test_an_answer_without_a_picture_has_a_reason() -> None:
    answer = _json(events.answer(Answer(press(), "failed", failure=failure()), STAMP))
    assert (answer["reason"], answer["faces"], answer["confidence"], answer["frame_id"]) == ("timeout", 0, None, None)


def test_a_new_doorbells_state_has_every_key_null() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    online, state = doorbells.on_activity("front", 0.0)
    assert (online.topic, online.payload, online.retain) == ("doorbell/front/availability", b"online", True)
    assert state.retain
    assert set(_json(state).values()) == {None}
    assert doorbells.on_activity("front", 1.0) == []


def test_the_state_follows_the_visit() -> None:
    """It begins and ends with it; a frame without a face in between changes nothing."""
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    doorbells.on_activity("front", 0.0)
    (empty,) = doorbells.on_outcome(outcome(detected(0), received_s=1.0), 1.0, NOON)
    assert (_json(empty)["face_present"], _json(empty)["faces"]) == (False, 0)
    assert doorbells.on_outcome(outcome(detected(0), received_s=2.0), 2.0, NOON) == []
    (begun,) = doorbells.on_outcome(outcome(detected(2), received_s=5.0), 5.0, NOON, "visit-1")
    assert _json(begun) == {
        "face_present": True, "faces": 2, "confidence": 0.9, "last_seen": "2026-01-02T12:00:00Z", "visit_id": "visit-1",
    }  # fmt: skip
    assert doorbells.on_outcome(outcome(detected(0), received_s=30.0), 30.0, NOON, "visit-1") == []
    later = NOON + timedelta(seconds=6)
    assert doorbells.on_outcome(outcome(detected(1), received_s=6.0), 6.0, later, "visit-1") == [], "an older frame"
    assert doorbells.on_outcome(outcome(failure(), received_s=31.0), 31.0, later, "visit-1") == []
    (ended,) = doorbells.on_visit_end("front", 60.0)
    assert _json(ended) == {
        "face_present": False, "faces": 0, "confidence": None, "last_seen": "2026-01-02T12:00:00Z", "visit_id": None,
    }  # fmt: skip


def test_the_state_changes_at_most_every_ten_seconds_in_a_visit() -> None:
    """However often frames arrive, and however many faces they show."""
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    doorbells.on_activity("front", 0.0)
    published_s = [
        at / 4
        for at in range(1, 241)
        if doorbells.on_outcome(
            outcome(detected(at % 3), received_s=at / 4), at / 4, NOON + timedelta(seconds=at / 4), "visit-1"
        )
    ]
    assert len(published_s) == 6
    assert all(later - earlier >= 10.0 for earlier, later in pairwise(published_s))
    (ended,) = doorbells.on_visit_end("front", 61.0)
    assert _json(ended)["last_seen"] == "2026-01-02T12:00:59.750000Z", "of the last face"


def test_a_silent_doorbell_goes_offline_and_comes_back() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    doorbells.on_activity("front", 0.0)
    assert doorbells.next_due_s() == 10.0
    assert doorbells.tick(9.9) == []
    assert [each.payload for each in doorbells.tick(10.0)] == [b"offline"]
    assert doorbells.tick(20.0) == []
    assert [each.payload for each in doorbells.on_activity("front", 21.0)] == [b"online"]


def _told(publications: list[Publication]) -> list[bytes]:
    return [each.payload for each in publications if each.topic.endswith("/availability")]


def test_a_button_without_a_camera_is_never_silent() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    assert _told(doorbells.on_activity("front", 0.0, is_frame=False)) == [b"online"]
    assert doorbells.tick(1000.0) == []
    doorbells.on_activity("front", 1000.0)
    assert _told(doorbells.tick(1010.0)) == [b"offline"]


def test_a_doorbell_is_active_when_it_has_sent_something_itself() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=3)
    for name in ("front", "back"):
        doorbells.restore(name)
    doorbells.on_activity("front", 0.0, is_frame=False)
    doorbells.on_activity("side", 0.0)
    assert doorbells.active() == ("front", "side")


def test_what_the_publisher_says_counts_more_than_frames() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    assert doorbells.on_availability("front", online=True) == []
    assert _told(doorbells.on_activity("front", 0.0)) == [b"online"]
    assert doorbells.tick(1000.0) == []
    assert _told(doorbells.on_availability("front", online=False)) == [b"offline"]
    assert _told(doorbells.on_availability("front", online=False)) == []
    assert doorbells.on_activity("front", 1001.0) == []
    assert _told(doorbells.on_availability("front", online=True)) == [b"online"]


def test_a_publisher_may_report_before_the_first_frame() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=2)
    doorbells.on_availability("front", online=False)
    assert _told(doorbells.on_activity("front", 0.0)) == [b"offline"]
    doorbells.on_availability("back", online=True)
    assert _told(doorbells.restore("back")) == [b"online"]
    for number in range(100):
        doorbells.on_availability(f"{number}", online=True)
    assert doorbells.names() == ("front", "back")


@given(st.lists(st.tuples(st.sampled_from(["front", "back", "side"]), st.floats(0.1, 15.0)), max_size=30))
def test_every_silent_doorbell_goes_offline_in_time(activity: list[tuple[str, float]]) -> None:
    doorbells, now, last, told = Doorbells(offline_after_s=10.0, most=3), 0.0, dict[str, float](), dict[str, bytes]()
    for name, pause_s in activity:
        end_s = now + pause_s
        while (due_s := doorbells.next_due_s()) is not None and due_s <= end_s:
            told |= {each.topic: each.payload for each in doorbells.tick(due_s)}
            assert all(
                (told[topics.doorbell_availability(each)] == b"offline") == (due_s >= last[each] + 10.0)
                for each in last
            )
        now = end_s
        told |= {each.topic: each.payload for each in doorbells.on_activity(name, now)}
        last[name] = now


def test_the_number_of_doorbells_is_limited() -> None:
    doorbells = Doorbells(offline_after_s=10.0, most=1)
    doorbells.on_activity("front", 0.0)
    assert doorbells.accepts("front")
    assert not doorbells.accepts("back")
    assert doorbells.snapshot_mode(frame("back"), 0.0, 1.0, in_visit=False) is SnapshotMode.NEVER


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)])
def test_ages_ignore_wall_clock_changes(jump: timedelta) -> None:
    stamp = events.Stamp("boot", 7, now_s=2.0, now_at=NOON + jump)
    (appeared,) = Visits(30.0, lambda: "visit-1").on_outcome(outcome(), NOON)
    told = (
        events.faces(outcome(), stamp),
        events.ring(press(), stamp),
        events.answer(Answer(press(), "failed", failure=failure()), stamp),
        events.visit(appeared, stamp),
    )
    assert [_json(each)["age_ms"] for each in told] == [2000] * 4
    taken = outcome(captured_at=NOON - timedelta(seconds=3))
    assert _json(events.faces(taken, stamp))["age_ms"] == 5000


def test_an_event_is_a_row() -> None:
    row = to_row("doorbell/front/faces", events.faces(outcome(), STAMP).payload)
    assert row is not None
    assert row.cells[1:] == ("front", "faces: face", "press", "1", "0.90", "50")
    ring = to_row("doorbell/front/ring", events.ring(press(), STAMP).payload)
    assert ring is not None
    assert to_line(ring, PLAIN).split()[1:] == ["front", "ring", "press", "50"]
    failed = to_row("doorbell/front/answer", events.answer(Answer(press(), "failed", failure=failure()), STAMP).payload)
    assert failed is not None
    assert failed.cells[5] == "timeout"
    assert to_row("doorbell/front/faces", b"{}") is None
    (appeared,) = Visits(30.0, lambda: "visit-1").on_outcome(outcome(), NOON)
    visit = to_row("doorbell/front/visit", events.visit(appeared, STAMP).payload)
    assert visit is not None
    assert visit.cells[2:6] == ("visit: appeared", "", "1", "0.90")


@pytest.mark.parametrize("doorbell", ["front", "Front_door-2", "x" * 64])
def test_built_topics_parse_to_the_same_value(doorbell: str) -> None:
    assert parse(topics.frame(doorbell), "hall") == FrameTopic(doorbell)
    assert parse(topics.press(doorbell), "hall") == PressTopic(doorbell)
    assert parse(topics.doorbell_option_set(doorbell, "detection"), "hall") == DoorbellOptionTopic(
        doorbell, "detection"
    )
    assert parse(topics.agent_option_set("hall", "strategy"), "hall") == AgentOptionTopic("strategy")
    assert parse(topics.agent_command("hall", "health"), "hall") == AgentCommandTopic("health")
    assert parse(topics.faces(doorbell), "hall") is None


@pytest.mark.parametrize(
    ("text", "fitted"), [("raspberrypi", "raspberrypi"), ("my host.local", "my-host-local"), ("é", "agent")]
)
def test_a_host_name_becomes_an_identifier(text: str, fitted: str) -> None:
    assert topics.fit_identifier(text) == fitted


def test_events_lead_to_the_history_where_there_is_one() -> None:
    with_pages = dataclasses.replace(STAMP, has_visit_pages=True)
    pressed, change = press(), VisitChange("face_left", visit("v1"))

    def paths(stamp: events.Stamp) -> list[str | None]:
        answered = Answer(pressed, "no_face")
        built = (events.ring(pressed, stamp), events.answer(answered, stamp), events.visit(change, stamp))
        return [msgspec.json.decode(each.payload)["history_path"] for each in built]

    assert paths(with_pages) == [f"/visits/{pressed.press_id}"] * 2 + ["/visits/v1"]
    assert paths(STAMP) == [None] * 3
