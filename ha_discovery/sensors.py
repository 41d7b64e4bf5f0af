"""The components that report a value: numbers, words, times, and what is on or off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

from ha_discovery import classes
from ha_discovery.checks import check_choices, check_on_off, check_one_of, check_positive, check_topic, refuse

if TYPE_CHECKING:
    from ha_discovery.classes import StateClass
    from ha_discovery.entity import Entity


@dataclass(frozen=True, slots=True)
class Sensor:
    """A number, a time, one of several words or a text."""

    platform: ClassVar[str] = "sensor"

    entity: Entity
    state_topic: str
    value_template: str | None = None
    device_class: str | None = None
    unit_of_measurement: str | None = None
    state_class: StateClass | None = None
    suggested_display_precision: int | None = None
    options: tuple[str, ...] = ()
    expire_after: int | None = None
    force_update: bool = False
    last_reset_value_template: str | None = None

    def __post_init__(self) -> None:
        """Refuse a class, unit, state class and options that do not go together."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class, read_only=True)
        check_topic(f"{key}: state_topic", self.state_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.SENSOR_CLASSES)
        check_one_of(f"{key}: state_class", self.state_class, get_args(classes.StateClass))
        classes.check_unit(key, self.device_class, self.unit_of_measurement)
        classes.check_state_class(key, self.device_class, self.state_class, self.unit_of_measurement)
        check_positive(f"{key}: expire_after", self.expire_after)
        self._check_words()
        if self.last_reset_value_template is not None and self.state_class != "total":
            refuse(key, "last_reset_value_template needs state_class 'total'")

    def _check_words(self) -> None:
        key = self.entity.key
        if self.device_class == "enum":
            check_choices(f"{key}: options of an enum", self.options)
        elif self.options:
            refuse(key, "options need device_class 'enum'")
        if self.suggested_display_precision is not None and self.device_class in classes.WORDS:
            refuse(key, f"suggested_display_precision is for numbers, not for {self.device_class!r}")


@dataclass(frozen=True, slots=True)
class BinarySensor:
    """Something that is on or off."""

    platform: ClassVar[str] = "binary_sensor"

    entity: Entity
    state_topic: str
    value_template: str | None = None
    device_class: str | None = None
    payload_on: str = "ON"
    payload_off: str = "OFF"
    expire_after: int | None = None
    off_delay: int | None = None
    force_update: bool = False

    def __post_init__(self) -> None:
        """Refuse a sensor that cannot tell on from off."""
        key = self.entity.key
        self.entity.check(device_class=self.device_class, read_only=True)
        check_topic(f"{key}: state_topic", self.state_topic)
        check_one_of(f"{key}: device_class", self.device_class, classes.BINARY_SENSOR_CLASSES)
        check_on_off(key, self.payload_on, self.payload_off)
        check_positive(f"{key}: expire_after", self.expire_after)
        check_positive(f"{key}: off_delay", self.off_delay)
