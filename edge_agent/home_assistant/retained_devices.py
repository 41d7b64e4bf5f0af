"""What an incoming discovery message means: our earlier run, a deletion in Home Assistant, or another agent. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.home_assistant.naming import ORIGIN, agent_discovery_id, agent_of, doorbell_of
from edge_agent.topics import is_identifier
from ha_discovery import RetainedDevice, orphans, parse_topic, read_retained

if TYPE_CHECKING:
    from ha_discovery import DiscoveryMessage


@dataclass(frozen=True, slots=True)
class Restored:
    """A device that this agent announced in an earlier run; `doorbell` is '' for the agent itself."""

    device: RetainedDevice
    doorbell: str


@dataclass(frozen=True, slots=True)
class Outdated:
    """A device that this agent announced in an earlier version."""

    device: RetainedDevice


@dataclass(frozen=True, slots=True)
class Deleted:
    """A user deleted a device in Home Assistant, which clears its message; `doorbell` is '' for the agent itself."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Another agent announced a doorbell just now."""

    doorbell: str
    agent: str


class RetainedDevices:
    """Tells what discovery messages mean to an agent, which also receives its own."""

    def __init__(self, agent_id: str, prefix: str) -> None:
        self._owner = agent_discovery_id(agent_id)
        self._prefix = prefix
        self._own_removals: Counter[str] = Counter()

    def on_connected(self) -> None:
        """Expect no message of an earlier connection."""
        self._own_removals.clear()

    def on_removal(self, message: DiscoveryMessage) -> None:
        """Expect a message of this agent that removes a device."""
        self._own_removals[message.topic] += 1

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Restored | Outdated | Deleted | Claimed | None:
        """Return the meaning of a message, or None if it has none to this agent."""
        if not payload:
            return None if retained else self._read_empty(topic)
        device = read_retained(topic, payload, prefix=self._prefix)
        if device is None or device.origin != ORIGIN:
            return None
        name = doorbell_of(device.discovery_id)
        if not orphans([device], origin=ORIGIN, owner=self._owner, current=()):
            agent = agent_of(device.via_device)
            return Claimed(name, agent) if agent and is_identifier(name) and not retained else None
        if not retained:
            return None
        if is_identifier(name) or device.discovery_id == self._owner:
            return Restored(device, name)
        return Outdated(device)

    def _read_empty(self, topic: str) -> Deleted | None:
        if self._own_removals[topic] > 0:
            self._own_removals[topic] -= 1
            return None
        parsed = parse_topic(topic, self._prefix)
        if parsed is None:
            return None
        name = doorbell_of(parsed.object_id)
        return Deleted(name) if is_identifier(name) or parsed.object_id == self._owner else None
