"""Options set over MQTT: validated, stored, applied and published."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

<<<<<<< HEAD
from edge_agent.doorbells.options import Options, options_of
=======
from edge_agent import __version__, topics
from edge_agent.domain import DropReason
from edge_agent.doorbells import events
from edge_agent.doorbells.options import Options, options_of
from edge_agent.home_assistant import HomeAssistant
from edge_agent.ingest.partition import Partition
from edge_agent.ingest.router import Command, DiscoveryMessage, HomeAssistantBirth, Ignored, OptionSet
from edge_agent.telemetry.problems import ProblemCode
from edge_agent.telemetry.registry import HEALTH_INTERVAL_S
>>>>>>> 29adad5 (Decide by reasons that are data, and take their sentences from tables beside them)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.domain import Setting
    from edge_agent.doorbells.options_file import OptionsFile
    from edge_agent.doorbells.policy import DetectionPolicy
    from edge_agent.mqtt.publisher import Publisher
    from edge_agent.pool import Pool
    from edge_agent.settings.model import Settings
    from edge_agent.telemetry.reporter import Reporter

log = logging.getLogger(__name__)

RETRY_SAVE_S: Final = 5.0
"""The shortest wait after a failed save; a few seconds more when no other event wakes the agent."""


class OptionsControl:
    """The options of the agent and of each doorbell; they override the settings."""

    def __init__(
        self, settings: Settings, state_file: OptionsFile, out: Publisher, pool: Pool, reporter: Reporter
    ) -> None:
        self._file = state_file
        self._out = out
        self._pool = pool
        self._reporter = reporter
        self._retry_save_s = 0.0
        self._options = Options(
            state_file.load(),
            settings.agent_id,
            detection=settings.detection,
            doorbells=settings.doorbells,
            log_level=settings.log.level,
        )

    @property
    def strategies(self) -> tuple[str, ...]:
        """Return the allowed values of the option `strategy`."""
        return self._options.strategies

    def start(self) -> None:
        """Apply the stored options."""
        self._apply()

    def close(self) -> None:
        """Wait until the options file is written."""
        self._file.close()

    def policy_for(self, doorbell: str) -> DetectionPolicy:
        """Return the current detection policy of a doorbell."""
        return self._options.policy_for(doorbell)

    def set(self, setting: Setting) -> None:
        """Set an option, and publish its value even if it did not change."""
        target = setting.doorbell or "the agent"
        if fault := self._options.set(setting):
            self._reporter.telemetry.counters.dropped["option"] += 1
            log.warning("%s of %s %s", setting.option, target, fault)
        else:
            log.info("%s of %s set to %s", setting.option, target, self._options.value(setting))
            self._file.save(self._options.stored)
            self._apply()
        self._out.publish(self._options.publication(setting), time.monotonic())

    def publish(self, doorbells: Iterable[str]) -> None:
        """Publish the options of the agent and of `doorbells`."""
        self._out.publish_all(self._options.publications(doorbells))

    def publish_doorbell(self, doorbell: str) -> None:
        """Publish the options of one doorbell."""
        self._out.publish_all(self._options.publication(each) for each in options_of(doorbell))

    def remove(self, doorbell: str) -> None:
        """Remove the options of a doorbell."""
        self._options.remove(doorbell)
        self._file.save(self._options.stored)

    def tick(self, now: float) -> None:
<<<<<<< HEAD
        """Save again after a failure, and report an options file that cannot be written."""
        if now >= self._retry_save_s:
            self._retry_save_s = now + RETRY_SAVE_S
            self._file.retry_save()
        self._reporter.set_fault("state", self._file.fault)

    def _apply(self) -> None:
        self._pool.allow_strategy(self._options.strategy)
        logging.getLogger().setLevel(self._options.log_level.upper())
=======
        """Tell Home Assistant what it is to be told by now, and all of a state file that fails."""
        if now >= self._save_again_s:
            self._save_again_s = now + SAVE_AGAIN_S
            self._state_file.retry_save()
        self._reporter.set_fault(ProblemCode.STATE, self._state_file.fault)
        if self._home_assistant.is_configs_due(now):
            self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        if self._home_assistant.is_states_due(now):
            self._tell_states(now)
            self._out.publish_all(self._doorbells.last_pictures())

    def _tell_states(self, now: float) -> None:
        self._out.publish_all(self._doorbells.all_states())
        self._out.publish_all(self._controls.publications(self._doorbells.names()))
        self._reporter.telemetry.mark_health_due(now)

    def _obey(self, commanded: Command) -> None:
        log.info("asked over MQTT: %s %s", commanded.command, commanded.value)
        match commanded.command:
            case "restart_pool":
                self._pool.restart()
            case "forget":
                self._forget(commanded.value)
            case _:
                self._reporter.request_health(commanded.reply_to)

    def _set(self, setting: Setting) -> None:
        """Set an option, and say what it is set to, also where that did not change."""
        if setting.doorbell and not self._doorbells.accepts(setting.doorbell):
            self._counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
            return
        whose = setting.doorbell or "the agent"
        if fault := self._controls.set(setting):
            self._counters.dropped[DropReason.OPTION] += 1
            log.warning("%s of %s %s", setting.option, whose, fault)
        else:
            log.info("%s of %s is set to %s", setting.option, whose, self._controls.value(setting))
            self._state_file.save(self._controls.stored)
            self._apply_options()
        self._out.publish(self._controls.publication(setting), time.monotonic())

    def _apply_options(self) -> None:
        self._pool.allow_strategy(self._controls.strategy)
        logging.getLogger().setLevel(self._controls.log_level.upper())

    def _adopt(self, topic: str, payload: bytes) -> None:
        """Go on with a doorbell that Home Assistant knows from an earlier run, and clear away what is no more."""
        name, publications = self._home_assistant.on_discovery_message(topic, payload)
        if name and not self._partition.includes(name):
            return  # it is another agent's by now, which tells of it when it hears of it
        self._out.publish_all(publications)
        if name and self._doorbells.accepts(name) and not self._doorbells.is_known(name):
            self._out.publish_all(self._doorbells.restore(name))
            self._out.publish_all(self._controls.publication(each) for each in options_of(name))

    def _forget(self, name: str) -> None:
        """Remove all that is retained of a doorbell; it comes back with its next frame."""
        if not topics.is_identifier(name):
            self._counters.dropped[DropReason.OPTION] += 1
            return
        if not self._doorbells.is_known(name):
            log.warning("there is no doorbell %s to remove; what the broker may retain of it is cleared", name)
        self._doorbells.remove(name)
        self._controls.remove(name)
        self._state_file.save(self._controls.stored)
        self._out.publish(self._home_assistant.removal(name), time.monotonic())
        self._out.publish_all(events.clear_retained(name))
>>>>>>> 29adad5 (Decide by reasons that are data, and take their sentences from tables beside them)
