"""The agent as a Home Assistant device. Pure: plain values in, ha_discovery's values out.

Home Assistant logs a warning for a missing JSON key and none for null. Every key that a template below reads
must be in every message on `topics.health`, null if unknown.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.home_assistant.naming import MANUFACTURER, ORIGIN, agent_discovery_id, json_key
from edge_agent.home_assistant.readable import LEVELS, STRATEGIES, named, to_code, to_name
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
    from edge_agent.home_assistant.host_facts import HostFacts
    from ha_discovery.entity import EntityCategory

MODEL: Final = "Face detection agent"
ACTIVE_DETECTORS: Final = ("edgetpu", "gpu", "openvino", "cpu", "none")
TEMPERATURE_STEP_C: Final = 2
"""The temperature of an idle host varies by a degree every few seconds; each change is a row in the recorder."""
PROBLEM_ATTRIBUTES: Final = (
    "{% set found = namespace(problems=[]) %}"
    "{% for each in value_json.problems %}"
    "{% set found.problems = found.problems + [each.code ~ (' ' ~ each.about if each.about else '')] %}"
    "{% endfor %}"
    "{% set same = this.attributes.get('problems') == found.problems %}"
    "{{ {'status': value_json.status, 'problems': found.problems,"
    " 'reasons': this.attributes.reasons if same else value_json.reasons} | to_json }}"
)
"""The reasons stay as they were until there are other problems: their figures change with each message."""
PERIODS_UNTIL_UNKNOWN: Final = 3


def agent_device(
    agent_id: str, *, version: str, host: HostFacts, telemetry_period_s: float, name: str = ""
) -> Discovery:
    """Return the agent as a device. Whatever changes often is disabled by default."""
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
            serial_number=host.serial_number or None,
            configuration_url=host.configuration_url or None,
        ),
        components=(
            *_status(agent_id, expire_after_s),
            *_load(topics.health(agent_id), expire_after_s),
            *_process(topics.health(agent_id), expire_after_s, host),
            *((_temperature(topics.health(agent_id), expire_after_s),) if host.has_temperature else ()),
            *_controls(agent_id, host),
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
                json_attributes_template=PROBLEM_ATTRIBUTES,
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
            _disabled("workers_alive", "Workers alive", "mdi:cogs"),
            value_template=json_key("workers_alive"),
        ),
        measured(
            _disabled("queue_depth", "Queue depth", "mdi:tray-full"),
            value_template=json_key("queue_depth"),
        ),
        measured(
            _disabled("latency_p50", "Median latency"),
            value_template=json_key("latency_p50_ms"),
            device_class="duration",
            unit_of_measurement="ms",
            suggested_display_precision=0,
        ),
        measured(
            _disabled("latency_p95", "95th percentile latency"),
            value_template=json_key("latency_p95_ms"),
            device_class="duration",
            unit_of_measurement="ms",
            suggested_display_precision=0,
        ),
        measured(
            _disabled("fps", "Frame rate", "mdi:filmstrip"),
            value_template=json_key("fps"),
            unit_of_measurement="fps",
            suggested_display_precision=1,
        ),
        measured(
            _disabled("dropped", "Dropped frames", "mdi:filmstrip-off"),
            value_template=json_key("dropped_percent"),
            unit_of_measurement="%",
            suggested_display_precision=1,
        ),
    )


def _process(health: str, expire_after_s: int, host: HostFacts) -> tuple[Component, ...]:
    detectors = named((*ACTIVE_DETECTORS, *host.strategies), STRATEGIES)
    detectors.pop("auto", None)
    sensor = partial(Sensor, state_topic=health, expire_after=expire_after_s)
    return (
        sensor(
            _disabled("worker_restarts", "Worker restarts", "mdi:restart-alert"),
            value_template=json_key("worker_restarts"),
            state_class="total_increasing",
        ),
        sensor(
            Entity("detector", "Active detector", icon="mdi:chip", entity_category="diagnostic"),
            value_template=to_name(detectors, "value_json.detector"),
            device_class="enum",
            options=tuple(detectors.values()),
        ),
        sensor(
            _disabled("memory", "Memory", "mdi:memory"),
            value_template=json_key("memory_mb"),
            device_class="data_size",
            unit_of_measurement="MB",
            state_class="measurement",
            suggested_display_precision=0,
        ),
        sensor(
            _disabled("started", "Started"),
            value_template=json_key("started_at"),
            device_class="timestamp",
        ),
    )


def _temperature(health: str, expire_after_s: int) -> Sensor:
    """Return the temperature; it keeps its last value until it has changed by `TEMPERATURE_STEP_C`."""
    return Sensor(
        Entity("cpu_temperature", "CPU temperature", entity_category="diagnostic"),
        state_topic=health,
        value_template=(
            "{% set measured, last = value_json.host.cpu_temperature_c, this.state | float(none) %}"
            "{{ last if measured is number and last is number"
            f" and (measured - last) | abs < {TEMPERATURE_STEP_C} else measured }}}}"
        ),
        device_class="temperature",
        unit_of_measurement="°C",
        state_class="measurement",
        suggested_display_precision=0,
        expire_after=expire_after_s,
    )


def _controls(agent_id: str, host: HostFacts) -> tuple[Component, ...]:
    strategies = named(host.strategies, STRATEGIES)
    return (
        Switch(
            Entity("detection", "Detection", icon="mdi:face-recognition"),
            command_topic=topics.agent_option_set(agent_id, "detection"),
            state_topic=topics.agent_option(agent_id, "detection"),
        ),
        Select(
            _disabled("strategy", "Detector strategy", "mdi:chip", entity_category="config"),
            command_topic=topics.agent_option_set(agent_id, "strategy"),
            state_topic=topics.agent_option(agent_id, "strategy"),
            value_template=to_name(strategies),
            command_template=to_code(strategies),
            options=tuple(strategies.values()),
        ),
        Select(
            _disabled("log_level", "Log level", "mdi:text-box-search-outline", entity_category="config"),
            command_topic=topics.agent_option_set(agent_id, "log_level"),
            state_topic=topics.agent_option(agent_id, "log_level"),
            value_template=to_name(LEVELS),
            command_template=to_code(LEVELS),
            options=tuple(LEVELS.values()),
        ),
        Button(
            _disabled("restart_pool", "Restart workers", entity_category="config"),
            command_topic=topics.agent_command(agent_id, "restart_pool"),
            device_class="restart",
        ),
    )


def _disabled(key: str, name: str, icon: str | None = None, entity_category: EntityCategory = "diagnostic") -> Entity:
    return Entity(key, name, icon=icon, entity_category=entity_category, enabled_by_default=False)
