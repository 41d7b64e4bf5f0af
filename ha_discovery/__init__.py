"""Home Assistant's MQTT device discovery: plain values in, checked messages out.

It needs nothing but the standard library, and publishes nothing. What Home Assistant would refuse, log about or show
wrongly is refused when it is built, with a DiscoveryError that says where and why.
"""

from ha_discovery.components import (
    Button,
    Component,
    DeviceTrigger,
    EntityComponent,
    Event,
    Number,
    Removal,
    Select,
    Switch,
    Update,
)
from ha_discovery.device import (
    ALWAYS_AVAILABLE,
    Availability,
    AvailabilityTopic,
    Device,
    Origin,
    available_when,
)
from ha_discovery.discovery import Discovery
from ha_discovery.entity import Entity, Named
from ha_discovery.errors import DiscoveryError
from ha_discovery.messages import DiscoveryMessage, announce, migrate, withdraw
from ha_discovery.pictures import Camera, Image
from ha_discovery.retained import RetainedDevice, orphans, read_retained, removing
from ha_discovery.sensors import BinarySensor, Sensor
from ha_discovery.topics import DiscoveryTopic, device_filter, device_topic, parse_topic

__all__ = [
    "ALWAYS_AVAILABLE",
    "Availability",
    "AvailabilityTopic",
    "BinarySensor",
    "Button",
    "Camera",
    "Component",
    "Device",
    "DeviceTrigger",
    "Discovery",
    "DiscoveryError",
    "DiscoveryMessage",
    "DiscoveryTopic",
    "Entity",
    "EntityComponent",
    "Event",
    "Image",
    "Named",
    "Number",
    "Origin",
    "Removal",
    "RetainedDevice",
    "Select",
    "Sensor",
    "Switch",
    "Update",
    "announce",
    "available_when",
    "device_filter",
    "device_topic",
    "migrate",
    "orphans",
    "parse_topic",
    "read_retained",
    "removing",
    "withdraw",
]
