"""The agent and its doorbells as Home Assistant devices. Pure: plain values in, ha_discovery's values out.

Home Assistant logs a warning for a JSON key that is missing and none for null. So every key below is in every message,
null where unknown.

Telemetry of the agent, retained on `topics.health` at least every `telemetry_period_s`:

| key | value |
|---|---|
| `status` | `ok`, `degraded` or `failed`; never null |
| `reasons` | list of sentences, empty when `ok` |
| `version`, `latest_version` | text; latest null: none newer is known |
| `workers_alive` | integer |
| `queue_depth` | integer, frames that wait |
| `latency_p50_ms`, `latency_p95_ms` | milliseconds from frame received to result published |
| `fps` | frames looked at per second |
| `dropped_percent` | 0 to 100, share of the frames that were not looked at |
| `worker_restarts` | integer, since the agent's start |
| `detector` | one of `ACTIVE_DETECTORS` |
| `memory_mb` | megabytes of the agent and its workers |
| `cpu_temperature_c` | degrees Celsius |
| `started_at` | ISO 8601 with a zone |

State of a doorbell, retained on `topics.doorbell_state`:

| key | value |
|---|---|
| `face_present` | boolean |
| `faces` | integer |
| `confidence` | 0 to 1, of the best face |
| `last_seen` | ISO 8601 with a zone |
| `visit_id` | text, null between visits |
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from edge_agent import topics
from ha_discovery import (
    ALWAYS_AVAILABLE,
    BinarySensor,
    Button,
    Component,
    Device,
    DeviceTrigger,
    Discovery,
    Entity,
    Event,
    Image,
    Named,
    Number,
    Origin,
    Select,
    Sensor,
    Switch,
    Update,
    available_when,
)

ORIGIN: Final = "edge-agent"
MANUFACTURER: Final = "edge-agent"
AGENT_MODEL: Final = "Face detection agent"
DOORBELL_MODEL: Final = "Doorbell"

ACTIVE_DETECTORS: Final = ("edgetpu", "gpu", "cpu", "none")
STRATEGIES: Final = ("auto", "edgetpu", "gpu", "cpu")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
PERIODS_UNTIL_UNKNOWN: Final = 3


def agent_discovery_id(agent_id: str) -> str:
    """Return the name of the agent's discovery, which is its device identifier too."""
    return f"edge_agent_{agent_id}"


def doorbell_discovery_id(doorbell: str) -> str:
    """Return the name of a doorbell's discovery; it never equals an agent's."""
    return f"edge_doorbell_{doorbell}"


def doorbell_name(doorbell: str) -> str:
    """Return a doorbell's id as a name that reads well: 'Front door doorbell' for front_door."""
    words = doorbell.replace("_", " ").replace("-", " ").strip() or doorbell
    name = words[:1].upper() + words[1:]
    return name if "doorbell" in name.lower() else f"{name} doorbell"


def agent_device(agent_id: str, *, version: str, telemetry_period_s: float, name: str = "") -> Discovery:
    """Return the agent as a device."""
    expire_after_s = math.ceil(PERIODS_UNTIL_UNKNOWN * telemetry_period_s)
    return Discovery(
        discovery_id=agent_discovery_id(agent_id),
        origin=Origin(ORIGIN, sw_version=version),
        device=Device(
            name or f"Edge agent {agent_id}",
            identifiers=(agent_discovery_id(agent_id),),
            manufacturer=MANUFACTURER,
            model=AGENT_MODEL,
            sw_version=version,
        ),
        components=(
            *_agent_status(agent_id, expire_after_s),
            *_agent_load(topics.health(agent_id), expire_after_s),
            *_agent_process(topics.health(agent_id), expire_after_s),
            *_agent_controls(agent_id),
        ),
        availability=available_when(topics.agent_availability(agent_id)),
    )


