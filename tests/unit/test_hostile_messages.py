"""Messages that nobody should send: each is dropped or answered for one clear reason, and says nothing unescaped."""

from __future__ import annotations

import base64
import json
import random
from functools import partial
from typing import Any

import pytest

from edge_agent import topics
from edge_agent.cli.event_table import PLAIN, to_line, to_row
from edge_agent.ingest import ImageLimits, read_frame
from edge_agent.intake import Announced, Commanded, Dropped, Ignored, Incoming, Intake, IntakeLimits, OptionSet
from edge_agent.model import Arrival, DropReason, Message, Packet, Publication, Setting, Trigger
from edge_agent.mqtt.outbox import Outbox, OutboxLimits, packet_bytes
from edge_agent.results.controls import Controls
from edge_agent.settings import DetectionSettings, DoorbellSettings
from edge_agent.sources import PRESETS, Source
from edge_agent.state_file import Chosen
from edge_agent.wire import FailureReason
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS
from tests.pictures import jpeg
from tests.values import NOON

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000)
PACKET = Packet(1, 1)
BY_TOPIC = Source("cam/{doorbell}/jpeg", "cam/{doorbell}/event", "ring", "event.type")


def _take(message: Message) -> Incoming:
    delivered: list[Incoming] = []
    limits = IntakeLimits(LIMITS, accept_retained=False, most_waiting=10, most_presses_waiting=50)
    parse = partial(topics.parse, agent_id="hall")
    Intake(parse, (PRESETS["ring-mqtt"], BY_TOPIC), limits, delivered.append, lambda: 0).take(message)
    (incoming,) = delivered
    return incoming


def _arrive(payload: bytes, **said: Any) -> Arrival:
    return read_frame(Message("doorbell/front/frame", payload, **said), "front", LIMITS, now_s=1.0, now_at=NOON)


def _envelope(**said: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(jpeg()).decode(), **said}).encode()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "+",
        "#",
        "$share",
        "a b",
        "a\nb",
        "a\rb",
        "a\x00b",
        "a\x1b[31m",
        "a\u202eb",
        "\u212a",
        "../..",
        "..",
        "a" * 65,
        "x" * 65000,
    ],
)
def test_case_18_a_doorbell_that_is_no_plain_word_is_dropped(name: str) -> None:
    for topic in (f"doorbell/{name}/frame", f"doorbell/{name}/press", f"doorbell/{name}/detection/set"):
        assert _take(Message(topic, jpeg(), packet=PACKET)) == Dropped(DropReason.TOPIC, PACKET)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"image":' + b"[" * 1000, b'{"a":' * 1000, b'{"image":"","n":' + b"9" * 5000 + b"}", b'{"image": NaN}',
        b'{"image": -Infinity}', b'{"image": 1e999}', b'{"image":"","frame_id":"\\ud800"}', b'{"image":"\xed\xa0\x80"}',
        b'{"image": null}', b'{"image": ["a"]}', b'{"image": "\\u0000"}', b'{"image": "' + b"A" * 11 + b'"}',
        b"{" * 100_000,
    ],
)  # fmt: skip
def test_case_19_json_that_cannot_be_is_a_bad_image_with_a_reason(payload: bytes) -> None:
    failure = _arrive(payload).failure
    assert failure is not None
    assert failure.reason is FailureReason.BAD_IMAGE
    assert failure.detail.isprintable()
    assert len(failure.detail) < 200


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59",
        "2026-01-02T12:00:00" + "0" * 1000,
        "NaN",
        "\ud800",
    ],
)
def test_a_time_at_the_end_of_the_calendar_is_none(time: str) -> None:
    assert _arrive(jpeg(), properties={"captured_at": time}).frame.captured_at is None


def test_words_of_any_length_and_kind_are_taken_for_nothing() -> None:
    said = {"trigger": "press\n", "captured_at": "x" * 60_000, "frame_id": "\x1b[2J" * 9, "": "", "\x00": "\x00"}
    frame = _arrive(jpeg(), properties=said).frame
    assert (frame.trigger, frame.captured_at, len(frame.frame_id)) == (Trigger.CONTINUOUS, None, 24)
    assert len(_arrive(_envelope(frame_id="x" * 100_000)).frame.frame_id) == 24


@pytest.mark.parametrize(
    "topic",
    [
        "doorbell/back/press", "edge_agent/hall/command/restart_pool", "homeassistant/status", "$SYS/broker", "a/+",
        "#", "a\nb", "a\x00", "x" * 257, "ring/1/camera/2/ding/state", "cam/front/event",
    ],
)  # fmt: skip
def test_no_answer_goes_where_it_would_be_an_order(topic: str) -> None:
    arrival = _take(Message("doorbell/front/frame", jpeg(), response_topic=topic, correlation_data=b"7"))
    assert isinstance(arrival, Arrival)
    assert arrival.frame.reply_to is None


def test_an_answer_goes_where_its_sender_waits_for_it() -> None:
    arrival = _take(Message("doorbell/front/frame", jpeg(), response_topic="my/answers", correlation_data=b"7"))
    assert isinstance(arrival, Arrival)
    assert arrival.frame.reply_to is not None


