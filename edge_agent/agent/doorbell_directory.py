"""The known doorbells, and their announcements to Home Assistant."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_agent import __version__, topics
from edge_agent.domain import DropReason
from edge_agent.doorbells import events
from edge_agent.home_assistant import (
    Claimed,
    Claims,
    Deleted,
    DisplayNames,
    EntityEvents,
    HomeAssistant,
    HostFacts,
    Outdated,
    Restored,
    SelectableStrategies,
    fault_of,
    page_url,
)
from edge_agent.ingest.names import doorbell_id
from edge_agent.ingest.partition import Partition
from edge_agent.telemetry.registry import HEALTH_INTERVAL_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.agent.options_control import OptionsControl
    from edge_agent.capture.views import CameraView
    from edge_agent.domain import Publication
    from edge_agent.doorbells.registry import Doorbells
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.platform.host_metrics import Host
    from edge_agent.pool.views import PoolView
    from edge_agent.settings.model import HttpSettings, Settings
    from edge_agent.telemetry.registry import Telemetry

log = logging.getLogger(__name__)

DELETION_S: Final = 2.0
"""Home Assistant deletes a device with one empty message for each of its components."""


class DoorbellDirectory:
    """Announces doorbells, restores those of an earlier run, and removes them."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        settings: Settings,
        doorbells: Doorbells,
        options: OptionsControl,
        out: Publisher,
        telemetry: Telemetry,
        host: Host,
    ) -> None:
        self._agent_id: Final = settings.agent_id
        self._partition: Final = Partition(settings.doorbells.include)
        self._doorbells = doorbells
        self._options = options
        self._out = out
        self._telemetry = telemetry
        self._strategies: Final = SelectableStrategies(options.strategies)
        self._host = HostFacts(
            strategies=self._strategies.without_pool(options.strategy),
            has_temperature=host.has_temperature(),
            configuration_url=_page_url(settings.http),
            serial_number=host.serial_number(),
        )
        self._home_assistant = HomeAssistant(
            settings.agent_id,
            version=__version__,
            host=self._host,
            telemetry_period_s=HEALTH_INTERVAL_S,
            prefix=settings.home_assistant.prefix,
            enabled=settings.home_assistant.discovery,
            names=DisplayNames({doorbell_id(own): name for own, name in settings.display_names().items()}),
        )
        self._entity_events = EntityEvents(enabled=settings.home_assistant.discovery)
        self._deleted_until_s: dict[str, float] = {}
        """Until when more messages of a deletion may come, by doorbell."""
        self._claims = Claims()
        self._conflicts: dict[str, str] = {}
        """The other agent of each doorbell that two agents handle."""

    @property
    def fault(self) -> str:
        """Return which doorbells another agent handles too, as a sentence, or ''."""
        return fault_of(self._conflicts)

    def on_activity(self, doorbell: str, now: float, display_name: str = "", *, is_frame: bool = True) -> None:
        """Record that a doorbell sent something; announce a new one, and one whose display name is new."""
        self._out.publish_all(self._home_assistant.agent_again())
        is_renamed = self._home_assistant.set_name(doorbell, display_name)
        if not self._doorbells.is_known(doorbell):
            self._announce(doorbell, now)
            self._options.publish_doorbell(doorbell)
        elif is_renamed:
            self._out.publish_all(self._home_assistant.doorbell(doorbell, self._doorbells.names()))
        self._out.publish_all(self._doorbells.on_activity(doorbell, now, is_frame=is_frame))
        if self._claims.is_claimed(doorbell) and doorbell not in self._conflicts:
            self._update_conflicts()

    def on_availability(self, doorbell: str, *, online: bool) -> None:
        """Record the availability that a doorbell's publisher reports."""
        self._out.publish_all(self._doorbells.on_availability(doorbell, online=online))

    def publish(self, publications: Iterable[Publication], now: float) -> None:
        """Publish events and pictures at once, and for Home Assistant's entities when it has subscribed."""
        for publication in publications:
            self._out.publish(publication, now)
            self._out.publish_all(self._entity_events.on_published(publication, now))

    def on_without_subscriber(self, publication: Publication, now: float) -> None:
        """Record that a publication reached nobody."""
        self._entity_events.on_without_subscriber(publication, now)

    def on_connected(self, now: float) -> None:
        """Publish every retained message again: the broker may have lost them."""
        self._home_assistant.on_connected()
        self._out.publish(events.availability(topics.agent_availability(self._agent_id), online=True), now)
        self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        self._publish_states(now)

    def on_pool_view(self, view: PoolView) -> None:
        """Announce the agent again if other strategies can be selected."""
        strategies = self._strategies.on_pool_view(view, self._options.strategy)
        self._out.publish_all(self._home_assistant.on_host(replace(self._host, strategies=strategies)))

    def on_home_assistant_birth(self, now: float) -> None:
        """Schedule all announcements again, after a short delay, and what reached nobody yet."""
        self._home_assistant.on_birth(now)
        self._entity_events.on_birth(now)

    def on_discovery_message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Handle a discovery message: our own of an earlier run, one that was deleted, or another agent's."""
        match self._home_assistant.read(topic, payload, retained=retained):
            case Restored() | Outdated() as found:
                self._restore(found)
            case Deleted(doorbell):
                self._on_deleted(doorbell, time.monotonic())
            case Claimed(doorbell, agent):
                self._claims.on_claim(doorbell, agent)
                self._update_conflicts()
            case None:
                pass

    def on_agent(self, agent: str, *, online: bool) -> None:
        """Record that an agent came or went: its doorbells are no longer handled twice when it is gone."""
        if not online and agent != self._agent_id:
            self._claims.on_offline(agent)
            self._update_conflicts()

    def on_cameras(self, views: Iterable[CameraView]) -> None:
        """Publish that a doorbell is offline whose camera is away; announce it, if it never sent anything."""
        for name in (view.doorbell for view in views if view.is_gone):
            if not self._partition.includes(name) or not self._doorbells.accepts(name):
                continue
            if not self._doorbells.is_known(name):
                self._announce(name, time.monotonic())
                self._out.publish_all(self._doorbells.restore(name))
                self._options.publish_doorbell(name)
            self._out.publish_all(self._doorbells.on_lost(name))

    def remove(self, name: str) -> None:
        """Clear every retained message of a doorbell; its next frame announces it again."""
        if not topics.is_identifier(name):
            self._telemetry.counters.dropped[DropReason.OPTION] += 1
            return
        if not self._doorbells.is_known(name):
            log.warning("doorbell %s is unknown; its retained messages on the broker are cleared", name)
        self._out.publish(self._home_assistant.removal(name), time.monotonic())
        self._clear(name)

    def _restore(self, found: Restored | Outdated) -> None:
        """Restore a doorbell that Home Assistant knows from an earlier run, and clear outdated announcements."""
        name = found.doorbell if isinstance(found, Restored) else ""
        if name and not self._partition.includes(name):
            return  # it belongs to another agent now, which announces it
        self._out.publish_all(self._home_assistant.replacement(found, self._doorbells.names()))
        if not name:
            return
        self._entity_events.on_known(name, time.monotonic())
        if self._doorbells.accepts(name) and not self._doorbells.is_known(name):
            self._out.publish_all(self._doorbells.restore(name))
            self._options.publish_doorbell(name)

    def _on_deleted(self, name: str, now: float) -> None:
        """Remove a doorbell whose device was deleted in Home Assistant; its next frame announces it again.

        If that came between Home Assistant's messages, it is announced once more.
        """
        self._claims.on_withdrawn(name)
        if not self._doorbells.is_known(name):
            return
        if now < self._deleted_until_s.get(name, now):
            self._announce(name, now)
            return
        log.info("the device of doorbell %s was deleted in Home Assistant; its next frame adds it again", name)
        self._deleted_until_s[name] = now + DELETION_S
        self._clear(name)

    def _announce(self, name: str, now: float) -> None:
        self._out.publish_all(self._home_assistant.doorbell(name, self._doorbells.names()))
        self._entity_events.on_announced(name, now)

    def _clear(self, name: str) -> None:
        self._doorbells.remove(name)
        self._options.remove(name)
        self._entity_events.on_removed(name)
        self._out.publish_all(events.clear_retained(name))
        self._update_conflicts()

    def _update_conflicts(self) -> None:
        """Announce doorbells that another agent has announced just now, or does not handle any longer."""
        before, self._conflicts = self._conflicts, self._claims.conflicts(self._doorbells.active())
        for doorbell in before.keys() ^ self._conflicts.keys():
            if self._doorbells.is_known(doorbell):
                self._out.publish_all(self._home_assistant.doorbell(doorbell, self._doorbells.names()))

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to publish, or None."""
        due = (self._home_assistant.next_due_s(), self._entity_events.next_due_s())
        return min((time_s for time_s in due if time_s is not None), default=None)

    def tick(self, now: float) -> None:
        """Publish the announcements, states and events that are due."""
        self._out.publish_all(self._entity_events.due(now))
        if self._home_assistant.is_configs_due(now):
            self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        if self._home_assistant.is_states_due(now):
            self._publish_states(now)
            self._out.publish_all(self._doorbells.last_snapshots())

    def _publish_states(self, now: float) -> None:
        self._out.publish_all(self._doorbells.all_states())
        self._options.publish(self._doorbells.names())
        self._telemetry.mark_health_due(now)


def _page_url(http: HttpSettings) -> str:
    """Return the address of the status page for other hosts, or '' if there is none."""
    if not http.enabled:
        return ""
    return http.url or page_url(http.host, http.port)