def doorbell_device(doorbell: str, *, agent_id: str, version: str, name: str = "") -> Discovery:
    """Return a doorbell as a device that is reached via its agent."""
    return Discovery(
        discovery_id=doorbell_discovery_id(doorbell),
        origin=Origin(ORIGIN, sw_version=version),
        device=Device(
            name or doorbell_name(doorbell),
            identifiers=(doorbell_discovery_id(doorbell),),
            manufacturer=MANUFACTURER,
            model=DOORBELL_MODEL,
            via_device=agent_discovery_id(agent_id),
        ),
        components=(
            *_doorbell_events(doorbell),
            *_doorbell_state(doorbell),
            *_doorbell_images(doorbell),
            *_doorbell_controls(doorbell),
            _camera(doorbell, agent_id),
        ),
        availability=available_when(topics.agent_availability(agent_id), topics.doorbell_availability(doorbell)),
    )


def _agent_status(agent_id: str, expire_after_s: int) -> tuple[Component, ...]:
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
        Update(
            Entity("update", "Update", entity_category="diagnostic"),
            state_topic=health,
            value_template=(
                "{{ {'installed_version': value_json.version,"
                " 'latest_version': value_json.latest_version or value_json.version} | to_json }}"
            ),
            title=ORIGIN,
        ),
    )


def _agent_load(health: str, expire_after_s: int) -> tuple[Component, ...]:
    measured = partial(Sensor, state_topic=health, expire_after=expire_after_s, state_class="measurement")
    return (
        measured(
            _diagnostic("workers_alive", "Workers alive", "mdi:cogs"),
            value_template=_json_key("workers_alive"),
        ),
        measured(
            _diagnostic("queue_depth", "Queue depth", "mdi:tray-full"),
            value_template=_json_key("queue_depth"),
        ),
        measured(
            _diagnostic("latency_p50", "Median latency"),
            value_template=_json_key("latency_p50_ms"),
            device_class="duration",
            unit_of_measurement="ms",
            suggested_display_precision=0,
        ),
        measured(
            _diagnostic("latency_p95", "95th percentile latency"),
            value_template=_json_key("latency_p95_ms"),
            device_class="duration",
            unit_of_measurement="ms",
            suggested_display_precision=0,
        ),
        measured(
            _diagnostic("fps", "Frame rate", "mdi:filmstrip"),
            value_template=_json_key("fps"),
            unit_of_measurement="fps",
            suggested_display_precision=1,
        ),
        measured(
            _diagnostic("dropped", "Dropped frames", "mdi:filmstrip-off"),
            value_template=_json_key("dropped_percent"),
            unit_of_measurement="%",
            suggested_display_precision=1,
        ),
    )


def _agent_process(health: str, expire_after_s: int) -> tuple[Component, ...]:
    told = partial(Sensor, state_topic=health, expire_after=expire_after_s)
    return (
        told(
            _diagnostic("worker_restarts", "Worker restarts", "mdi:restart-alert"),
            value_template=_json_key("worker_restarts"),
            state_class="total_increasing",
        ),
        told(
            _diagnostic("detector", "Active detector", "mdi:chip"),
            value_template=_json_key("detector"),
            device_class="enum",
            options=ACTIVE_DETECTORS,
        ),
        told(
            _diagnostic("memory", "Memory", "mdi:memory"),
            value_template=_json_key("memory_mb"),
            device_class="data_size",
            unit_of_measurement="MB",
            state_class="measurement",
            suggested_display_precision=0,
        ),
        told(
            _diagnostic("cpu_temperature", "CPU temperature"),
            value_template=_json_key("cpu_temperature_c"),
            device_class="temperature",
            unit_of_measurement="°C",
            state_class="measurement",
            suggested_display_precision=0,
        ),
        told(
            _diagnostic("started", "Started"),
            value_template=_json_key("started_at"),
            device_class="timestamp",
        ),
    )


def _agent_controls(agent_id: str) -> tuple[Component, ...]:
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
            options=STRATEGIES,
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


