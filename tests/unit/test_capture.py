"""The pure parts of the capture worker: schedule, ring, multipart parser, backoff, entities, and what is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_agent.capture.camera import SENTENCES, CameraSpec, CaptureError, CaptureReason, Item, Kind, split_credentials
from edge_agent.capture.doorbell_events import LastEvents, Meaning, StateChange, meaning
from edge_agent.capture.home_assistant import websocket_url
from edge_agent.capture.multipart import MultipartParser, boundary_of
from edge_agent.capture.reconnect import FIRST_S, LONGEST_S, REFUSED_FIRST_S, Reconnect
from edge_agent.capture.reports import CameraState, Counts, Report
from edge_agent.capture.ring import Ring
from edge_agent.capture.schedule import MOTION_LIMIT_S, Order, Rates, Schedule
from edge_agent.capture.slot import GONE_S, LIMITS, SILENT_S, CameraSlot
from edge_agent.domain import Trigger

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
RATES = Rates(idle_s=10, motion_s=0.5, burst_s=2, burst_frames=3)
IDLE = Order(Trigger.CONTINUOUS, cheap=True)
LOCKOUT_S = 1800


def item(at_s: float, size: int = 1, *, is_key: bool = True) -> Item:
    return Item(at_s, NOON, f"{at_s}", size, is_key)


def times(items: object) -> list[float]:
    return [each.taken_s for each in items]  # type: ignore[attr-defined]


# The schedule


def test_an_idle_camera_gives_one_cheap_picture_per_interval() -> None:
    schedule = Schedule(RATES, 0)
    assert schedule.due(0) == [IDLE]
    assert schedule.due(9.9) == []
    assert schedule.due(10) == [IDLE]
    assert schedule.next_due_s() == 20


def test_a_press_gives_two_pictures_from_before_and_three_after() -> None:
    schedule = Schedule(RATES, 0)
    schedule.due(0)
    assert schedule.on_press(5.0)
    assert schedule.due(5.0) == [Order(Trigger.PRESS, 4.0), Order(Trigger.PRESS, 5.0)]
    assert schedule.is_eager(5.0)
    after = [now for now in (5.6, 5.7, 6.3, 6.4, 6.9, 7.0) if schedule.due(now)]
    assert after == [5.7, 6.4, 7.0]
    assert not schedule.is_eager(7.1)


def test_the_press_message_that_follows_from_an_entity_is_the_same_press() -> None:
    schedule = Schedule(RATES, 0)
    assert schedule.on_press(5.0)
    assert not schedule.on_press(5.1)
    assert schedule.on_press(9.0)


def test_motion_raises_the_rate_and_ends_by_itself() -> None:
    schedule = Schedule(RATES, 0)
    schedule.due(0)
    schedule.on_motion("entity", 1.0, is_on=True)
    assert schedule.due(1.0) == [Order(Trigger.MOTION)]
    assert schedule.due(1.4) == []
    assert schedule.due(1.5) == [Order(Trigger.MOTION)]
    schedule.on_motion("entity", 2.0, is_on=False)
    assert schedule.due(2.0) == [IDLE]
    schedule.on_motion("entity", 20.0, is_on=True)
    assert not schedule.is_eager(20.0 + MOTION_LIMIT_S)


def test_motion_counts_while_any_source_sees_it_and_after_a_burst() -> None:
    schedule = Schedule(RATES, 0)
    schedule.due(0)
    schedule.on_press(1.0)
    schedule.on_motion("entity", 1.1, is_on=True)
    schedule.on_motion("visit", 1.2, is_on=True)
    assert [order.trigger for order in schedule.due(3.0)] == [Trigger.PRESS] * 5
    schedule.on_motion("visit", 3.1, is_on=False)
    assert schedule.due(4.0) == [Order(Trigger.MOTION)]


def test_a_picture_that_is_missing_is_due_again_soon() -> None:
    schedule = Schedule(RATES, 0)
    for order in schedule.due(0):
        schedule.retry(order, 0, 0.5)
    assert schedule.due(0.5) == [IDLE]
    schedule.on_press(1.0)
    order = schedule.due(5.0)[-1]
    schedule.retry(order, 5.0, 0.1)
    assert schedule.next_due_s() == pytest.approx(5.1)


# The ring


def test_the_ring_keeps_whole_groups_back_to_the_wanted_time() -> None:
    ring = Ring(keep_s=2, max_bytes=1000)
    for number in range(100):
        ring.add(item(number / 10, is_key=number % 20 == 0))
    assert times(ring.before(8.9))[0] == 8.0
    assert times(ring.before(7.9)) == pytest.approx([6 + n / 10 for n in range(20)])
    assert times(ring.newest_key()) == [8.0]
    assert times(ring.newest())[-1] == pytest.approx(9.9)
    assert times(ring.before(1.0)) == [6.0], "the oldest key frame stands in for what is gone"


def test_packets_before_the_first_key_frame_are_of_no_use() -> None:
    ring = Ring(keep_s=2, max_bytes=1000)
    ring.add(item(0, is_key=False))
    assert ring.newest() == ()
    assert ring.before(0) == ()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=60), st.integers(1, 500))
def test_the_ring_never_exceeds_its_bytes_and_always_begins_with_a_key_frame(
    sent: list[tuple[bool, int]], max_bytes: int
) -> None:
    ring = Ring(keep_s=2, max_bytes=max_bytes)
    for number, (is_key, size) in enumerate(sent):
        ring.add(item(number / 10, size, is_key=is_key))
        held = [*ring.newest()]
        assert ring.size <= max_bytes
        assert sum(each.size for each in held) <= ring.size
        assert not held or held[0].is_key
        assert all(one.taken_s < other.taken_s for one, other in pairwise(held))


# The multipart parser


def part(body: bytes, *, length: bool, end: bytes = b"\r\n", boundary: bytes = b"--frame") -> bytes:
    said = b"Content-Length: %d%s" % (len(body), end) if length else b""
    return boundary + end + b"Content-Type: image/jpeg" + end + said + end + body + end


@given(
    st.lists(st.binary(min_size=1, max_size=50).filter(lambda body: b"--frame" not in body), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([b"\r\n", b"\n"]),
    st.integers(1, 40),
)
def test_parts_come_out_as_they_went_in(bodies: list[bytes], length: bool, end: bytes, step: int) -> None:
    if not length:
        bodies = [body.rstrip(b"\r\n") + b"." for body in bodies]
    sent = b"".join(part(body, length=length, end=end) for body in bodies) + b"--frame"
    parser = MultipartParser(b"frame", 1000)
    found = [each for start in range(0, len(sent), step) for each in parser.feed(sent[start : start + step])]
    assert found == bodies


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (part(b"", length=True).replace(b"th: 0", b"th: 2000"), CaptureReason.TOO_LARGE),
        (b"--frame\r\n\r\n" + b"x" * 10_000, CaptureReason.TOO_LARGE),
        (b"x" * 9000, CaptureReason.NOT_A_PICTURE),
        (b"--frame\r\n" + b"A: b\r\n" * 2000, CaptureReason.NOT_A_PICTURE),
    ],
)
def test_a_stream_without_end_is_refused(sent: bytes, reason: CaptureReason) -> None:
    parser = MultipartParser(b"frame", 1000)
    with pytest.raises(CaptureError) as refused:
        [parser.feed(sent[start : start + 500]) for start in range(0, len(sent), 500)]
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", b"frame"),
        ("multipart/x-mixed-replace;boundary=--myboundary", b"myboundary"),
        ('Multipart/X-Mixed-Replace; boundary="a b"', b"a b"),
        ("multipart/x-mixed-replace", b""),
        ("image/jpeg", b""),
    ],
)
def test_the_boundary(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


# Backoff


def test_a_refused_password_is_tried_at_most_three_times_in_half_an_hour() -> None:
    reconnect, now, attempts = Reconnect(), 0.0, 0
    while now < LOCKOUT_S:
        attempts += 1
        now += reconnect.on_failure(CaptureReason.PASSWORD_REFUSED)
    assert attempts <= 3


def test_a_camera_that_is_away_is_tried_again_soon_and_then_less_often() -> None:
    reconnect = Reconnect()
    waits = [reconnect.on_failure(CaptureReason.UNREACHABLE) for _ in range(8)]
    assert waits[0] < 2 * FIRST_S
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    reconnect.on_success()
    assert reconnect.on_failure(CaptureReason.ENDED) < 2 * FIRST_S
    assert reconnect.on_failure(CaptureReason.PASSWORD_REFUSED) >= REFUSED_FIRST_S


# Entities of Home Assistant


@pytest.mark.parametrize(
    ("entity", "before", "after", "changed_at", "expected"),
    [
        ("event.ring", "2026-11-26T11:00:00+00:00", "2026-11-26T12:00:00.5+00:00", NOON.isoformat(), Meaning.PRESS),
        ("event.ring", "unknown", "2026-11-26T12:00:00+00:00", NOON.isoformat(), Meaning.PRESS),
        ("event.ring", "unavailable", "2026-11-26T11:00:00+00:00", NOON.isoformat(), None),
        ("event.ring", "2026-11-26T12:00:00+00:00", "2026-11-26T12:00:00+00:00", NOON.isoformat(), None),
        ("event.ring", "2026-11-26T11:00:00+00:00", "unavailable", NOON.isoformat(), None),
        ("event.other", "unknown", "2026-11-26T12:00:00+00:00", NOON.isoformat(), None),
        ("binary_sensor.motion", "off", "on", NOON.isoformat(), Meaning.MOTION_ON),
        ("binary_sensor.motion", "on", "off", NOON.isoformat(), Meaning.MOTION_OFF),
        ("binary_sensor.motion", "unavailable", "on", NOON.isoformat(), None),
    ],
)
def test_what_a_change_means(entity: str, before: str, after: str, changed_at: str, expected: Meaning | None) -> None:
    change = StateChange(entity, before, after, changed_at)
    assert meaning(change, press="event.ring", motion="binary_sensor.motion") is expected


def test_an_event_that_is_shown_again_soon_is_not_new() -> None:
    last, at = LastEvents(), NOON.isoformat()
    assert last.is_new(StateChange("event.ring", "unknown", at, at))
    assert last.is_new(StateChange("event.ring", at, "unavailable", at))
    assert not last.is_new(StateChange("event.ring", "unavailable", at, at))
    assert last.is_new(StateChange("binary_sensor.bell", "off", "on", at))
    assert last.is_new(StateChange("binary_sensor.bell", "off", "on", at))


@pytest.mark.parametrize("before", ["unavailable", "unknown", "on"])
def test_a_binary_sensor_rings_only_from_off(before: str) -> None:
    change = StateChange("binary_sensor.bell", before, "on", NOON.isoformat())
    assert meaning(change, press="binary_sensor.bell", motion="") is None


@pytest.mark.parametrize(
    ("url", "websocket"),
    [
        ("http://homeassistant.local:8123", "ws://homeassistant.local:8123/api/websocket"),
        ("https://ha.example/", "wss://ha.example/api/websocket"),
        ("http://supervisor/core", "ws://supervisor/core/websocket"),
    ],
)
def test_the_websocket_of_home_assistant(url: str, websocket: str) -> None:
    assert websocket_url(url) == websocket


# What is shown


@pytest.mark.parametrize(
    ("url", "kind", "port"),
    [
        ("http://cam/cgi?user=u&password=secret", Kind.HTTP, 80),
        ("rtsps://cam/x", Kind.RTSP, 322),
        ("rtsp://cam:8554/x", Kind.RTSP, 8554),
    ],
)
def test_no_password_is_shown(url: str, kind: Kind, port: int) -> None:
    spec = CameraSpec("front", url)
    assert (spec.kind, spec.ports) == (kind, frozenset({port}))
    assert "secret" not in spec.shown


def test_credentials_leave_the_url() -> None:
    bare, found = split_credentials("rtsp://us%40er:p%3A%2Fw@[::1]:554/a?b=c")
    assert bare == "rtsp://[::1]:554/a?b=c"
    assert (found.username, found.password) == ("us@er", "p:/w")


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(CaptureReason)


# The slot of a process


def slot_at(now: float) -> CameraSlot:
    slot = CameraSlot(CameraSpec("front", "http://cam/"), last_report_s=now, away_since_s=now)
    slot.on_started(7, now)
    return slot


LIVE = Report(state=CameraState.LIVE, reason=None, memory_bytes=50_000_000)


def test_a_silent_or_large_process_is_ended_with_its_reason() -> None:
    slot = slot_at(0)
    slot.on_report(LIVE, 1)
    assert slot.reason_to_kill(1 + SILENT_S) is None
    assert slot.reason_to_kill(2 + SILENT_S) is CaptureReason.HUNG
    slot.on_report(Report(state=CameraState.LIVE, reason=None, memory_bytes=slot.spec.memory_limit_bytes + 1), 2)
    slot.ending = slot.reason_to_kill(2)
    slot.on_exit(3, "was ended by SIGKILL")
    assert slot.report.reason is CaptureReason.MEMORY
    assert slot.is_start_due(3), "the first exit in a while costs no wait"


def test_counts_and_the_last_frame_survive_the_process() -> None:
    slot, stalled = slot_at(0), CaptureReason.STALLED
    slot.on_report(replace(LIVE, counts=Counts(5, 2, {stalled: 1}), last_frame_at=100.0), 1)
    slot.on_exit(2, "exited with code 1")
    slot.on_started(8, 3)
    slot.on_report(Report(counts=Counts(0, 1, {stalled: 2})), 4)
    assert slot.view(4).counts == Counts(5, 3, {stalled: 3, CaptureReason.EXITED: 1})
    assert slot.view(4).report.last_frame_at == 100.0
    slot.on_report(replace(LIVE, counts=Counts(1, 1, {stalled: 2}), last_frame_at=200.0), 5)
    assert (slot.view(5).counts.frames, slot.view(5).report.last_frame_at) == (6, 200.0)


def test_a_process_that_keeps_dying_is_started_less_and_less_often() -> None:
    slot = slot_at(0)
    for _ in range(LIMITS.intensity):
        slot.on_exit(1, "exited with code 1")
    assert slot.start_due_s == 1 + LIMITS.longest_delay_s
    assert slot.report.reason is CaptureReason.EXITED


def test_a_camera_counts_as_offline_only_after_a_while() -> None:
    slot = slot_at(0)
    slot.on_report(LIVE, 1)
    slot.on_report(Report(reason=CaptureReason.STALLED), 5)
    assert not slot.view(5 + GONE_S - 1).is_gone
    assert slot.view(5 + GONE_S).is_gone
    slot.on_report(LIVE, 20)
    assert not slot.view(30).is_gone
