"""Messages to frames, including hostile ones."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent import topics
from edge_agent.domain import DropReason, Message, Packet, SideKey, Trigger
from edge_agent.ingest import incoming_topics
from edge_agent.ingest.adapters import Role, Source
from edge_agent.ingest.frames import Arrival, ImageLimits, read_frame
from edge_agent.ingest.image_header import read_header
from edge_agent.ingest.presets import preset_sources
from edge_agent.ingest.router import (
    AgentAvailability,
    Command,
    Dropped,
    Incoming,
    Pressed,
    Router,
    RouterLimits,
    SourceSignal,
)
from edge_agent.wire import FailureReason, ImageSize
from edge_agent.worker.decode import decode
from testing.pictures import jpeg, png
from testing.values import NOON

if TYPE_CHECKING:
    import random
from functools import partial

LIMITS = ImageLimits(max_bytes=100_000, max_pixels=1_000_000)


def _arrive(payload: bytes, **changes: Any) -> Arrival:
    return read_frame(Message("doorbell/front/frame", payload, **changes), "front", LIMITS, now_s=1.0, now_at=NOON)


def _envelope(**said: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(jpeg()).decode(), **said}).encode()


def test_a_raw_picture_is_a_frame() -> None:
    arrival = _arrive(jpeg(), packet=Packet(1, 2))
    frame = arrival.frame
    assert (frame.header.format, frame.header.width, frame.header.height) == ("jpeg", 320, 240)
    assert (frame.trigger, arrival.has_trigger, arrival.failure) == (Trigger.CONTINUOUS, False, None)
    assert (frame.received_s, frame.received_at, frame.captured_at) == (1.0, NOON, None)
    assert (arrival.packet, arrival.repeatable) == (Packet(1, 2), False)
    assert read_header(png()).format == "png"


def test_the_same_picture_has_the_same_ids() -> None:
    first, again, other = _arrive(jpeg()).frame, _arrive(jpeg()).frame, _arrive(jpeg(seed=1)).frame
    assert first.event_id == again.event_id
    assert first.event_id != other.event_id


def test_the_envelope_has_more_fields() -> None:
    arrival = _arrive(_envelope(trigger="motion", captured_at="2026-01-02T11:59:00+01:00", frame_id="7"))
    assert arrival.frame.image == jpeg()
    assert (arrival.frame.trigger, arrival.has_trigger) == (Trigger.MOTION, True)
    assert arrival.frame.frame_id == "7"
    assert arrival.repeatable
    assert arrival.frame.captured_at == datetime(2026, 1, 2, 10, 59, tzinfo=UTC)


def test_user_properties_override_the_envelope() -> None:
    arrival = _arrive(_envelope(trigger="motion", frame_id="7"), properties={"trigger": "press", "other": "x"})
    assert (arrival.frame.trigger, arrival.frame.frame_id) == (Trigger.PRESS, "7")


@pytest.mark.parametrize(
    ("said", "attribute", "value"),
    [
        ({"trigger": "shout"}, "trigger", Trigger.CONTINUOUS),
        ({"captured_at": "yesterday"}, "captured_at", None),
        ({"captured_at": "2026-01-02T12:00:00"}, "captured_at", NOON),
        ({"captured_at": "2001-01-01T00:00:00+00:00"}, "captured_at", datetime(2001, 1, 1, tzinfo=UTC)),
        ({"captured_at": "2026-01-02T12:00:00.001"}, "captured_at", None),
        ({"captured_at": "2026-01-02T11:59:00-01:00"}, "captured_at", None),
        ({"captured_at": "2062-01-02T12:00:00Z"}, "captured_at", None),
        ({"captured_at": "1970-01-01T00:01:00Z"}, "captured_at", None),
        ({"captured_at": "2000-01-01T00:01:00Z"}, "captured_at", None),
        ({"captured_at": "-1"}, "captured_at", None),
        ({"captured_at": "1767355200"}, "captured_at", NOON),
        ({"captured_at": "1767355200.001"}, "captured_at", None),
    ],
)
def test_invalid_fields_are_ignored(said: dict[str, str], attribute: str, value: object) -> None:
    assert getattr(_arrive(jpeg(), properties=said).frame, attribute) == value


@pytest.mark.parametrize("captured_at", [None, 0, -1, 1767355200.5, 1e300, True, [1], "NaN"])
def test_an_invalid_time_is_ignored(captured_at: object) -> None:
    arrival = _arrive(_envelope(captured_at=captured_at))
    assert (arrival.failure, arrival.frame.captured_at) == (None, None)


@pytest.mark.parametrize("captured_at", [1767355190, 1767355190.0, 1767355190000, 1767355190000000, "1767355190"])
def test_a_time_may_be_a_number_since_1970(captured_at: object) -> None:
    arrival = _arrive(_envelope(captured_at=captured_at))
    assert arrival.frame.captured_at == NOON - timedelta(seconds=10)
    assert arrival.unreadable == ()


@pytest.mark.parametrize(
    ("keys", "unreadable"),
    [
        ({"frame_id": 17}, ()),
        ({"frame_id": None, "captured_at": None, "other": {"a": [1]}}, ()),
        ({"frame_id": ["7"], "captured_at": {}, "battery": None}, (SideKey.CAPTURED_AT, SideKey.FRAME_ID)),
        ({"frame_id": True, "captured_at": 10**400}, (SideKey.CAPTURED_AT, SideKey.FRAME_ID)),
        ({"captured_at": float("nan")}, (SideKey.CAPTURED_AT,)),
        ({"battery": float("nan"), "signal": float("-inf"), "name": "\ud800"}, ()),
    ],
)
def test_odd_keys_hide_neither_the_picture_nor_the_trigger(
    keys: dict[str, object], unreadable: tuple[SideKey, ...]
) -> None:
    arrival = _arrive(_envelope(trigger="press", **keys))
    assert (arrival.failure, arrival.frame.trigger) == (None, Trigger.PRESS)
    assert arrival.frame.image == jpeg()
    assert arrival.unreadable == unreadable


def test_a_number_names_a_frame() -> None:
    assert _arrive(_envelope(frame_id=17)).frame.frame_id == "17"


def test_an_unreadable_property_leaves_the_key_of_the_envelope() -> None:
    arrival = _arrive(_envelope(trigger="press"), properties={"trigger": "ding"})
    assert (arrival.frame.trigger, arrival.unreadable) == (Trigger.PRESS, (SideKey.TRIGGER,))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"image": "no picture", "trigger": "press"}',
        b'{"image": null, "trigger": "press"}',
        b'{"trigger": "press"}',
        b'{"image": [1], "trigger": "press", "x": "\xff"}',
        b'{"trigger" : "press", "image": "' + b"A" * 9000,
        b'{"image": "' + b"A" * 9000 + b'", "trigger":"press", "x": ',
        b'{"trigger": "press", "image": "' + b"A" * 2_000_000 + b'"}',
    ],
)
def test_a_bad_picture_keeps_its_trigger(payload: bytes) -> None:
    arrival = _arrive(payload)
    assert arrival.failure is not None
    assert (arrival.frame.trigger, arrival.has_trigger) == (Trigger.PRESS, True)


def test_a_picture_sent_again_has_the_same_id_unless_it_was_taken_later() -> None:
    first, again, later = (
        _arrive(jpeg(), properties={"captured_at": f"2026-01-02T11:00:0{second}Z"}) for second in (1, 1, 2)
    )
    assert first.frame.event_id == again.frame.event_id != later.frame.event_id


@pytest.mark.parametrize("frame_id", ["", "x" * 129, "a\nb", "\x00"])
def test_an_invalid_frame_id_is_replaced_by_a_hash(frame_id: str) -> None:
    arrival = _arrive(jpeg(), properties={"frame_id": frame_id})
    assert len(arrival.frame.frame_id) == 24
    assert not arrival.repeatable


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"{}", b"[]", b'{"image": 5}', b'{"image": "not base64!"}', b'{"image": ""}', b"GIF89a",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x10JFIF", jpeg()[:100], png()[:-20], b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        b'{"image":' + b"[" * 1000, b'{"image":"","frame_id":' + b"9" * 5000 + b"}", b'{"image": NaN}',
        b'{"image":"","frame_id":"\\ud800"}', b'{"image":"' + b"\xff" * 10 + b'"}', b"BM" + b"\0" * 100,
        b"II*\0" + b"\0" * 100, b"\x00\x00\x00\x1cftypheic" + b"\0" * 100,
    ],
)  # fmt: skip
def test_a_broken_message_is_a_bad_image(payload: bytes) -> None:
    arrival = _arrive(payload)
    assert arrival.failure is not None
    assert arrival.failure.reason is FailureReason.BAD_IMAGE
    assert arrival.failure.detail
    assert arrival.frame.image == b""


def _claiming(width: int, height: int) -> bytes:
    """Return a small JPEG whose header claims another size."""
    data, size = jpeg(), read_header(jpeg())
    old = size.height.to_bytes(2, "big") + size.width.to_bytes(2, "big")
    return data.replace(old, height.to_bytes(2, "big") + width.to_bytes(2, "big"), 1)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (_claiming(65535, 65535), FailureReason.TOO_LARGE),
        (_claiming(20000, 20000), FailureReason.TOO_LARGE),
        (_claiming(0, 100), FailureReason.BAD_IMAGE),
        (b"\xff" * 200_000, FailureReason.TOO_LARGE),
        (jpeg() + b"\0" * 100_000, FailureReason.TOO_LARGE),
    ],
)
def test_large_pictures_are_refused_before_decoding(payload: bytes, reason: FailureReason) -> None:
    failure = _arrive(payload).failure
    assert failure is not None
    assert failure.reason is reason


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300), st.sampled_from([b"", b"{", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b'{"image":"']))
def test_no_bytes_raise(data: bytes, start: bytes) -> None:
    arrival = _arrive(start + data)
    assert arrival.failure is None or arrival.failure.detail


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_no_damage_to_a_jpeg_raises(position: int, chance: random.Random) -> None:
    data = bytearray(jpeg())
    for offset in range(5):
        data[(position + offset) % len(data)] = chance.randrange(256)
    _arrive(bytes(data))


def _take(message: Message, *sources: Source, waiting: int = 0, accept_retained: bool = False) -> Incoming:
    delivered: list[Incoming] = []
    limits = RouterLimits(LIMITS, accept_retained=accept_retained, most_waiting=10, most_presses_waiting=50)
    parse = partial(incoming_topics.parse, agent_id="hall")
    Router(parse, sources, limits, delivered.append, lambda: waiting).route(message)
    (incoming,) = delivered
    return incoming


def test_the_router_sorts_by_topic() -> None:
    packet = Packet(1, 1)
    assert isinstance(_take(Message("doorbell/front/frame", jpeg())), Arrival)
    pressed = _take(Message("doorbell/front/press", b"", duplicate=True, packet=packet))
    assert isinstance(pressed, Pressed)
    assert (pressed.doorbell, pressed.repeated, pressed.packet) == ("front", True, packet)
    assert _take(Message("edge_agent/hall/command/health", b"")) == Command("health", None)
    assert _take(Message("edge_agent/hall/command/dance", b"", packet=packet)) == Dropped(DropReason.TOPIC, packet)
    assert _take(Message("edge_agent/other/command/health", b"")) == Dropped(DropReason.TOPIC)
    assert _take(Message("other", b"", retained=True)) == Dropped(DropReason.TOPIC)


@pytest.mark.parametrize("doorbell", ["", "a b", "x" * 65, "a\nb", "å", "+", "#", "a\x00"])
def test_an_invalid_name_is_dropped(doorbell: str) -> None:
    topic = f"doorbell/{doorbell}/frame"
    assert _take(Message(topic, jpeg())) == Dropped(DropReason.TOPIC, topic=topic)


def test_retained_frames_are_dropped_unless_accepted() -> None:
    message = Message("doorbell/front/frame", jpeg(), retained=True)
    assert _take(message) == Dropped(DropReason.RETAINED)
    assert isinstance(_take(message, accept_retained=True), Arrival)


@pytest.mark.parametrize("topic", ["doorbell/front/press", "edge_agent/hall/command/restart_pool", "p/front/ding"])
def test_a_retained_press_or_command_is_never_accepted(topic: str) -> None:
    source = Source("p/{doorbell}/image", press="p/{doorbell}/ding")
    message = Message(topic, b"x", retained=True)
    assert _take(message, source, accept_retained=True) == Dropped(DropReason.RETAINED)


def test_a_retained_press_frame_is_an_ordinary_one() -> None:
    message = Message("doorbell/front/frame", jpeg(), retained=True, properties={"trigger": "press"})
    taken = _take(message, accept_retained=True)
    assert isinstance(taken, Arrival)
    assert taken.frame.trigger is Trigger.CONTINUOUS


def test_births_are_received_on_the_default_topic_and_below_the_prefix() -> None:
    parse = partial(incoming_topics.parse, agent_id="hall", prefix="own/ha")
    status = incoming_topics.HomeAssistantStatusTopic()
    assert [parse(each) for each in ("homeassistant/status", "own/ha/status")] == [status, status]
    assert set(topics.birth_topics("own/ha")) <= set(topics.subscriptions("hall", "own/ha"))
    assert topics.birth_topics() == ("homeassistant/status",)
    assert not topics.may_be_answered("homeassistant/status", "own/ha")


def test_the_availability_of_agents_is_received() -> None:
    gone, back = (_take(Message("edge_agent/attic/availability", each)) for each in (b"offline", b"online"))
    assert gone == AgentAvailability("attic", online=False, packet=None)
    assert back == AgentAvailability("attic", online=True, packet=None)


def test_overload_drops_ordinary_frames_and_no_presses() -> None:
    assert _take(Message("doorbell/front/frame", jpeg()), waiting=11) == Dropped(DropReason.OVERLOAD)
    press_frame = Message("doorbell/front/frame", jpeg(), properties={"trigger": "press"})
    taken, answered = _take(press_frame, waiting=11), _take(press_frame, waiting=51)
    assert isinstance(taken, Arrival)
    assert taken.failure is None
    assert isinstance(answered, Arrival)
    assert answered.failure is not None
    assert (answered.failure.reason, answered.frame.image) == (FailureReason.OVERLOAD, b"")


RING_CAMERA = "ring/1f-2a/camera/9087a1"
EVENT = Source("cam/jpeg", "cam/event", ("ring",), "event.type", "hall")
(RING,), (_, WYZE), (FRIGATE,) = map(preset_sources, ("ring-mqtt", "wyze-bridge", "frigate"))


@pytest.mark.parametrize(
    ("source", "topic", "payload", "meant"),
    [
        (
            RING,
            f"{RING_CAMERA}/snapshot/image",
            jpeg(),
            ("frame", "9087a1", Trigger.CONTINUOUS),
        ),
        (RING, f"{RING_CAMERA}/ding/state", b"ON", ("signal", Role.PRESS, "9087a1")),
        (RING, f"{RING_CAMERA}/ding/attributes", b"{}", ("signal", Role.PRESS_TIME, "9087a1")),
        (RING, f"{RING_CAMERA}/snapshot/attributes", b"{}", ("signal", Role.FRAME_TIME, "9087a1")),
        (RING, f"{RING_CAMERA}/status", b"online", ("signal", Role.AVAILABILITY, "9087a1")),
        (RING, "ring/1f-2a/alarm/9087a1/ding/state", b"ON", ("dropped", "topic")),
        (WYZE, "wyzebridge/front-door/thumbnail", jpeg(), ("frame", "front-door", Trigger.CONTINUOUS)),
        (FRIGATE, "frigate/front_door/person/snapshot", jpeg(), ("frame", "front_door", Trigger.MOTION)),
        (FRIGATE, "frigate/front_door/car/snapshot", jpeg(), ("dropped", "topic")),
        (
            EVENT,
            "cam/jpeg",
            jpeg(),
            ("frame", "hall", Trigger.CONTINUOUS),
        ),
        (
            EVENT,
            "cam/event",
            b'{"event": {"type": "ring"}}',
            ("press", "hall"),
        ),
        (
            EVENT,
            "cam/event",
            b'{"event": 5}',
            ("dropped", "no_press"),
        ),
        (
            EVENT,
            "cam/event",
            b"[" * 5000,
            ("dropped", "no_press"),
        ),
        (Source("cam/jpeg", "cam/button", doorbell="hall"), "cam/button", b"", ("press", "hall")),
        (Source("a/{doorbell}/jpeg"), "a/my door!/jpeg", jpeg(), ("frame", "my-door-b043380216", Trigger.CONTINUOUS)),
    ],
)
def test_other_publishers_are_understood(source: Source, topic: str, payload: bytes, meant: tuple[object, ...]) -> None:
    incoming = _take(Message(topic, payload), source)
    match incoming:
        case Arrival():
            assert (incoming.failure, incoming.has_trigger) == (None, False)
            assert meant == ("frame", incoming.frame.doorbell, incoming.frame.trigger)
        case Pressed():
            assert meant == ("press", incoming.doorbell)
        case SourceSignal():
            assert meant == ("signal", incoming.about.role, incoming.about.doorbell)
        case Dropped():
            assert meant == ("dropped", incoming.reason)
        case Command():
            pytest.fail("no command was given")


def test_a_source_is_subscribed_by_filters() -> None:
    assert RING.filters() == (
        "ring/+/camera/+/snapshot/image",
        "ring/+/camera/+/snapshot/attributes",
        "ring/+/camera/+/ding/state",
        "ring/+/camera/+/ding/attributes",
        "ring/+/camera/+/status",
    )
    assert FRIGATE.filters() == ("frigate/+/person/snapshot",)


@pytest.mark.parametrize(
    "after", [b"\0" * 5000, b"garbage", b"\xff\xd9" * 3 + b"\0", b"\xff\xd8 of a picture that is cut off"]
)
def test_what_follows_a_picture_is_no_part_of_it(after: bytes) -> None:
    assert _arrive(jpeg() + after).frame.image == jpeg()


def test_of_two_pictures_in_one_message_the_first_is_processed() -> None:
    frame = _arrive(jpeg(seed=1) + jpeg(640, 480)).frame
    picture = decode(frame.image, width=frame.header.width, height=frame.header.height, side=320)
    first = decode(jpeg(seed=1), width=320, height=240, side=320)
    assert picture.size == first.size == ImageSize(320, 240)
    assert np.array_equal(picture.pixels, first.pixels)