def _doorbell_events(doorbell: str) -> tuple[Component, ...]:
    """Return the events and device triggers. `face_updated` is for those who show pictures, and no event here."""
    ring, visit = topics.ring(doorbell), topics.visit(doorbell)
    return (
        Event(
            Entity("doorbell", Named.AFTER_DEVICE, qos=1),
            state_topic=ring,
            event_types=("ring",),
            device_class="doorbell",
        ),
        Event(
            Entity("face", "Face", icon="mdi:face-recognition", qos=1),
            state_topic=visit,
            event_types=("face_appeared", "face_left"),
            value_template="{{ value if value_json.event_type in ('face_appeared', 'face_left') else '' }}",
        ),
        _trigger("ring", ring),
        _trigger("face_appeared", visit),
    )


def _doorbell_state(doorbell: str) -> tuple[Component, ...]:
    state = topics.doorbell_state(doorbell)
    return (
        BinarySensor(
            Entity(
                "face_present",
                "Face present",
                json_attributes_topic=state,
                json_attributes_template="{{ {'visit_id': value_json.visit_id} | to_json }}",
            ),
            state_topic=state,
            value_template="{{ iif(value_json.face_present, 'ON', 'OFF', None) }}",
            device_class="occupancy",
        ),
        Sensor(
            Entity("faces", "Faces", icon="mdi:account-multiple"),
            state_topic=state,
            value_template=_json_key("faces"),
            state_class="measurement",
        ),
        Sensor(
            Entity("confidence", "Confidence", icon="mdi:target-account"),
            state_topic=state,
            value_template=(
                "{{ (value_json.confidence * 100) | round(1) if value_json.confidence is number else None }}"
            ),
            unit_of_measurement="%",
            state_class="measurement",
            suggested_display_precision=0,
        ),
        Sensor(
            Entity("last_seen", "Last seen"),
            state_topic=state,
            value_template=_json_key("last_seen"),
            device_class="timestamp",
        ),
    )


def _doorbell_images(doorbell: str) -> tuple[Component, ...]:
    return (
        Image(
            Entity("snapshot", "Snapshot", icon="mdi:doorbell-video"),
            image_topic=topics.snapshot(doorbell),
            content_type="image/jpeg",
        ),
        Image(
            Entity("best_face", "Best face", icon="mdi:account-box-outline", enabled_by_default=False),
            image_topic=topics.best_face(doorbell),
            content_type="image/jpeg",
        ),
    )


def _doorbell_controls(doorbell: str) -> tuple[Component, ...]:
    return (
        Switch(
            Entity("detection", "Detection", icon="mdi:face-recognition"),
            command_topic=topics.doorbell_option_set(doorbell, "detection"),
            state_topic=topics.doorbell_option(doorbell, "detection"),
        ),
        Number(
            Entity("min_confidence", "Minimum confidence", icon="mdi:tune-variant", entity_category="config"),
            command_topic=topics.doorbell_option_set(doorbell, "min_confidence"),
            state_topic=topics.doorbell_option(doorbell, "min_confidence"),
            unit_of_measurement="%",
            max=99,
            mode="slider",
        ),
    )


def _camera(doorbell: str, agent_id: str) -> BinarySensor:
    """Return whether frames come, which the agent alone can tell."""
    return BinarySensor(
        Entity(
            "camera",
            "Camera",
            entity_category="diagnostic",
            availability=available_when(topics.agent_availability(agent_id)),
            qos=1,
        ),
        state_topic=topics.doorbell_availability(doorbell),
        device_class="connectivity",
        payload_on="online",
        payload_off="offline",
    )


def _trigger(event_type: str, topic: str) -> DeviceTrigger:
    return DeviceTrigger(
        f"{event_type}_trigger",
        type=event_type,
        subtype="doorbell",
        topic=topic,
        payload=event_type,
        value_template=_json_key("event_type"),
        qos=1,
    )


def _diagnostic(key: str, name: str, icon: str | None = None) -> Entity:
    return Entity(key, name, icon=icon, entity_category="diagnostic")


def _json_key(key: str) -> str:
    return f"{{{{ value_json.{key} }}}}"
