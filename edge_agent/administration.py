"""All that is neither a frame nor a press: options, commands, who is there, and what Home Assistant is told."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from edge_agent import __version__, topics
from edge_agent.home_assistant import HomeAssistant
from edge_agent.intake import Announced, Commanded, HomeAssistantBorn, Ignored, OptionSet
from edge_agent.model import DropReason
from edge_agent.partition import Partition
from edge_agent.results import events
from edge_agent.results.controls import Controls, of_doorbell
from edge_agent.results.problems import ProblemCode
from edge_agent.results.telemetry import HEALTH_INTERVAL_S

if TYPE_CHECKING:
    from edge_agent.model import Setting
    from edge_agent.pool import Pool
    from edge_agent.publisher import Publisher
    from edge_agent.reporting import Reporter
    from edge_agent.results.doorbells import Doorbells
    from edge_agent.results.look import Look
    from edge_agent.settings import Settings
    from edge_agent.state_file import StateFile

log = logging.getLogger(__name__)

SAVE_AGAIN_S: Final = 5.0
"""How long after a failure what is set is saved again; a few seconds later, when something else is due."""

Asked = Commanded | OptionSet | Announced | HomeAssistantBorn | Ignored
"""What the administration deals with."""


class Administration:
    """Keeps the options and the list of doorbells, and tells of both."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it administers
        self,
        settings: Settings,
        state_file: StateFile,
        doorbells: Doorbells,
        out: Publisher,
        pool: Pool,
        reporter: Reporter,
    ) -> None:
        self._agent_id: Final = settings.agent_id
        self._partition: Final = Partition(settings.doorbells.include)
        self._state_file = state_file
        self._save_again_s = 0.0
        self._doorbells = doorbells
        self._out = out
        self._pool = pool
        self._reporter = reporter
        self._counters = reporter.telemetry.counters
        self._controls = Controls(
            state_file.load(),
            settings.agent_id,
            detection=settings.detection,
            doorbells=settings.doorbells,
            log_level=settings.log.level,
        )
        self._home_assistant = HomeAssistant(
            settings.agent_id,
            version=__version__,
            strategies=self._controls.strategies,
            telemetry_period_s=HEALTH_INTERVAL_S,
            prefix=settings.home_assistant.prefix,
            enabled=settings.home_assistant.discovery,
        )

    def start(self) -> None:
        """Put the options of the last run into effect."""
        self._apply_options()

    def close(self) -> None:
        """Wait until all is remembered."""
        self._state_file.close()

    def look_for(self, doorbell: str) -> Look:
        """Return how frames of a doorbell are looked at now."""
        return self._controls.look_for(doorbell)

    def hear(self, doorbell: str, now: float) -> None:
        """Note that a doorbell is there; tell all of one that is new."""
        if not self._doorbells.is_known(doorbell):
            self._out.publish_all(self._home_assistant.doorbell(doorbell))
            self._out.publish_all(self._controls.echo(each) for each in of_doorbell(doorbell))
        self._out.publish_all(self._doorbells.heard(doorbell, now))

    def connect(self, now: float) -> None:
        """Tell a broker that may have lost it all that it retains for us."""
        self._out.publish(events.availability(topics.agent_availability(self._agent_id), online=True), now)
        self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        self._tell_states(now)

    def deal_with(self, asked: Asked) -> None:
        """Do what was asked over MQTT."""
        self._out.acknowledge(asked.packet)
        match asked:
            case OptionSet(setting):
                self._set(setting)
            case Commanded():
                self._obey(asked)
            case Announced(topic, payload):
                self._adopt(topic, payload)
            case HomeAssistantBorn():
                self._home_assistant.born(time.monotonic())
            case Ignored():
                pass

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to tell, or None."""
        return self._home_assistant.next_due_s()

    def tick(self, now: float) -> None:
        """Tell Home Assistant what it is to be told by now, and all of a state file that fails."""
        if now >= self._save_again_s:
            self._save_again_s = now + SAVE_AGAIN_S
            self._state_file.save_again()
        self._reporter.heed_fault(ProblemCode.STATE, self._state_file.fault)
        if self._home_assistant.is_configs_due(now):
            self._out.publish_all(self._home_assistant.configs(self._doorbells.names()))
        if self._home_assistant.is_states_due(now):
            self._tell_states(now)
            self._out.publish_all(self._doorbells.last_pictures())

    def _tell_states(self, now: float) -> None:
        self._out.publish_all(self._doorbells.everything())
        self._out.publish_all(self._controls.echoes(self._doorbells.names()))
        self._reporter.telemetry.hasten(now)

    def _obey(self, commanded: Commanded) -> None:
        log.info("asked over MQTT: %s %s", commanded.command, commanded.value)
        match commanded.command:
            case "restart_pool":
                self._pool.restart()
            case "forget":
                self._forget(commanded.value)
            case _:
                self._reporter.answer_health(commanded.reply_to)

    def _set(self, setting: Setting) -> None:
        """Set an option, and say what it is set to, also where that did not change."""
        if setting.doorbell and not self._doorbells.is_welcome(setting.doorbell):
            self._counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
            return
        whose = setting.doorbell or "the agent"
        if fault := self._controls.choose(setting):
            self._counters.dropped[DropReason.OPTION] += 1
            log.warning("%s of %s %s", setting.option, whose, fault)
        else:
            log.info("%s of %s is set to %s", setting.option, whose, self._controls.value(setting))
            self._state_file.save(self._controls.chosen)
            self._apply_options()
        self._out.publish(self._controls.echo(setting), time.monotonic())

    def _apply_options(self) -> None:
        self._pool.allow(self._controls.strategy)
        logging.getLogger().setLevel(self._controls.log_level.upper())

    def _adopt(self, topic: str, payload: bytes) -> None:
        """Go on with a doorbell that Home Assistant knows from an earlier run, and clear away what is no more."""
        name, publications = self._home_assistant.found(topic, payload)
        if name and not self._partition.includes(name):
            return  # it is another agent's by now, which tells of it when it hears of it
        self._out.publish_all(publications)
        if name and self._doorbells.is_welcome(name) and not self._doorbells.is_known(name):
            self._out.publish_all(self._doorbells.adopt(name))
            self._out.publish_all(self._controls.echo(each) for each in of_doorbell(name))

    def _forget(self, name: str) -> None:
        """Remove all that is retained of a doorbell; it comes back with its next frame."""
        if not topics.is_identifier(name):
            self._counters.dropped[DropReason.OPTION] += 1
            return
        if not self._doorbells.is_known(name):
            log.warning("there is no doorbell %s to remove; what the broker may retain of it is cleared", name)
        self._doorbells.forget(name)
        self._controls.forget(name)
        self._state_file.save(self._controls.chosen)
        self._out.publish(self._home_assistant.forget(name), time.monotonic())
        self._out.publish_all(events.nothing_retained(name))
