"""A device with its components, as it is announced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ha_discovery.checks import check_identifier, check_unique, refuse
from ha_discovery.components import Component, DeviceTrigger, EntityComponent, key_of
from ha_discovery.entity import Named

if TYPE_CHECKING:
    from ha_discovery.device import Availability, Device, Origin


@dataclass(frozen=True, slots=True)
class Discovery:
    """A device with its components.

    `discovery_id` names it in the discovery topic and never changes. `availability` counts for every component that
    has none of its own.
    """

    discovery_id: str
    origin: Origin
    device: Device
    components: tuple[Component, ...]
    availability: Availability | None = None

    def __post_init__(self) -> None:
        """Refuse components that Home Assistant would confuse with each other."""
        check_identifier("discovery_id", self.discovery_id)
        if not self.components:
            refuse(self.discovery_id, "a device needs at least one component")
        check_unique(f"{self.discovery_id}: component key", map(key_of, self.components))
        self._check_entities()
        triggers = [(each.type, each.subtype) for each in self.components if isinstance(each, DeviceTrigger)]
        check_unique(f"{self.discovery_id}: device trigger", triggers)

    def unique_id(self, component: EntityComponent) -> str:
        """Return the entity's own unique id, else the one made of the discovery's id and the key."""
        return component.entity.unique_id or f"{self.discovery_id}-{component.entity.key}"

    def _check_entities(self) -> None:
        entities = [each for each in self.components if isinstance(each, EntityComponent)]
        unique_ids = [(each.platform, self.unique_id(each)) for each in entities]
        check_unique(f"{self.discovery_id}: unique_id", unique_ids)
        main = [each.entity.key for each in entities if each.entity.name is Named.AFTER_DEVICE]
        if len(main) > 1:
            refuse(self.discovery_id, f"only one of {', '.join(main)} can be named after the device alone")
