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
from edge_agent.home_assistant.naming import ORIGIN, agent_discovery_id, doorbell_discovery_id, doorbell_of
from edge_agent.ingest.names import doorbell_id
from edge_agent.topics import is_identifier
from ha_discovery import Discovery, announce, orphans, read_retained, removing, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ha_discovery import DiscoveryMessage, RetainedDevice

EARLIEST_S: Final = 1.0
LATEST_S: Final = 5.0
"""Delay after Home Assistant's birth message: many devices respond to it at once."""
UNTIL_SUBSCRIBED_S: Final = 1.0
"""Home Assistant takes up to half a second to subscribe to announced topics."""


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
        strategies: Sequence[str],
        telemetry_period_s: float,
        prefix: str,
        enabled: bool,
        delay_s: Callable[[], float] = answer_delay_s,
    ) -> None:
        self._agent_id = agent_id
        self._version = version
        self._strategies = tuple(strategies)
        self._telemetry_period_s = telemetry_period_s
        self._prefix = prefix
        self._enabled = enabled
        self._delay_s = delay_s
        self._names: dict[str, str] = {}
        self._configs_due_s: float | None = None
        self._states_due_s: float | None = None

    def configs(self, doorbells: Iterable[str]) -> list[Publication]:
        """Return the discovery messages of the agent and its doorbells."""
        if not self._enabled:
            return []
        return [self._announce(self._agent()), *(self._announce(self._doorbell(name)) for name in doorbells)]

    def doorbell(self, name: str) -> list[Publication]:
        """Return the discovery message of a new doorbell."""
        return [self._announce(self._doorbell(name))] if self._enabled else []

    def set_name(self, doorbell: str, display_name: str) -> bool:
        """Set the display name of a doorbell, unless it is ''; return whether that changed it."""
        is_new = bool(display_name) and self._names.get(doorbell) != display_name
        if is_new:
            self._names[doorbell] = display_name
        return is_new

    def removal(self, name: str) -> Publication:
        """Return the message that removes a doorbell."""
        self._names.pop(name, None)
        return _publication(withdraw(doorbell_discovery_id(name), prefix=self._prefix))

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

    def on_discovery_message(self, topic: str, payload: bytes) -> tuple[str, list[Publication]]:
        """Handle a retained configuration.

        Return its doorbell, if it is one of ours, and the messages to publish: removed entities must be cleared.
        """
        device = read_retained(topic, payload, prefix=self._prefix)
        if device is None or not self._is_ours(device):
            return "", []
        name = doorbell_of(device.discovery_id)
        if name not in self._names and doorbell_id(device.name) == name != device.name:
            self._names[name] = device.name  # of an earlier run: the id was made of it
        if not self._enabled or not (is_identifier(name) or device.discovery_id == agent_discovery_id(self._agent_id)):
            return "", [_publication(withdraw(device.discovery_id, prefix=self._prefix))]
        current = self._doorbell(name) if name else self._agent()
        before = removing(current, device)
        changes = [] if before is current else [self._announce(before)]
        return name, [*changes, self._announce(current)]

    def _is_ours(self, device: RetainedDevice) -> bool:
        return bool(orphans([device], origin=ORIGIN, owner=agent_discovery_id(self._agent_id), current=()))

    def _agent(self) -> Discovery:
        return agent_device(
            self._agent_id,
            version=self._version,
            strategies=self._strategies,
            telemetry_period_s=self._telemetry_period_s,
        )

    def _doorbell(self, name: str) -> Discovery:
        return doorbell_device(name, agent_id=self._agent_id, version=self._version, name=self._names.get(name, ""))

    def _announce(self, discovery: Discovery) -> Publication:
        return _publication(announce(discovery, prefix=self._prefix))


def _publication(message: DiscoveryMessage) -> Publication:
    return Publication(message.topic, message.payload, qos=message.qos, retain=message.retain)
