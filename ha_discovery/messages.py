"""The messages: what is published, where and how. Publishing them is left to the caller's MQTT client."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from ha_discovery.checks import refuse
from ha_discovery.components import ALWAYS_SENT, Component, DeviceTrigger, EntityComponent, key_of
from ha_discovery.entity import Named
from ha_discovery.topics import DEFAULT_PREFIX, DEVICE, device_topic, parse_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ha_discovery.device import Availability
    from ha_discovery.discovery import Discovery

MAX_PAYLOAD_BYTES: Final = 1_900_000
"""mosquitto 2.1 disconnects a client that sends a packet above 2,000,000 bytes."""

Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DiscoveryMessage:
    """A message to publish."""

    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1


def announce(
    discovery: Discovery, *, prefix: str = DEFAULT_PREFIX, max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> DiscoveryMessage:
    """Return the message that announces a device, or announces it anew."""
    payload = _to_json(_payload(discovery))
    if len(payload) > max_payload_bytes:
        refuse(discovery.discovery_id, f"the message has {len(payload)} bytes, at most {max_payload_bytes} are sent")
    return DiscoveryMessage(device_topic(discovery.discovery_id, prefix), payload)


def withdraw(discovery_id: str, *, prefix: str = DEFAULT_PREFIX) -> DiscoveryMessage:
    """Return the message that removes a device with all its components."""
    return DiscoveryMessage(device_topic(discovery_id, prefix), b"")


def migrate(
    discovery: Discovery, old_topics: Iterable[str], *, prefix: str = DEFAULT_PREFIX
) -> tuple[DiscoveryMessage, ...]:
    """Return the messages, in order, that move single components with the same unique ids into a device.

    Entities keep their history and what the user made of them. The old topics are released, then the device is
    announced, then the old topics are cleared.
    """
    topics = tuple(old_topics)
    for topic in topics:
        parsed = parse_topic(topic, prefix)
        if parsed is None or parsed.component == DEVICE:
            refuse(topic, "is no discovery topic of a single component")
    released = [DiscoveryMessage(topic, _to_json({"migrate_discovery": True})) for topic in topics]
    cleared = [DiscoveryMessage(topic, b"") for topic in topics]
    return (*released, announce(discovery, prefix=prefix), *cleared)


def _to_json(options: Options) -> bytes:
    return json.dumps(options, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _payload(discovery: Discovery) -> Options:
    return {
        "origin": _options(discovery.origin),
        "device": _options(discovery.device),
        "components": {key_of(component): _component(discovery, component) for component in discovery.components},
        **_availability(discovery.availability),
    }


def _component(discovery: Discovery, component: Component) -> Options:
    platform: Options = {"platform": component.platform}
    if isinstance(component, EntityComponent):
        entity = component.entity
        own = _options(component, "entity") | _options(entity, "key", "name", "availability")
        named = {} if entity.name is Named.AFTER_CLASS else {"name": _name(entity.name)}
        unique_id = {"unique_id": discovery.unique_id(component)}
        return platform | own | named | unique_id | _availability(entity.availability)
    if isinstance(component, DeviceTrigger):
        return platform | {"automation_type": "trigger"} | _options(component, "key")
    return platform


def _name(name: str | Named) -> str | None:
    return name if isinstance(name, str) else None


def _availability(availability: Availability | None) -> Options:
    if availability is None:
        return {}
    topics = [_options(topic) for topic in availability.topics]
    return {"availability": topics, "availability_mode": availability.mode}


def _options(value: Any, *left_out: str) -> Options:  # noqa: ANN401 - any of this package's dataclasses
    """Return the fields of a value that are not at their default, and those that are always sent."""
    sent = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in left_out}
    dropped = {each.name for each in fields(value) if _is_default(each, sent.get(each.name))}
    return {name: option for name, option in sent.items() if name not in dropped}


def _is_default(field: Field[Any], option: object) -> bool:
    return field.default is not MISSING and option == field.default and not field.metadata.get(ALWAYS_SENT)
