"""The published messages, their topics and options."""

from __future__ import annotations

import doctest
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ha_discovery
from ha_discovery import (
    ALWAYS_AVAILABLE,
    Availability,
    AvailabilityTopic,
    BinarySensor,
    Button,
    Camera,
    Component,
    Device,
    DeviceTrigger,
    Discovery,
    DiscoveryError,
    DiscoveryMessage,
    Entity,
    Event,
    Image,
    Named,
    Number,
    Origin,
    Removal,
    Select,
    Sensor,
    Switch,
    Update,
    announce,
    available_when,
    migrate,
    withdraw,
)

PORCH = Discovery(
    "porch",
    Origin("test"),
    Device("Porch", identifiers=("porch",)),
    (Sensor(Entity("faces", "Faces"), "porch/state"),),
)


def options_of(component: Component) -> dict[str, Any]:
    """Return the announcement of a component."""
    payload = json.loads(announce(replace(PORCH, components=(component,))).payload)
    options: dict[str, Any]
    (options,) = payload["components"].values()
    return options


def entity_options(**options: object) -> dict[str, Any]:
    """Return the options of every entity in this test, and these."""
    return {"unique_id": "porch-key", "name": "Name", **options}


NAME = Entity("key", "Name")

ANNOUNCED: list[tuple[Component, dict[str, Any]]] = [
    (
        Sensor(NAME, "s", "{{ value }}", "duration", "ms", "measurement", expire_after=30),
        entity_options(
            platform="sensor",
            state_topic="s",
            value_template="{{ value }}",
            device_class="duration",
            unit_of_measurement="ms",
            state_class="measurement",
            expire_after=30,
        ),
    ),
    (
        Sensor(NAME, "s", device_class="enum", options=("a", "b")),
        entity_options(platform="sensor", state_topic="s", device_class="enum", options=["a", "b"]),
    ),
    (
        BinarySensor(Entity("key", Named.AFTER_CLASS), "s", device_class="motion", payload_on="yes", off_delay=5),
        {
            "platform": "binary_sensor",
            "unique_id": "porch-key",
            "state_topic": "s",
            "device_class": "motion",
            "payload_on": "yes",
            "off_delay": 5,
        },
    ),
    (
        Event(Entity("key", Named.AFTER_DEVICE, unique_id="own", qos=1), "e", ("ring",), device_class="doorbell"),
        {
            "platform": "event",
            "unique_id": "own",
            "name": None,
            "state_topic": "e",
            "event_types": ["ring"],
            "device_class": "doorbell",
            "qos": 1,
        },
    ),
    (
        Image(replace(NAME, enabled_by_default=False), "i", content_type="image/jpeg"),
        entity_options(platform="image", image_topic="i", content_type="image/jpeg", enabled_by_default=False),
    ),
    (Camera(NAME, "i"), entity_options(platform="camera", topic="i")),
    (Image(NAME, url_topic="u"), entity_options(platform="image", url_topic="u")),
    (
        Switch(NAME, "c", "s", state_on="1", state_off="0"),
        entity_options(platform="switch", command_topic="c", state_topic="s", state_on="1", state_off="0"),
    ),
    (
        Number(NAME, "c", min=0, max=1, step=0.01, mode="slider"),
        entity_options(platform="number", command_topic="c", min=0, max=1, step=0.01, mode="slider"),
    ),
    (Number(NAME, "c"), entity_options(platform="number", command_topic="c", min=0, max=100, step=1)),
    (Select(NAME, "c", ("a",)), entity_options(platform="select", command_topic="c", options=["a"])),
    (
        Button(replace(NAME, entity_category="config", icon="mdi:bell"), "c", device_class="restart"),
        entity_options(
            platform="button", command_topic="c", device_class="restart", entity_category="config", icon="mdi:bell"
        ),
    ),
    (
        Update(NAME, "s", command_topic="c", payload_install="GO", title="Agent"),
        entity_options(platform="update", state_topic="s", command_topic="c", payload_install="GO", title="Agent"),
    ),
    (
        DeviceTrigger("key", "ring", "doorbell", "t", payload="ring", value_template="{{ value }}", qos=1),
        {
            "platform": "device_automation",
            "automation_type": "trigger",
            "type": "ring",
            "subtype": "doorbell",
            "topic": "t",
            "payload": "ring",
            "value_template": "{{ value }}",
            "qos": 1,
        },
    ),
    (Removal("key", "camera"), {"platform": "camera"}),
]


