"""When discovery messages are sent: at each connection, at Home Assistant's start, for new and removed doorbells. Pure.

Retained configurations are enough for most restarts. After Home Assistant's own birth message they are sent again,
since the broker may have lost them; the states follow a second later, when Home Assistant has subscribed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from edge_agent.domain import Publication
from edge_agent.home_assistant.agent_device import agent_device
from edge_agent.home_assistant.doorbell_device import doorbell_device
from edge_agent.home_assistant.entity_events import UNTIL_SUBSCRIBED_S
from edge_agent.home_assistant.naming import doorbell_discovery_id
from edge_agent.home_assistant.retained_devices import Claimed, Deleted, Outdated, Restored, RetainedDevices
from ha_discovery import Discovery, announce, removing, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.home_assistant.display_names import DisplayNames
    from edge_agent.home_assistant.host_facts import HostFacts
    from ha_discovery import DiscoveryMessage

EARLIEST_S: Final = 1.0
LATEST_S: Final = 5.0
"""Delay after Home Assistant's birth message: many devices respond to it at once."""


def answer_delay_s() -> float:
    """Return the delay after Home Assistant's birth message."""
    return random.uniform(EARLIEST_S, LATEST_S)  # noqa: S311 - spreads load, not for a secret


class HomeAssistant:
    """The discovery messages of one agent and its doorbells. If it is not `enabled`, they remove earlier ones."""

    def __init__(  # noqa: PLR0913 - the properties of an agent
        self,
        agent_id: str,
        *,
        version: str,
        host: HostFacts,
        telemetry_period_s: float,
        prefix: str,
        enabled: bool,
        names: DisplayNames,
        delay_s: Callable[[], float] = answer_delay_s,
    ) -> None:
        self._agent_id = agent_id
        self._version = version
        self._host = host
        self._telemetry_period_s = telemetry_period_s
        self._prefix = prefix
        self._enabled = enabled
        self._names = names
        self._retained = RetainedDevices(agent_id, prefix)
        self._is_agent_deleted = False
        self._delay_s = delay_s
        self._configs_due_s: float | None = None
        self._states_due_s: float | None = None

    def configs(self, doorbells: Iterable[str]) -> list[Publication]:
        """Return the discovery messages of the agent and its doorbells."""
        if not self._enabled:
            return []
        self._is_agent_deleted = False
        return [self._announce(self._agent()), *(self._announce(self._doorbell(name)) for name in doorbells)]

    def on_host(self, host: HostFacts) -> list[Publication]:
        """Return the agent's discovery message, if its host has changed."""
        if host == self._host:
            return []
        self._host = host
        return [self._announce(self._agent())] if self._enabled else []

    def doorbell(self, name: str, known: Iterable[str] = ()) -> list[Publication]:
        """Return the discovery message of a new doorbell, and of those `known` that it gives a new name."""
        renamed = self._names.add(name, known)
        return [self._announce(self._doorbell(each)) for each in (*renamed, name)] if self._enabled else []

    def agent_again(self) -> list[Publication]:
        """Return the agent's discovery message, once, if it was deleted in Home Assistant."""
        if not self._is_agent_deleted:
            return []
        self._is_agent_deleted = False
        return [self._announce(self._agent())]

    def removal(self, name: str) -> Publication:
        """Return the message that removes a doorbell."""
        self._names.remove(name)
        return self._withdraw(doorbell_discovery_id(name))

    def on_connected(self) -> None:
        """Record that the broker is connected."""
        self._retained.on_connected()

    def on_birth(self, now: float) -> None:
        """Record that Home Assistant has started."""
        if self._enabled:
            self._configs_due_s = now + self._delay_s()

    def next_due_s(self) -> float | None:
        """Return when messages are due, or None."""
        return self._configs_due_s if self._configs_due_s is not None else self._states_due_s

    def is_configs_due(self, now: float) -> bool:
        """Return, once, whether the configurations are due."""
        if self._configs_due_s is None or now < self._configs_due_s:
            return False
        self._configs_due_s = None
        self._states_due_s = now + UNTIL_SUBSCRIBED_S
        return True

    def is_states_due(self, now: float) -> bool:
        """Return, once, whether the states and the last pictures are due."""
        if self._configs_due_s is not None or self._states_due_s is None or now < self._states_due_s:
            return False
        self._states_due_s = None
        return True

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Restored | Outdated | Deleted | Claimed | None:
        """Return the meaning of a discovery message that arrived, or None if it has none to this agent."""
        found = self._retained.read(topic, payload, retained=retained)
        if not self._enabled and not isinstance(found, Restored | Outdated):
            return None
        if isinstance(found, Deleted):
            self._is_agent_deleted |= not found.doorbell
            self._names.remove(found.doorbell)
        return found

    def replacement(self, found: Restored | Outdated, known: Iterable[str] = ()) -> list[Publication]:
        """Return the messages to publish for a device of an earlier run: removed entities must be cleared.

        The doorbells `known` that get a new name by it are announced again.
        """
        device = found.device
        if not self._enabled or isinstance(found, Outdated):
            return [self._withdraw(device.discovery_id)]
        renamed: list[str] = []
        if found.doorbell:
            self._names.restore(found.doorbell, device.name)
            renamed = self._names.add(found.doorbell, known)
        current = self._doorbell(found.doorbell) if found.doorbell else self._agent()
        before = removing(current, device)
        changes = [] if before is current else [self._announce(before)]
        return [*changes, self._announce(current), *(self._announce(self._doorbell(each)) for each in renamed)]

    def _withdraw(self, discovery_id: str) -> Publication:
        message = withdraw(discovery_id, prefix=self._prefix)
        self._retained.on_removal(message)
        return _publication(message)

    def _agent(self) -> Discovery:
        return agent_device(
            self._agent_id,
            version=self._version,
            host=self._host,
            telemetry_period_s=self._telemetry_period_s,
        )

    def _doorbell(self, name: str) -> Discovery:
        return doorbell_device(name, agent_id=self._agent_id, version=self._version, name=self._names.name(name))

    def _announce(self, discovery: Discovery) -> Publication:
        return _publication(announce(discovery, prefix=self._prefix))


def _publication(message: DiscoveryMessage) -> Publication:
    return Publication(message.topic, message.payload, qos=message.qos, retain=message.retain)
