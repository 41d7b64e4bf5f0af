"""The topics that Home Assistant reads discovery messages from: the builder beside the parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ha_discovery.checks import check_identifier, check_topic

DEFAULT_PREFIX: Final = "homeassistant"
DEVICE: Final = "device"

_AFTER_PREFIX: Final = re.compile(r"/([a-z_]+)/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config")


@dataclass(frozen=True, slots=True)
class DiscoveryTopic:
    """What a discovery topic says. `component` is 'device', or the platform of a single component."""

    component: str
    object_id: str
    node_id: str = ""


def device_topic(discovery_id: str, prefix: str = DEFAULT_PREFIX) -> str:
    """Return where a device is announced."""
    check_identifier("discovery_id", discovery_id)
    check_topic("discovery prefix", prefix)
    return f"{prefix}/{DEVICE}/{discovery_id}/config"


def device_filter(prefix: str = DEFAULT_PREFIX) -> str:
    """Return the topic filter of all devices that are announced."""
    check_topic("discovery prefix", prefix)
    return f"{prefix}/{DEVICE}/+/config"


def parse_topic(topic: str, prefix: str = DEFAULT_PREFIX) -> DiscoveryTopic | None:
    """Return what a discovery topic says, or None when it is none."""
    match = _AFTER_PREFIX.fullmatch(topic.removeprefix(prefix)) if topic.startswith(prefix) else None
    return DiscoveryTopic(match[1], match[3], match[2] or "") if match else None
