"""Every invalid combination is refused when it is built, with the reason."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_discovery import (
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
    device_topic,
)
from ha_discovery.classes import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = Entity("key", "Name")
CONFIG = Entity("key", "Name", entity_category="config")

sensor = partial(Sensor, NAME, "state")
binary_sensor = partial(BinarySensor, NAME, "state")
event = partial(Event, NAME, "event")
switch = partial(Switch, NAME, "set")
number = partial(Number, NAME, "set")
trigger = partial(DeviceTrigger, type="ring", subtype="doorbell", topic="ring")


def discovery(*components: Component, discovery_id: str = "porch") -> Discovery:
    """Return a discovery of these components."""
    return Discovery(discovery_id, Origin("test"), Device("Porch", identifiers=("porch",)), components)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "unit of another class": (
        lambda: sensor(device_class="temperature", unit_of_measurement="ms"),
        "key: device class 'temperature' takes the unit K, °C, °F, got 'ms'",
    ),
    "class without its unit": (lambda: sensor(device_class="data_size"), "got None"),
    "unit without its class": (lambda: sensor(unit_of_measurement="ms"), "unit 'ms' needs a device class: duration"),
    "unit with a class of words": (
        lambda: sensor(device_class="timestamp", unit_of_measurement="s"),
        "device class 'timestamp' takes no unit",
    ),
    "unit with a class that has none": (
        lambda: sensor(device_class="ph", unit_of_measurement="%"),
        "device class 'ph' takes the unit none",
    ),
    "number with a unit of another class": (
        lambda: number(device_class="duration", unit_of_measurement="%"),
        "device class 'duration' takes the unit",
    ),
    "state class with timestamp": (
        lambda: sensor(device_class="timestamp", state_class="measurement"),
        "device class 'timestamp' takes no state class",
    ),
    "state class with enum": (
        lambda: sensor(device_class="enum", options=("a",), state_class="total"),
        "device class 'enum' takes no state class",
    ),
    "state class that the class rules out": (
        lambda: sensor(device_class="energy", unit_of_measurement="kWh", state_class="measurement"),
        "state class with 'energy': 'measurement' is none of total, total_increasing",
    ),
    "angle class with a percentage": (
        lambda: sensor(state_class="measurement_angle", unit_of_measurement="%"),
        "takes the unit '°', got '%'",
    ),
    "unknown state class": (
        lambda: sensor(state_class="mean"),  # type: ignore[arg-type] # the mistake of this case
        "key: state_class: 'mean' is none of measurement",
    ),
    "enum without options": (lambda: sensor(device_class="enum"), "options of an enum: must not be empty"),
    "options without enum": (lambda: sensor(options=("a",)), "options need device_class 'enum'"),
    "option twice": (lambda: sensor(device_class="enum", options=("a", "a")), "'a' is there twice"),
    "precision of a time": (
        lambda: sensor(device_class="timestamp", suggested_display_precision=1),
        "suggested_display_precision is for numbers",
    ),
    "last reset without total": (
        lambda: sensor(last_reset_value_template="{{ 1 }}"),
        "last_reset_value_template needs state_class 'total'",
    ),
    "expired at once": (lambda: sensor(expire_after=0), "key: expire_after: 0 must be above 0"),
    "unknown sensor class": (lambda: sensor(device_class="warmth"), "key: device_class: 'warmth' is none of"),
    "unknown binary sensor class": (lambda: binary_sensor(device_class="duration"), "'duration' is none of battery"),
    "unknown event class": (lambda: event(("a",), device_class="bell"), "'bell' is none of button, doorbell, motion"),
    "unknown switch class": (lambda: switch(device_class="light"), "'light' is none of outlet, switch"),
    "unknown number class": (lambda: number(device_class="enum"), "'enum' is none of"),
    "unknown button class": (lambda: Button(NAME, "set", device_class="press"), "'press' is none of identify"),
    "unknown update class": (lambda: Update(NAME, "state", device_class="app"), "'app' is none of firmware"),
    "sensor that is set": (lambda: Sensor(CONFIG, "state"), "entity_category 'config' is for what a user can change"),
    "binary sensor that is set": (lambda: BinarySensor(CONFIG, "state"), "use 'diagnostic'"),
    "event that is set": (lambda: Event(CONFIG, "event", ("a",)), "use 'diagnostic'"),
    "camera that is set": (lambda: Camera(CONFIG, "image"), "use 'diagnostic'"),
    "camera without a topic": (lambda: Camera(NAME, ""), "topic"),
    "camera with half a wildcard": (lambda: Camera(NAME, "a/b#"), "topic"),
    "camera with levels after a wildcard": (lambda: Camera(NAME, "a/#/b"), "levels after #"),
    "image that is set": (lambda: Image(CONFIG, "image"), "use 'diagnostic'"),
    "unknown category": (lambda: Entity("key", "Name", entity_category="main"), "'main' is none of"),  # type: ignore[arg-type]
    "doorbell that cannot ring": (
        lambda: event(("press",), device_class="doorbell"),
        "event_types of a doorbell must offer 'ring'",
    ),
    "event without types": (lambda: event(()), "event_types: must not be empty"),
    "same payload for on and off": (lambda: binary_sensor(payload_on="OFF"), "'OFF' cannot mean both on and off"),
    "same command for on and off": (lambda: switch(payload_off="ON"), "'ON' cannot mean both on and off"),
    "same state for on and off": (lambda: switch(state_off="ON"), "'ON' cannot mean both on and off"),
    "image without source": (lambda: Image(NAME), "an image needs image_topic or url_topic, and not both"),
    "image with two sources": (lambda: Image(NAME, "image", url_topic="url"), "and not both"),
    "address with a content type": (
        lambda: Image(NAME, url_topic="url", content_type="image/png"),
        "content_type and image_encoding go with image_topic",
    ),
    "bytes with an address": (lambda: Image(NAME, "image", url_template="x"), "url_template goes with url_topic"),
    "empty range": (lambda: number(min=5, max=5), "min 5 must be below max 5"),
    "no step": (lambda: number(step=0), "step 0 must be at least 0.001"),
    "nothing to choose": (lambda: Select(NAME, "set", ()), "options: must not be empty"),
    "install without payload": (
        lambda: Update(NAME, "state", command_topic="set"),
        "command_topic and payload_install go together",
    ),
    "missing state topic": (lambda: Sensor(NAME, ""), "key: state_topic: a topic is required"),
    "missing command topic": (lambda: Switch(NAME, ""), "key: command_topic: a topic is required"),
    "missing trigger topic": (lambda: trigger("key", topic=""), "key: topic: a topic is required"),
    "wildcard": (lambda: Sensor(NAME, "a/+/b"), "'a/+/b' must be a topic without wildcards"),
    "endless topic": (lambda: Sensor(NAME, "ä" * 40_000), "a topic has at most 65535 bytes"),
    "trigger without type": (lambda: trigger("key", type=""), "key: type: must not be empty"),
    "qos": (lambda: Entity("key", "Name", qos=3), "key: qos: 3 is none of 0, 1, 2"),
    "empty name": (lambda: Entity("key", " "), "key: name: must not be empty"),
    "icon without set": (lambda: Entity("key", "Name", icon="doorbell"), "'doorbell' must look like 'mdi:doorbell'"),
    "attributes from nowhere": (
        lambda: Entity("key", "Name", json_attributes_template="{{ value }}"),
        "json_attributes_template needs json_attributes_topic",
    ),
    "named after no class": (
        lambda: Sensor(Entity("key", Named.AFTER_CLASS), "state"),
        "a name after the class needs a device class",
    ),
    "key": (lambda: Entity("a b", "Name"), "component key: 'a b' must be one or more of"),
    "unique id": (lambda: Entity("key", "Name", unique_id="a.b"), "key: unique_id: 'a.b' must be one or more of"),
    "discovery id": (lambda: discovery(sensor(), discovery_id="a/b"), "discovery_id: 'a/b' must be one or more of"),
    "removal of no platform": (lambda: Removal("key", "toaster"), "key: platform: 'toaster' is none of"),
    "component key twice": (lambda: discovery(sensor(), event(("a",))), "component key: 'key' is there twice"),
    "unique id twice": (
        lambda: discovery(
            Sensor(Entity("a", "A", unique_id="same"), "state"), Sensor(Entity("b", "B", unique_id="same"), "state")
        ),
        "unique_id: ('sensor', 'same') is there twice",
    ),
    "unique id equal to a made one": (
        lambda: discovery(Sensor(Entity("a", "A"), "state"), Sensor(Entity("b", "B", unique_id="porch-a"), "state")),
        "unique_id: ('sensor', 'porch-a') is there twice",
    ),
    "two main features": (
        lambda: discovery(
            Sensor(Entity("a", Named.AFTER_DEVICE), "state"), Switch(Entity("b", Named.AFTER_DEVICE), "set")
        ),
        "only one of a, b can be named after the device alone",
    ),
    "trigger twice": (
        lambda: discovery(trigger("a"), trigger("b")),
        "device trigger: ('ring', 'doorbell') is there twice",
    ),
    "no components": (discovery, "a device needs at least one component"),
    "device without identifier": (lambda: Device("Porch"), "needs an identifier or a connection"),
    "identifier that is no tuple": (lambda: Device("Porch", identifiers="porch"), "must be a tuple"),  # type: ignore[arg-type]
    "device without name": (lambda: Device("", identifiers=("porch",)), "device name: must not be empty"),
    "device via itself": (
        lambda: Device("Porch", identifiers=("porch",), via_device="porch"),
        "cannot be reached via itself",
    ),
    "page that is no address": (
        lambda: Device("Porch", identifiers=("porch",), configuration_url="porch.local"),
        "'porch.local' must start with http:// or https:// or homeassistant://",
    ),
    "origin without name": (lambda: Origin(""), "origin name: must not be empty"),
    "availability that cannot change": (
        lambda: AvailabilityTopic("up", payload_available="offline"),
        "'offline' cannot mean both on and off",
    ),
    "unknown availability mode": (lambda: Availability(mode="some"), "'some' is none of all, any, latest"),  # type: ignore[arg-type]
    "too large": (lambda: announce(discovery(sensor()), max_payload_bytes=100), "bytes, at most 100 are sent"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_combination_is_refused_with_the_reason(case: str) -> None:
    """The message has the place and the reason."""
    build, reason = REFUSED[case]
    with pytest.raises(DiscoveryError, match=re.escape(reason)):
        build()


def test_the_refusal_is_a_value_error() -> None:
    """Callers that do not know this package can still catch it."""
    with pytest.raises(ValueError, match="a topic is required"):
        Sensor(NAME, "")


@pytest.mark.parametrize("unit", ["fps", "%", None, "frames"])
def test_a_unit_of_no_known_quantity_needs_no_class(unit: str | None) -> None:
    """Frames per second, fractions and counts have no device class."""
    assert sensor(unit_of_measurement=unit, state_class="measurement").unit_of_measurement == unit


def test_both_characters_for_micro_are_accepted() -> None:
    """The micro sign and the Greek letter look the same."""
    for unit in ("\u00b5s", "\u03bcs"):
        assert sensor(device_class="duration", unit_of_measurement=unit).unit_of_measurement == unit


def test_the_same_unique_id_on_two_platforms_is_accepted() -> None:
    """Home Assistant distinguishes them."""
    shown = Sensor(Entity("a", "A", unique_id="same"), "state")
    assert discovery(shown, Switch(Entity("b", "B", unique_id="same"), "set")).components[0] == shown


@given(st.sampled_from(sorted(QUANTITIES)), st.sampled_from(sorted(QUANTITIES)), st.data())
def test_a_unit_is_accepted_only_with_its_device_class(device_class: str, other: str, data: st.DataObject) -> None:
    """A unit of another class is accepted only if this class has it too."""
    units = QUANTITIES[other].units
    unit = data.draw(st.sampled_from(sorted(units))) if units else "EUR"
    allowed = QUANTITIES[device_class].units
    try:
        sensor(device_class=device_class, unit_of_measurement=unit or None)
    except DiscoveryError:
        assert allowed is not None
        assert unit not in allowed
    else:
        assert allowed is None or unit in allowed


@given(st.text(max_size=8) | st.text("abZ09_-", max_size=8))
def test_identifiers_are_accepted_exactly_when_home_assistant_accepts_them(text: str) -> None:
    """Its discovery topics hold [a-zA-Z0-9_-]+."""
    valid = bool(re.fullmatch(r"[a-zA-Z0-9_-]+", text))
    for build in (partial(Entity, name="Name"), device_topic, partial(Removal, platform="sensor")):
        try:
            build(text)
        except DiscoveryError:
            assert not valid
        else:
            assert valid


@given(st.text(max_size=12))
def test_a_topic_never_holds_wildcards_or_control_characters(topic: str) -> None:
    """Accepted topics can be published to."""
    try:
        Sensor(NAME, topic)
    except DiscoveryError as error:
        assert str(error).startswith("key: state_topic: ")  # noqa: PT017 - what is taken is checked as well
    else:
        assert topic
        assert not [each for each in topic if each in "+#" or unicodedata.category(each) == "Cc"]
