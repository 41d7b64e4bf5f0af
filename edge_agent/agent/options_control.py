"""Options set over MQTT: validated, stored, applied and published."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.domain import DropReason
from edge_agent.doorbells.options import Options, options_of

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

    @property
    def strategy(self) -> str:
        """Return the selected strategy, or `auto`."""
        return self._options.strategy

    @property
    def fault(self) -> str:
        """Return why the options file cannot be written, or ''."""
        return self._file.fault

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
        if fault := self._options.set(setting, datetime.now(UTC)):
            self._reporter.telemetry.counters.dropped[DropReason.OPTION] += 1
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
        """End mutes whose hour is over; save again after a failure."""
        for setting in self._options.ended(datetime.now(UTC)):
            self.set(setting)
        if now >= self._retry_save_s:
            self._retry_save_s = now + RETRY_SAVE_S
            self._file.retry_save()

    def _apply(self) -> None:
        self._pool.allow_strategy(self._options.strategy)
        logging.getLogger().setLevel(self._options.log_level.upper())
