"""What arrives over MQTT beside frames and presses: options, commands, and what Home Assistant and other agents say."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from edge_agent.domain import DropReason
from edge_agent.ingest.router import (
    AgentAvailability,
    Command,
    DiscoveryMessage,
    HomeAssistantBirth,
    Ignored,
    OptionSet,
    Request,
)

if TYPE_CHECKING:
    from edge_agent.agent.doorbell_directory import DoorbellDirectory
    from edge_agent.agent.options_control import OptionsControl
    from edge_agent.domain import Setting
    from edge_agent.doorbells.registry import Doorbells
    from edge_agent.pool import Pool
    from edge_agent.telemetry.reporter import Reporter

log = logging.getLogger(__name__)


class Requests:
    """Passes each request to the part that handles it. On the agent's thread."""

    def __init__(
        self,
        options: OptionsControl,
        directory: DoorbellDirectory,
        doorbells: Doorbells,
        pool: Pool,
        reporter: Reporter,
    ) -> None:
        self._options = options
        self._directory = directory
        self._doorbells = doorbells
        self._pool = pool
        self._reporter = reporter

    def on_request(self, request: Request) -> None:
        """Do what a request asks for; the caller acknowledges it."""
        match request:
            case OptionSet(setting):
                self._on_option(setting)
            case Command():
                self._on_command(request)
            case DiscoveryMessage(topic, payload, retained):
                self._directory.on_discovery_message(topic, payload, retained=retained)
            case AgentAvailability(agent, online):
                self._directory.on_agent(agent, online=online)
            case HomeAssistantBirth():
                self._directory.on_home_assistant_birth(time.monotonic())
            case Ignored():
                pass

    def _on_option(self, setting: Setting) -> None:
        if setting.doorbell and not self._doorbells.accepts(setting.doorbell):
            self._reporter.telemetry.counters.dropped[DropReason.TOO_MANY_DOORBELLS] += 1
        else:
            self._options.set(setting)

    def _on_command(self, command: Command) -> None:
        log.info("command received over MQTT: %s %s", command.command, command.value)
        match command.command:
            case "restart_pool":
                self._pool.restart()
            case "remove":
                self._directory.remove(command.value)
            case _:
                self._reporter.request_health(command.reply_to)
