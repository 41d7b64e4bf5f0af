"""What all entities have, whatever their platform."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, get_args

from ha_discovery.checks import (
    check_icon,
    check_identifier,
    check_one_of,
    check_optional_topic,
    check_qos,
    check_text,
    refuse,
)

if TYPE_CHECKING:
    from ha_discovery.device import Availability

EntityCategory = Literal["config", "diagnostic"]


class Named(Enum):
    """A name that is not written down. Home Assistant puts the device's name in front of every other name."""

    AFTER_DEVICE = "the device's name alone: its main feature"
    AFTER_CLASS = "the name of the device class, in the user's language"


@dataclass(frozen=True, slots=True)
class Entity:
    """What all entities have.

    `key` names the component within its device and never changes; so does `unique_id`, by default made of the
    discovery's id and the key. `availability` replaces the device's.
    """

    key: str
    name: str | Named
    unique_id: str | None = None
    icon: str | None = None
    entity_category: EntityCategory | None = None
    enabled_by_default: bool = True
    availability: Availability | None = None
    json_attributes_topic: str | None = None
    json_attributes_template: str | None = None
    qos: int = 0

    def __post_init__(self) -> None:
        """Refuse what no platform takes."""
        check_identifier("component key", self.key)
        if self.unique_id is not None:
            check_identifier(f"{self.key}: unique_id", self.unique_id)
        if isinstance(self.name, str):
            check_text(f"{self.key}: name", self.name)
        check_icon(f"{self.key}: icon", self.icon)
        check_one_of(f"{self.key}: entity_category", self.entity_category, get_args(EntityCategory))
        check_optional_topic(f"{self.key}: json_attributes_topic", self.json_attributes_topic)
        if self.json_attributes_template is not None and self.json_attributes_topic is None:
            refuse(self.key, "json_attributes_template needs json_attributes_topic")
        check_qos(self.key, self.qos)

    def check(self, *, device_class: str | None, read_only: bool = False) -> None:
        """Refuse what the entity's platform does not take."""
        if self.name is Named.AFTER_CLASS and device_class is None:
            refuse(self.key, "a name after the class needs a device class")
        if read_only and self.entity_category == "config":
            refuse(self.key, "entity_category 'config' is for what a user can change; use 'diagnostic'")
