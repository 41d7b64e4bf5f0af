"""Retained messages of a broker are read without trust."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_discovery import (
    Device,
    DeviceTrigger,
    Discovery,
    DiscoveryTopic,
    Entity,
    Origin,
    Removal,
    RetainedDevice,
    Sensor,
    Switch,
    announce,
    device_filter,
    device_topic,
    orphans,
    parse_topic,
    read_retained,
    removing,
)

FACES = Sensor(Entity("faces", "Faces"), "state")
RING = DeviceTrigger("ring", "ring", "doorbell", "ring")
PORCH = Discovery("porch", Origin("test"), Device("Porch", identifiers=("porch",), via_device="agent"), (FACES, RING))
COMPONENTS = (("faces", "sensor"), ("ring", "device_automation"))
FOUND = RetainedDevice("porch", "test", ("porch",), "agent", COMPONENTS, "Porch")
TOPIC = device_topic("porch")

identifiers = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=6,
)
sections = st.sampled_from(["origin", "o", "device", "dev", "components", "cmps", "name", "ids", "p"])


def test_announcements_are_read_back() -> None:
    """From the announcement itself."""
    message = announce(PORCH)
    assert read_retained(message.topic, message.payload) == FOUND


def test_abbreviations_are_read() -> None:
    """Home Assistant accepts both."""
    payload = {
        "o": {"name": "test"},
        "dev": {"ids": "porch", "via_device": "agent", "name": "Porch"},
        "cmps": {"faces": {"p": "sensor"}, "ring": {"p": "device_automation"}},
    }
    assert read_retained(TOPIC, json.dumps(payload).encode()) == FOUND


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, b""),
        (TOPIC, b"[]"),
        (TOPIC, b"{"),
        (TOPIC, b"\xff\xfe\xff"),
        (TOPIC, b"[" * 100_000),
        ("homeassistant/sensor/porch/config", b"{}"),
        ("homeassistant/device/node/porch/config", b"{}"),
        ("porch/state", b"{}"),
    ],
)
def test_other_messages_are_not_devices(topic: str, payload: bytes) -> None:
    """Any client can publish anything."""
    assert read_retained(topic, payload) is None


@given(st.dictionaries(sections, json_values | st.dictionaries(sections | st.text(), json_values, max_size=4)))
def test_any_payload_can_be_read(payload: dict[str, object]) -> None:
    """Everything that is read can be used to announce the removal of its components."""
    found = read_retained(TOPIC, json.dumps(payload).encode())
    assert found is not None
    assert all(isinstance(each, str) for each in (found.origin, found.via_device, *found.identifiers))
    assert announce(removing(PORCH, found)).payload


@given(st.sampled_from(["homeassistant", "a/b"]), identifiers)
def test_built_topics_can_be_parsed(prefix: str, discovery_id: str) -> None:
    """The builder and the parser agree."""
    assert parse_topic(device_topic(discovery_id, prefix), prefix) == DiscoveryTopic("device", discovery_id)


@pytest.mark.parametrize(
    ("topic", "parsed"),
    [
        ("homeassistant/sensor/node/faces/config", DiscoveryTopic("sensor", "faces", "node")),
        ("homeassistant/binary_sensor/faces/config", DiscoveryTopic("binary_sensor", "faces")),
        ("homeassistant/sensor/a/b/c/config", None),
        ("homeassistant/sensor/a b/config", None),
        ("homeassistant/sensor/faces/state", None),
        ("homeassistant2/sensor/faces/config", None),
        ("other/sensor/faces/config", None),
        ("homeassistant/status", None),
    ],
)
def test_discovery_topics_are_recognized(topic: str, parsed: DiscoveryTopic | None) -> None:
    """Single components may have a node id."""
    assert parse_topic(topic) == parsed


def test_the_filter_finds_devices_under_any_prefix() -> None:
    """It has one wildcard, in place of the discovery id."""
    assert device_filter("ha") == device_topic("x", "ha").replace("/x/", "/+/")


@pytest.mark.parametrize(
    ("device", "orphaned"),
    [
        (FOUND, True),
        (replace(FOUND, discovery_id="front"), False),
        (replace(FOUND, origin="other"), False),
        (replace(FOUND, via_device="another_agent"), False),
        (replace(FOUND, via_device="", identifiers=("agent",)), True),
    ],
)
def test_only_our_own_removed_devices_are_orphans(device: RetainedDevice, *, orphaned: bool) -> None:
    """Another agent's devices on the same broker are ignored."""
    assert orphans([device], origin="test", owner="agent", current={"front"}) == ((device,) if orphaned else ())


def test_a_discovery_without_removals_is_unchanged() -> None:
    """The caller can compare by identity."""
    assert removing(PORCH, FOUND) is PORCH


def test_removed_components_and_changed_platforms_are_removed_first() -> None:
    """Both at once: `faces` is a switch now, `confidence` is removed."""
    now = replace(PORCH, components=(Switch(Entity("faces", "Faces"), "set"), RING))
    found = replace(FOUND, components=(*FOUND.components, ("confidence", "sensor")))
    assert removing(now, found).components == (RING, Removal("faces", "sensor"), Removal("confidence", "sensor"))


def test_components_that_home_assistant_rejected_are_not_removed() -> None:
    """An unknown platform would make it refuse the whole message."""
    found = replace(FOUND, components=(*FOUND.components, ("toast", "toaster"), ("a b", "sensor")))
    assert removing(PORCH, found) is PORCH
