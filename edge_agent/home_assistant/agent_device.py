"""The agent as a device of Home Assistant. Pure: plain values in, ha_discovery's values out.

Home Assistant logs a warning for a JSON key that is missing and none for null. So every key that a template below reads
is in every message on `topics.health`, null where unknown.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.home_assistant.naming import MANUFACTURER, ORIGIN, agent_discovery_id, json_key
from edge_agent.settings.model import LOG_LEVELS
from ha_discovery import (
    ALWAYS_AVAILABLE,
    BinarySensor,
    Button,
    Component,
    Device,
    Discovery,
    Entity,
    Named,
    Origin,
    Select,
    Sensor,
    Switch,
    available_when,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL: Final = "Face detection agent"
ACTIVE_DETECTORS: Final = ("edgetpu", "gpu", "cpu", "mock", "none")
PERIODS_UNTIL_UNKNOWN: Final = 3


def agent_device(
    agent_id: str, *, version: str, strategies: Sequence[str], telemetry_period_s: float, name: str = ""
) -> Discovery:
    """Return the agent as a device; `strategies` are those that can be chosen."""
    expire_after_s = math.ceil(PERIODS_UNTIL_UNKNOWN * telemetry_period_s)
    return Discovery(
        discovery_id=agent_discovery_id(agent_id),
        origin=Origin(ORIGIN, sw_version=version),
        device=Device(
            name or f"Edge agent {agent_id}",
            identifiers=(agent_discovery_id(agent_id),),
            manufacturer=MANUFACTURER,
            model=MODEL,
            sw_version=version,
        ),
        components=(
            *_status(agent_id, expire_after_s),
            *_load(topics.health(agent_id), expire_after_s),
            *_process(topics.health(agent_id), expire_after_s),
            *_controls(agent_id, strategies),
        ),
        availability=available_when(topics.agent_availability(agent_id)),
    )


def _status(agent_id: str, expire_after_s: int) -> tuple[Component, ...]:
    health = topics.health(agent_id)
    return (
        BinarySensor(
            Entity(
                "connectivity", Named.AFTER_CLASS, entity_category="diagnostic", availability=ALWAYS_AVAILABLE, qos=1
            ),
            state_topic=topics.agent_availability(agent_id),
            device_class="connectivity",
            payload_on="online",
            payload_off="offline",
        ),
        BinarySensor(
            Entity(
                "problem",
                Named.AFTER_CLASS,
                entity_category="diagnostic",
                json_attributes_topic=health,
                json_attributes_template=(
                    "{{ {'status': value_json.status, 'reasons': value_json.reasons} | to_json }}"
                ),
            ),
            state_topic=health,
            value_template="{{ 'OFF' if value_json.status == 'ok' else 'ON' }}",
            device_class="problem",
            expire_after=expire_after_s,
        ),
    )


def _load(health: str, expire_after_s: int) -> tuple[Component, ...]:
    measured = partial(Sensor, state_topic=health, expire_after=expire_after_s, state_class="measurement")
    return (
        measured(
            _diagnostic("workers_alive", "Workers alive", "mdi:cogs"),
            value_template=json_key("workers_alive"),
        ),
        measured(
            _diagnostic("queue_depth", "Queue depth", "mdi:tray-full"),
            value_template=json_key("queue_depth"),
        ),
        measured(
            _diagnostic("latency_p50", "Median latency"),
            value_template=json_key("latency_p50_ms"),
            device_class="duration",
            unit_of_measurement="ms",
            suggested_display_precision=0,
        ),
        measured(
            _diagnostic("latency_p95", "95th percentile latency"),
            value_template=json_key("latency_p95_ms"),
            device_class="duration",
            unit_of_measurement="ms",
            suggested_display_precision=0,
        ),
        measured(
            _diagnostic("fps", "Frame rate", "mdi:filmstrip"),
            value_template=json_key("fps"),
            unit_of_measurement="fps",
            suggested_display_precision=1,
        ),
        measured(
            _diagnostic("dropped", "Dropped frames", "mdi:filmstrip-off"),
            value_template=json_key("dropped_percent"),
            unit_of_measurement="%",
            suggested_display_precision=1,
        ),
    )


def _process(health: str, expire_after_s: int) -> tuple[Component, ...]:
    told = partial(Sensor, state_topic=health, expire_after=expire_after_s)
    return (
        told(
            _diagnostic("worker_restarts", "Worker restarts", "mdi:restart-alert"),
            value_template=json_key("worker_restarts"),
            state_class="total_increasing",
        ),
        told(
            _diagnostic("detector", "Active detector", "mdi:chip"),
            value_template=json_key("detector"),
            device_class="enum",
            options=ACTIVE_DETECTORS,
        ),
        told(
            _diagnostic("memory", "Memory", "mdi:memory"),
            value_template=json_key("memory_mb"),
            device_class="data_size",
            unit_of_measurement="MB",
            state_class="measurement",
            suggested_display_precision=0,
        ),
        told(
            _diagnostic("cpu_temperature", "CPU temperature"),
            value_template=json_key("host.cpu_temperature_c"),
            device_class="temperature",
            unit_of_measurement="°C",
            state_class="measurement",
            suggested_display_precision=0,
        ),
        told(
            _diagnostic("started", "Started"),
            value_template=json_key("started_at"),
            device_class="timestamp",
        ),
    )


def _controls(agent_id: str, strategies: Sequence[str]) -> tuple[Component, ...]:
    return (
        Switch(
            Entity("detection", "Detection", icon="mdi:face-recognition"),
            command_topic=topics.agent_option_set(agent_id, "detection"),
            state_topic=topics.agent_option(agent_id, "detection"),
        ),
        Select(
            Entity("strategy", "Detector strategy", icon="mdi:chip", entity_category="config"),
            command_topic=topics.agent_option_set(agent_id, "strategy"),
            state_topic=topics.agent_option(agent_id, "strategy"),
            options=tuple(strategies),
        ),
        Select(
            Entity(
                "log_level",
                "Log level",
                icon="mdi:text-box-search-outline",
                entity_category="config",
                enabled_by_default=False,
            ),
            command_topic=topics.agent_option_set(agent_id, "log_level"),
            state_topic=topics.agent_option(agent_id, "log_level"),
            options=LOG_LEVELS,
        ),
        Button(
            Entity("restart_pool", "Restart workers", entity_category="config"),
            command_topic=topics.agent_command(agent_id, "restart_pool"),
            device_class="restart",
        ),
    )


def _diagnostic(key: str, name: str, icon: str | None = None) -> Entity:
    return Entity(key, name, icon=icon, entity_category="diagnostic")
