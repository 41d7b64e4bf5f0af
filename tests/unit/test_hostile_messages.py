"""Hostile messages: each is dropped or answered with one clear reason, and escaped in every output."""

from __future__ import annotations

import base64
import json
import random
from functools import partial
from typing import Any

import pytest

from edge_agent.cli.event_table import PLAIN, to_line, to_row
from edge_agent.domain import DropReason, Message, Packet, Publication, Setting, Trigger
from edge_agent.doorbells.options import Options
from edge_agent.doorbells.options_file import StoredOptions
from edge_agent.ingest import incoming_topics
from edge_agent.ingest.adapters import Source
from edge_agent.ingest.frames import Arrival, ImageLimits, read_frame
from edge_agent.ingest.presets import preset_sources
from edge_agent.ingest.router import (
    Command,
    DiscoveryMessage,
    Dropped,
    Ignored,
    Incoming,
    OptionSet,
    Router,
    RouterLimits,
)
from edge_agent.mqtt.outbox import Outbox, OutboxLimits, packet_bytes
from edge_agent.settings.detection import DetectionSettings
from edge_agent.settings.model import DoorbellSettings
from edge_agent.wire import FailureReason
from testing.pictures import jpeg
from testing.values import NOON
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000)
PACKET = Packet(1, 1)
BY_TOPIC = Source("cam/{doorbell}/jpeg", "cam/{doorbell}/event", ("ring",), "event.type")


def _take(message: Message) -> Incoming:
    delivered: list[Incoming] = []
    limits = RouterLimits(LIMITS, accept_retained=False, most_waiting=10, most_presses_waiting=50)
    parse = partial(incoming_topics.parse, agent_id="hall")
    Router(parse, (*preset_sources("ring-mqtt"), BY_TOPIC), limits, delivered.append, lambda: 0).route(message)
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
def test_case_18_an_invalid_doorbell_name_is_dropped(name: str) -> None:
    for topic in (f"doorbell/{name}/frame", f"doorbell/{name}/press", f"doorbell/{name}/detection/set"):
        assert _take(Message(topic, jpeg(), packet=PACKET)) == Dropped(DropReason.TOPIC, PACKET, topic)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"image":' + b"[" * 1000, b'{"a":' * 1000, b'{"image":"","n":' + b"9" * 5000 + b"}", b'{"image": NaN}',
        b'{"image": -Infinity}', b'{"image": 1e999}', b'{"image":"","frame_id":"\\ud800"}', b'{"image":"\xed\xa0\x80"}',
        b'{"image": null}', b'{"image": ["a"]}', b'{"image": "\\u0000"}', b'{"image": "' + b"A" * 11 + b'"}',
        b"{" * 100_000,
    ],
)  # fmt: skip
def test_case_19_invalid_json_is_a_bad_image_with_a_reason(payload: bytes) -> None:
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
def test_a_time_at_the_end_of_the_calendar_is_ignored(time: str) -> None:
    assert _arrive(jpeg(), properties={"captured_at": time}).frame.captured_at is None


def test_unknown_values_of_any_length_are_ignored() -> None:
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
def test_no_reply_goes_to_a_command_topic(topic: str) -> None:
    arrival = _take(Message("doorbell/front/frame", jpeg(), response_topic=topic, correlation_data=b"7"))
    assert isinstance(arrival, Arrival)
    assert arrival.frame.reply_to is None


def test_a_reply_goes_to_its_response_topic() -> None:
    arrival = _take(Message("doorbell/front/frame", jpeg(), response_topic="my/answers", correlation_data=b"7"))
    assert isinstance(arrival, Arrival)
    assert arrival.frame.reply_to is not None


@pytest.mark.parametrize(
    "payload", [b"", b"front\n", b"a" * 65, b"a" * 10_000_000, b"../x", b"\xff", b"fr\x00nt", b"front door"]
)
def test_a_command_with_an_invalid_name_is_dropped(payload: bytes) -> None:
    assert _take(Message("edge_agent/hall/command/remove", payload)) == Dropped(DropReason.COMMAND)