@pytest.mark.parametrize(("component", "options"), ANNOUNCED)
def test_a_component_is_announced_without_default_values(component: Component, options: dict[str, Any]) -> None:
    """No value is missing and no default is included."""
    assert options_of(component) == options


def test_the_message_is_retained_and_the_same_every_time() -> None:
    """Byte for byte, for comparison with a broker's retained message."""
    assert announce(PORCH) == DiscoveryMessage(
        topic="homeassistant/device/porch/config",
        payload=(
            b'{"components":{"faces":{"name":"Faces","platform":"sensor","state_topic":"porch/state",'
            b'"unique_id":"porch-faces"}},"device":{"identifiers":["porch"],"name":"Porch"},"origin":{"name":"test"}}'
        ),
        retain=True,
        qos=1,
    )


def test_non_ascii_text_is_not_escaped() -> None:
    """A unit such as °C stays readable on the broker."""
    porch = replace(PORCH, device=Device("Türe", identifiers=("porch",)))
    assert "Türe".encode() in announce(porch).payload


def test_availability_of_the_device_and_of_a_component() -> None:
    """A component's own availability replaces the device's; always available is an empty list."""
    own = Availability((AvailabilityTopic("b", "1", "0", "{{ value }}"),), mode="latest")
    porch = replace(
        PORCH,
        availability=available_when("a", "b"),
        components=(
            Sensor(Entity("plain", "Plain"), "s"),
            Sensor(Entity("own", "Own", availability=own), "s"),
            Sensor(Entity("always", "Always", availability=ALWAYS_AVAILABLE), "s"),
        ),
    )
    payload = json.loads(announce(porch).payload)
    components = payload["components"]
    assert (payload["availability"], payload["availability_mode"]) == ([{"topic": "a"}, {"topic": "b"}], "all")
    assert "availability" not in components["plain"]
    assert components["own"]["availability"] == [
        {"topic": "b", "payload_available": "1", "payload_not_available": "0", "value_template": "{{ value }}"}
    ]
    assert components["own"]["availability_mode"] == "latest"
    assert components["always"]["availability"] == []


def test_a_device_announces_all_its_properties() -> None:
    """Including the device that it is reached through."""
    device = Device(
        "Porch", ("porch",), (("mac", "02:00:00:00:00:01"),), sw_version="1", via_device="agent", model="Bell"
    )
    assert json.loads(announce(replace(PORCH, device=device)).payload)["device"] == {
        "name": "Porch",
        "identifiers": ["porch"],
        "connections": [["mac", "02:00:00:00:00:01"]],
        "sw_version": "1",
        "via_device": "agent",
        "model": "Bell",
    }


def test_an_empty_retained_message_withdraws_a_device() -> None:
    """Under any prefix."""
    assert withdraw("porch", prefix="ha") == DiscoveryMessage("ha/device/porch/config", b"", retain=True, qos=1)


def test_migration_releases_announces_and_clears_in_that_order() -> None:
    """Home Assistant needs the order to keep the entities."""
    old = ("homeassistant/sensor/porch/faces/config", "homeassistant/sensor/porch_faces/config")
    messages = migrate(PORCH, old)
    released, announced, cleared = messages[:2], messages[2], messages[3:]
    assert [message.topic for message in released] == list(old)
    assert {message.payload for message in released} == {b'{"migrate_discovery":true}'}
    assert announced == announce(PORCH)
    assert [(message.topic, message.payload, message.retain) for message in cleared] == [(t, b"", True) for t in old]


@pytest.mark.parametrize("topic", ["homeassistant/device/porch/config", "porch/state", ""])
def test_only_single_components_are_migrated(topic: str) -> None:
    """A wrong topic would be cleared at the end."""
    with pytest.raises(DiscoveryError, match="is no discovery topic of a single component"):
        migrate(PORCH, [topic])


def test_the_readme_example_works() -> None:
    """It runs unchanged."""
    readme = Path(ha_discovery.__file__).parent / "README.md"
    failed, tried = doctest.testfile(str(readme), module_relative=False)
    assert tried
    assert not failed
