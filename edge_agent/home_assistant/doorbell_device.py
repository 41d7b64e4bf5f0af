"""A doorbell as a Home Assistant device, reached via its agent. Pure: plain values in, ha_discovery's values out.

Home Assistant logs a warning for a missing JSON key and none for null. Every key that a template below reads
must be in every message on `topics.doorbell_state`, null if unknown.
"""

from __future__ import annotations

from typing import Final

from edge_agent import topics
from edge_agent.home_assistant.display_names import default_name
from edge_agent.home_assistant.naming import (
    MANUFACTURER,
    ORIGIN,
    agent_discovery_id,
    doorbell_discovery_id,
    json_key,
)
from edge_agent.home_assistant.readable import VISIT_EVENTS, with_name
from ha_discovery import (
    ALWAYS_AVAILABLE,
    BinarySensor,
    Button,
    Camera,
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
    Sensor,
    Switch,
    available_when,
)

MODEL: Final = "Doorbell"
SHOWN: Final = "{{ dict(press_id=value_json.press_id, visit_id=value_json.visit_id) | to_json }}"
"""The attributes of the snapshot: the press and the visit that it shows, for automations that wait for its picture."""
MUTES: Final = "{{ dict(mutes=true) | to_json }}"
"""The attribute by which the blueprints find the switch that mutes, whatever its name is."""


def doorbell_device(doorbell: str, *, agent_id: str, version: str, name: str = "") -> Discovery:
    """Return a doorbell as a device that is reached via its agent."""
    return Discovery(
        discovery_id=doorbell_discovery_id(doorbell),
        origin=Origin(ORIGIN, sw_version=version),
        device=Device(
            name or default_name(doorbell),
            identifiers=(doorbell_discovery_id(doorbell),),
            manufacturer=MANUFACTURER,
            model=MODEL,
            via_device=agent_discovery_id(agent_id),
        ),
        components=(
            *_events(doorbell),
            *_state(doorbell),
            *_images(doorbell),
            *_controls(doorbell, agent_id),
            _connectivity(doorbell),
        ),
        availability=available_when(topics.agent_availability(agent_id)),
    )


def _events(doorbell: str) -> tuple[Component, ...]:
    """Return the events and device triggers. `face_updated` is for picture displays, and no event here.

    Event entities stay available while the agent restarts: an event entity that returns from unavailable shows its old
    time as a new state, and automations on that state would run again.
    """
    ring, visit = topics.entity_event(doorbell, "ring"), topics.entity_event(doorbell, "visit")
    return (
        Event(
            Entity("doorbell", Named.AFTER_DEVICE, availability=ALWAYS_AVAILABLE, qos=1),
            state_topic=ring,
            event_types=("ring",),
            device_class="doorbell",
        ),
        Event(
            Entity("face", "Face", icon="mdi:face-recognition", availability=ALWAYS_AVAILABLE, qos=1),
            state_topic=visit,
            event_types=tuple(VISIT_EVENTS.values()),
            value_template=with_name(VISIT_EVENTS, "event_type"),
        ),
        _trigger("ring", ring),
        _trigger("face_appeared", visit),
    )


def _state(doorbell: str) -> tuple[Component, ...]:
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
            value_template=json_key("faces"),
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
            value_template=json_key("last_seen"),
            device_class="timestamp",
        ),
        Sensor(
            Entity("visits_today", "Visits today", icon="mdi:counter"),
            state_topic=topics.visits_today(doorbell),
            state_class="total_increasing",
        ),
    )


def _images(doorbell: str) -> tuple[Component, ...]:
    return (
        Image(
            Entity(
                "snapshot",
                "Snapshot",
                icon="mdi:doorbell-video",
                json_attributes_topic=topics.picture(doorbell),
                json_attributes_template=SHOWN,
                qos=1,
            ),
            image_topic=topics.snapshot(doorbell),
            content_type="image/jpeg",
        ),
        Camera(Entity("snapshot_camera", "Camera"), topic=topics.every_snapshot(doorbell)),
        Image(
            Entity("best_face", "Best face", icon="mdi:account-box-outline", enabled_by_default=False),
            image_topic=topics.best_face(doorbell),
            content_type="image/jpeg",
        ),
    )


def _controls(doorbell: str, agent_id: str) -> tuple[Component, ...]:
    return (
        Switch(
            Entity("detection", "Detection", icon="mdi:face-recognition", entity_category="config"),
            command_topic=topics.doorbell_option_set(doorbell, "detection"),
            state_topic=topics.doorbell_option(doorbell, "detection"),
        ),
        Switch(
            Entity(
                "mute",
                "Mute notifications",
                icon="mdi:bell-sleep",
                entity_category="config",
                json_attributes_topic=topics.doorbell_option(doorbell, "mute"),
                json_attributes_template=MUTES,
            ),
            command_topic=topics.doorbell_option_set(doorbell, "mute"),
            state_topic=topics.doorbell_option(doorbell, "mute"),
        ),
        Number(
            Entity("min_confidence", "Minimum confidence", icon="mdi:tune-variant", entity_category="config"),
            command_topic=topics.doorbell_option_set(doorbell, "min_confidence"),
            state_topic=topics.doorbell_option(doorbell, "min_confidence"),
            unit_of_measurement="%",
            min=1,
            max=99,
            mode="slider",
        ),
        Button(
            Entity("remove", "Remove", icon="mdi:delete-outline", entity_category="config", enabled_by_default=False),
            command_topic=topics.agent_command(agent_id, "remove"),
            payload_press=doorbell,
        ),
    )


def _connectivity(doorbell: str) -> BinarySensor:
    """Return whether the doorbell sends frames. Nothing else depends on it: many send frames at events only."""
    return BinarySensor(
        Entity("camera", Named.AFTER_CLASS, entity_category="diagnostic", qos=1),
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
        value_template=json_key("event_type"),
        qos=1,
    )
