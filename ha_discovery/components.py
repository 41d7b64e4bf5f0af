"""The components of a device: one value a platform. Fields are called as Home Assistant calls the options.

An option left at its default is left out of the message: the defaults here are those of Home Assistant's schemas, and
the same in 2024.12, 2025.4 and 2026.11. The range of a number is always sent: the documentation has another default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from ha_discovery import classes
from ha_discovery.checks import (
    check_choices,
    check_identifier,
    check_on_off,
    check_one_of,
    check_optional_topic,
    check_qos,
    check_text,
    check_topic,
    refuse,
)
from ha_discovery.pictures import Camera, Image
from ha_discovery.sensors import BinarySensor, Sensor

if TYPE_CHECKING:
    from ha_discovery.entity import Entity

NumberMode = Literal["auto", "box", "slider"]
SMALLEST_STEP = 0.001
ALWAYS_SENT = "always_sent"
"""Key in the metadata of a field that is sent even at its default."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens. Its messages are JSON with an `event_type`, and are never retained."""

    platform: ClassVar[str] = "event"

    entity: Entity
    state_topic: str
    event_types: tuple[str, ...]
    value_template: str | None = None
    device_class: str | None = None

    def __post_init__(self) -> None:
        """Refuse an event without types, and a doorbell that cannot ring."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class, read_only=True)
        check_topic(f"{key}: state_topic", self.state_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.EVENT_CLASSES)
        check_choices(f"{key}: event_types", self.event_types)
        if self.device_class == "doorbell" and "ring" not in self.event_types:
            refuse(key, "event_types of a doorbell must offer 'ring'")


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that is switched on and off."""

    platform: ClassVar[str] = "switch"

    entity: Entity
    command_topic: str
    state_topic: str | None = None
    value_template: str | None = None
    command_template: str | None = None
    device_class: str | None = None
    payload_on: str = "ON"
    payload_off: str = "OFF"
    state_on: str | None = None
    state_off: str | None = None
    optimistic: bool = False
    retain: bool = False

    def __post_init__(self) -> None:
        """Refuse a switch that cannot tell on from off."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class)
        _check_command(key, self.command_topic, self.state_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.SWITCH_CLASSES)
        check_on_off(key, self.payload_on, self.payload_off)
        check_on_off(key, self.state_on or self.payload_on, self.state_off or self.payload_off)


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is set."""

    platform: ClassVar[str] = "number"

    entity: Entity
    command_topic: str
    state_topic: str | None = None
    value_template: str | None = None
    command_template: str | None = None
    device_class: str | None = None
    unit_of_measurement: str | None = None
    min: float = field(default=0, metadata={ALWAYS_SENT: True})
    max: float = field(default=100, metadata={ALWAYS_SENT: True})
    step: float = field(default=1, metadata={ALWAYS_SENT: True})
    mode: NumberMode = "auto"
    optimistic: bool = False
    retain: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty range, a step that is too small, and a unit that the class does not take."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class)
        _check_command(key, self.command_topic, self.state_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.NUMBER_CLASSES)
        classes.check_unit(key, self.device_class, self.unit_of_measurement)
        check_one_of(f"{key}: mode", self.mode, get_args(NumberMode))
        if not self.min < self.max:
            refuse(key, f"min {self.min} must be below max {self.max}")
        if not self.step >= SMALLEST_STEP:
            refuse(key, f"step {self.step} must be at least {SMALLEST_STEP}")


@dataclass(frozen=True, slots=True)
class Select:
    """One of several words that is chosen."""

    platform: ClassVar[str] = "select"

    entity: Entity
    command_topic: str
    options: tuple[str, ...]
    state_topic: str | None = None
    value_template: str | None = None
    command_template: str | None = None
    optimistic: bool = False
    retain: bool = False

    def __post_init__(self) -> None:
        """Refuse a select with nothing to choose."""
        key = self.entity.key
        self.entity.check(device_class=None)
        _check_command(key, self.command_topic, self.state_topic)
        check_choices(f"{key}: options", self.options)


@dataclass(frozen=True, slots=True)
class Button:
    """Something that is done once; so its command is never retained."""

    platform: ClassVar[str] = "button"

    entity: Entity
    command_topic: str
    command_template: str | None = None
    device_class: str | None = None
    payload_press: str = "PRESS"

    def __post_init__(self) -> None:
        """Refuse a button that goes nowhere."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class)
        check_topic(f"{key}: command_topic", self.command_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.BUTTON_CLASSES)


@dataclass(frozen=True, slots=True)
class Update:
    """The installed and the latest version; without a `command_topic` it only informs."""

    platform: ClassVar[str] = "update"

    entity: Entity
    state_topic: str
    value_template: str | None = None
    latest_version_topic: str | None = None
    latest_version_template: str | None = None
    command_topic: str | None = None
    payload_install: str | None = None
    device_class: str | None = None
    title: str | None = None
    release_url: str | None = None
    release_summary: str | None = None
    retain: bool = False

    def __post_init__(self) -> None:
        """Refuse an update that could be installed but for half of what that takes."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class)
        check_topic(f"{key}: state_topic", self.state_topic)
        check_optional_topic(f"{key}: latest_version_topic", self.latest_version_topic)
        check_optional_topic(f"{key}: command_topic", self.command_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.UPDATE_CLASSES)
        if (self.command_topic is None) != (self.payload_install is None):
            refuse(key, "command_topic and payload_install go together")


@dataclass(frozen=True, slots=True)
class DeviceTrigger:
    """A trigger for automations, of a `type` ('ring') and a `subtype` ('doorbell'); its topic is never retained."""

    platform: ClassVar[str] = "device_automation"

    key: str
    type: str
    subtype: str
    topic: str
    payload: str | None = None
    value_template: str | None = None
    qos: int = 0

    def __post_init__(self) -> None:
        """Refuse a trigger that no automation could name."""
        check_identifier("component key", self.key)
        check_text(f"{self.key}: type", self.type)
        check_text(f"{self.key}: subtype", self.subtype)
        check_topic(f"{self.key}: topic", self.topic)
        check_qos(self.key, self.qos)


EntityComponent = Sensor | BinarySensor | Event | Image | Camera | Switch | Number | Select | Button | Update


@dataclass(frozen=True, slots=True)
class Removal:
    """A component that is gone. Leaving it out is not enough: it is sent once like this and then left out."""

    key: str
    platform: str

    def __post_init__(self) -> None:
        """Refuse what could not have been announced."""
        check_identifier("component key", self.key)
        check_one_of(f"{self.key}: platform", self.platform, classes.PLATFORMS)


Component = EntityComponent | DeviceTrigger | Removal


def key_of(component: Component) -> str:
    """Return the name of a component within its device."""
    return component.entity.key if isinstance(component, EntityComponent) else component.key


def _check_command(key: str, command_topic: str, state_topic: str | None) -> None:
    check_topic(f"{key}: command_topic", command_topic)
    check_optional_topic(f"{key}: state_topic", state_topic)
