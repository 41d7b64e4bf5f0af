"""The known doorbells, and their announcements to Home Assistant."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from edge_agent import __version__, topics
from edge_agent.doorbells import events
from edge_agent.home_assistant import HomeAssistant
from edge_agent.ingest.partition import Partition
from edge_agent.telemetry.registry import HEALTH_INTERVAL_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.agent.options_control import OptionsControl
    from edge_agent.capture.views import CameraView
    from edge_agent.doorbells.registry import Doorbells
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.settings.model import Settings
    from edge_agent.telemetry.registry import Telemetry

log = logging.getLogger(__name__)


class DoorbellDirectory:
    """Announces doorbells, restores those of an earlier run, and removes them."""

    def __init__(
        self, settings: Settings, doorbells: Doorbells, options: OptionsControl, out: Publisher, telemetry: Telemetry
    ) -> None:
        self._agent_id: Final = settings.agent_id
        self._partition: Final = Partition(settings.doorbells.include)
        self._doorbells = doorbells
        self._options = options
        self._out = out
        self._telemetry = telemetry
        self._home_assistant = HomeAssistant(
            settings.agent_id,
            version=__version__,
            strategies=options.strategies,
            telemetry_period_s=HEALTH_INTERVAL_S,
            prefix=settings.home_assistant.prefix,
            enabled=settings.home_assistant.discovery,
        )

    def on_activity(self, doorbell: str, now: float) -> None:
        """Record that a doorbell sent something; announce a new one."""
        if not self._doorbells.is_known(doorbell):
            self._out.publish_all(self._home_assistant.doorbell(doorbell))
            self._options.publish_doorbell(doorbell)
        self._out.publish_all(self._doorbells.on_activity(doorbell, now))

    def on_connected(self, now: float) -> None:
        """Publish every retained message again: the broker may have lost them."""
        self._out.publish(events.availability(topics.agent_availability(self._agent_id), online=True), now)
        self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        self._publish_states(now)

    def on_home_assistant_birth(self, now: float) -> None:
        """Schedule all announcements again, after a short delay."""
        self._home_assistant.on_birth(now)

    def on_discovery_message(self, topic: str, payload: bytes) -> None:
        """Restore a doorbell that Home Assistant knows from an earlier run, and clear outdated announcements."""
        name, publications = self._home_assistant.on_discovery_message(topic, payload)
        if name and not self._partition.includes(name):
            return  # it belongs to another agent now, which announces it
        self._out.publish_all(publications)
        if name and self._doorbells.accepts(name) and not self._doorbells.is_known(name):
            self._out.publish_all(self._doorbells.restore(name))
            self._options.publish_doorbell(name)

    def on_cameras(self, views: Iterable[CameraView]) -> None:
        """Publish that a doorbell is offline whose camera is away; announce it, if it never sent anything."""
        for name in (view.doorbell for view in views if view.is_gone):
            if not self._partition.includes(name) or not self._doorbells.accepts(name):
                continue
            if not self._doorbells.is_known(name):
                self._out.publish_all(self._home_assistant.doorbell(name))
                self._out.publish_all(self._doorbells.restore(name))
                self._options.publish_doorbell(name)
            self._out.publish_all(self._doorbells.on_lost(name))

    def remove(self, name: str) -> None:
        """Clear every retained message of a doorbell; its next frame announces it again."""
        if not topics.is_identifier(name):
            self._telemetry.counters.dropped["option"] += 1
            return
        if not self._doorbells.is_known(name):
            log.warning("doorbell %s is unknown; its retained messages on the broker are cleared", name)
        self._doorbells.remove(name)
        self._options.remove(name)
        self._out.publish(self._home_assistant.removal(name), time.monotonic())
        self._out.publish_all(events.clear_retained(name))

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to publish, or None."""
        return self._home_assistant.next_due_s()

    def tick(self, now: float) -> None:
        """Publish the announcements and states that are due."""
        if self._home_assistant.is_configs_due(now):
            self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        if self._home_assistant.is_states_due(now):
            self._publish_states(now)
            self._out.publish_all(self._doorbells.last_pictures())

    def _publish_states(self, now: float) -> None:
        self._out.publish_all(self._doorbells.all_states())
        self._options.publish(self._doorbells.names())
        self._telemetry.mark_health_due(now)
