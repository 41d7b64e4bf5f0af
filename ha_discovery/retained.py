"""What is announced on a broker already, read back to find what nobody announces any longer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ha_discovery.checks import IDENTIFIER
from ha_discovery.classes import PLATFORMS
from ha_discovery.components import Removal, key_of
from ha_discovery.topics import DEFAULT_PREFIX, DEVICE, parse_topic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ha_discovery.discovery import Discovery


@dataclass(frozen=True, slots=True)
class RetainedDevice:
    """A device that is announced. `components` holds the (key, platform) of each; '' stands for what is missing."""

    discovery_id: str
    origin: str
    identifiers: tuple[str, ...]
    via_device: str
    components: tuple[tuple[str, str], ...]
    name: str = ""


def read_retained(topic: str, payload: bytes, *, prefix: str = DEFAULT_PREFIX) -> RetainedDevice | None:
    """Return the device that a message announces, whoever sent it; None when it announces none."""
    parsed = parse_topic(topic, prefix)
    if parsed is None or parsed.component != DEVICE or parsed.node_id:
        return None
    try:
        config = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return _read(parsed.object_id, config) if isinstance(config, dict) else None


def orphans(
    found: Iterable[RetainedDevice], *, origin: str, owner: str, current: Collection[str]
) -> tuple[RetainedDevice, ...]:
    """Return our own devices that are not among the `current` discovery ids.

    Ours are those of `origin` that have the identifier `owner` or are reached via it: another installation of the
    same program on the same broker is left alone.
    """
    return tuple(
        device
        for device in found
        if device.origin == origin
        and (owner in device.identifiers or owner == device.via_device)
        and device.discovery_id not in current
    )


def removing(discovery: Discovery, found: RetainedDevice) -> Discovery:
    """Return what to announce before `discovery`: it removes the components of `found` that are no more.

    A component whose platform changed is one of them. Without any, `discovery` itself is returned.
    """
    platforms = {key_of(component): component.platform for component in discovery.components}
    gone = tuple(
        Removal(key, platform)
        for key, platform in found.components
        if platforms.get(key) != platform and platform in PLATFORMS and IDENTIFIER.fullmatch(key)
    )
    keys = {removal.key for removal in gone}
    kept = tuple(component for component in discovery.components if key_of(component) not in keys)
    return replace(discovery, components=kept + gone) if gone else discovery


def _read(discovery_id: str, config: dict[str, Any]) -> RetainedDevice:
    device = _section(config, "device", "dev")
    identifiers = device.get("identifiers", device.get("ids", ()))
    components = _section(config, "components", "cmps")
    return RetainedDevice(
        discovery_id=discovery_id,
        origin=_text(_section(config, "origin", "o").get("name")),
        identifiers=(identifiers,) if isinstance(identifiers, str) else _texts(identifiers),
        via_device=_text(device.get("via_device")),
        components=tuple((key, _platform(component)) for key, component in components.items()),
        name=_text(device.get("name")),
    )


def _section(config: dict[str, Any], name: str, short: str) -> dict[str, Any]:
    section = config.get(name, config.get(short))
    return section if isinstance(section, dict) else {}


def _platform(component: object) -> str:
    if not isinstance(component, dict):
        return ""
    return _text(component.get("platform", component.get("p")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