@pytest.mark.parametrize(
    "payload", [b"", b"front\n", b"a" * 65, b"a" * 10_000_000, b"../x", b"\xff", b"fr\x00nt", b"front door"]
)
def test_a_command_with_a_name_that_is_none_is_dropped(payload: bytes) -> None:
    assert _take(Message("edge_agent/hall/command/forget", payload)) == Dropped(DropReason.COMMAND)


def test_what_comes_with_other_commands_is_not_looked_at() -> None:
    assert _take(Message("edge_agent/hall/command/restart_pool", b"; reboot\n")) == Commanded("restart_pool", None)
    assert _take(Message("edge_agent/hall/command/forget", b"front")) == Commanded("forget", None, "front")


@pytest.mark.parametrize("command", ["restart_pool", "forget", "health"])
def test_a_retained_command_is_no_command(command: str) -> None:
    assert _take(Message(f"edge_agent/hall/command/{command}", b"front", retained=True)) == Dropped(DropReason.RETAINED)


@pytest.mark.parametrize(
    ("option", "payload"),
    [
        ("detection", b"yes"), ("detection", b"ON; OFF"), ("min_confidence", b"0"), ("min_confidence", b"1e400"),
        ("min_confidence", b"nan"), ("min_confidence", b"0x10"), ("min_confidence", b"9" * 32),
        ("min_confidence", b"-5"),
        ("min_confidence", b"50.5"), ("detection", b"O\nN"),
    ],
)  # fmt: skip
def test_an_option_takes_its_own_values_only(option: str, payload: bytes) -> None:
    controls = Controls(Chosen(), "hall", detection=DetectionSettings(), doorbells=DoorbellSettings(), log_level="info")
    incoming = _take(Message(f"doorbell/front/{option}/set", payload))
    assert isinstance(incoming, OptionSet)
    fault = controls.choose(incoming.setting)
    assert fault.startswith("must be")
    assert fault.isprintable()
    assert controls.chosen == Chosen()


@pytest.mark.parametrize("payload", [b"\xff", b"x" * 33, "\u0664\u0665".encode()])
def test_an_option_that_is_no_short_plain_text_is_dropped(payload: bytes) -> None:
    assert _take(Message("doorbell/front/min_confidence/set", payload)) == Dropped(DropReason.OPTION)


def test_a_strategy_of_others_is_none() -> None:
    controls = Controls(Chosen(), "hall", detection=DetectionSettings(), doorbells=DoorbellSettings(), log_level="info")
    assert controls.choose(Setting("strategy", "", "mock"))


def test_a_device_that_is_no_device_is_not_kept_for_long() -> None:
    topic = "homeassistant/device/edge_agent_front/config"
    assert isinstance(_take(Message(topic, b"{}", retained=True)), Announced)
    assert isinstance(_take(Message(topic, b"{" * 2_000_000, retained=True)), Ignored)


def test_nothing_of_an_event_reaches_a_terminal_as_an_order() -> None:
    event = {
        "doorbell": "\x1b[2Jfront\n",
        "published_at": "2026-01-02T12:00:00Z",
        "age_ms": 1,
        "event_type": "a\u009bb" * 500,
        "reason": "\u202e",
    }
    row = to_row("doorbell/front/answer", json.dumps(event).encode())
    assert row is not None
    assert all(cell.isprintable() for cell in row.cells)
    assert to_line(row, PLAIN).isprintable()
    at_the_end = event | {"published_at": "0001-01-01T00:00:00+14:00"}
    for payload in (json.dumps(at_the_end).encode(), b"[" * 5000, b'{"doorbell": "\xff"}', b"{"):
        assert to_row("doorbell/front/answer", payload) is None


def test_case_24_what_the_broker_does_not_take_is_dropped_and_counted() -> None:
    sent: list[Publication] = []

    def transmit(publication: Publication) -> Packet:
        sent.append(publication)
        return Packet(1, len(sent))

    outbox = Outbox(transmit, OutboxLimits(largest_bytes=10_000))
    large = Publication("doorbell/front/snapshot", b"x" * 5000, qos=1)
    assert outbox.publish(large, 0.0) == []
    assert outbox.publish(Publication("a", b"x" * 10_000), 0.0)
    assert outbox.resend(1.0, broker_takes_bytes=2000) == [large]
    assert outbox.publish(large, 2.0) == [large]
    assert outbox.publish(Publication("b", b"x" * 1000, properties={"a": "b" * 1000}), 2.0)
    assert (outbox.dropped, len(outbox), len(sent)) == (4, 0, 1)
    assert outbox.resend(3.0) == []
    assert outbox.publish(large, 4.0) == []
    assert packet_bytes(large) >= 5000 + len(large.topic) + 7


@pytest.mark.parametrize("target", TARGETS)
def test_the_inputs_that_fuzzing_kept_break_nothing(target: str) -> None:
    inputs = seeds(target)
    assert len(inputs) > 10
    chance = random.Random(1)  # noqa: S311 - no secret
    for data in chance.sample(inputs, min(len(inputs), 80)):
        TARGETS[target](data)