def test_payloads_of_other_commands_are_ignored() -> None:
    assert _take(Message("edge_agent/hall/command/restart_pool", b"; reboot\n")) == Command("restart_pool", None)
    assert _take(Message("edge_agent/hall/command/remove", b"front")) == Command("remove", None, "front")


@pytest.mark.parametrize("command", ["restart_pool", "remove", "health"])
def test_retained_commands_are_ignored(command: str) -> None:
    assert _take(Message(f"edge_agent/hall/command/{command}", b"front", retained=True)) == Dropped(DropReason.RETAINED)


@pytest.mark.parametrize(
    ("option", "payload"),
    [
        ("detection", b"yes"), ("detection", b"ON; OFF"), ("min_confidence", b"0"), ("min_confidence", b"1e400"),
        ("min_confidence", b"nan"), ("min_confidence", b"0x10"), ("min_confidence", b"9" * 32),
        ("min_confidence", b"-5"),
        ("min_confidence", b"50.5"), ("detection", b"O\nN"),
        ("mute", b"2999-01-01T00:00:00+00:00"), ("mute", b"60"),
    ],
)  # fmt: skip
def test_an_option_accepts_only_its_own_values(option: str, payload: bytes) -> None:
    controls = Options(
        StoredOptions(), "hall", detection=DetectionSettings(), doorbells=DoorbellSettings(), log_level="info"
    )
    incoming = _take(Message(f"doorbell/front/{option}/set", payload))
    assert isinstance(incoming, OptionSet)
    fault = controls.set(incoming.setting, NOON)
    assert fault.startswith("must be")
    assert fault.isprintable()
    assert controls.stored == StoredOptions()


@pytest.mark.parametrize("payload", [b"\xff", b"x" * 33, "\u0664\u0665".encode()])
def test_an_option_must_be_short_ascii_text(payload: bytes) -> None:
    assert _take(Message("doorbell/front/min_confidence/set", payload)) == Dropped(DropReason.OPTION)


def test_an_unknown_strategy_is_refused() -> None:
    controls = Options(
        StoredOptions(), "hall", detection=DetectionSettings(), doorbells=DoorbellSettings(), log_level="info"
    )
    assert controls.set(Setting("strategy", "", "mock"), NOON)


def test_an_invalid_device_is_withdrawn() -> None:
    topic = "homeassistant/device/edge_agent_front/config"
    assert isinstance(_take(Message(topic, b"{}", retained=True)), DiscoveryMessage)
    assert isinstance(_take(Message(topic, b"{" * 2_000_000, retained=True)), Ignored)


def test_events_are_escaped_for_terminals() -> None:
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


def test_case_24_messages_that_the_broker_rejects_are_dropped_and_counted() -> None:
    sent: list[Publication] = []

    def transmit(publication: Publication) -> Packet:
        sent.append(publication)
        return Packet(1, len(sent))

    outbox = Outbox(transmit, OutboxLimits(largest_bytes=10_000))
    large = Publication("doorbell/front/snapshot", b"x" * 5000, qos=1)
    assert outbox.publish(large, 0.0) == []
    assert outbox.publish(Publication("a", b"x" * 10_000), 0.0)
    outbox.on_connected(0.0, broker_takes_bytes=2000)
    assert outbox.resend(1.0) == [large]
    assert outbox.publish(large, 2.0) == [large]
    assert outbox.publish(Publication("b", b"x" * 1000, properties={"a": "b" * 1000}), 2.0)
    assert (outbox.dropped, len(outbox), len(sent)) == (4, 0, 1)
    outbox.on_connected(0.0)
    assert outbox.resend(3.0) == []
    assert outbox.publish(large, 4.0) == []
    assert packet_bytes(large) >= 5000 + len(large.topic) + 7


@pytest.mark.parametrize("target", TARGETS)
def test_kept_fuzzing_inputs_break_nothing(target: str) -> None:
    inputs = seeds(target)
    assert len(inputs) > 10
    chance = random.Random(1)  # noqa: S311 - no secret
    for data in chance.sample(inputs, min(len(inputs), 80)):
        TARGETS[target](data)
