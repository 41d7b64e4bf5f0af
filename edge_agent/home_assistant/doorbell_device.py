"""A doorbell as a Home Assistant device, reached via its agent. Pure: plain values in, ha_discovery's values out.

Home Assistant logs a warning for a missing JSON key and none for null. Every key that a template below reads
must be in every message on `topics.doorbell_state`, null if unknown.
"""

from __future__ import annotations

from typing import Final

from edge_agent import topics
from edge_agent.home_assistant.naming import (
    MANUFACTURER,
    ORIGIN,
    agent_discovery_id,
    doorbell_discovery_id,
    json_key,
)
from ha_discovery import (
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
    Sensor,
    Switch,
    available_when,
)

MODEL: Final = "Doorbell"


def doorbell_name(doorbell: str) -> str:
    """Return a doorbell's id as a readable name: 'Front door doorbell' for front_door."""
    text = doorbell.replace("_", " ").replace("-", " ").strip() or doorbell
    name = text[:1].upper() + text[1:]
    return name if "doorbell" in name.lower() else f"{name} doorbell"


def doorbell_device(doorbell: str, *, agent_id: str, version: str, name: str = "") -> Discovery:
    """Return a doorbell as a device that is reached via its agent."""
    return Discovery(
        discovery_id=doorbell_discovery_id(doorbell),
        origin=Origin(ORIGIN, sw_version=version),
        device=Device(
            name or doorbell_name(doorbell),
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
            _camera(doorbell, agent_id),
        ),
        availability=available_when(topics.agent_availability(agent_id), topics.doorbell_availability(doorbell)),
    )


def _events(doorbell: str) -> tuple[Component, ...]:
    """Return the events and device triggers. `face_updated` is for picture displays, and no event here."""
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


def _controls(doorbell: str, agent_id: str) -> tuple[Component, ...]:
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
        Button(
            Entity("remove", "Remove", icon="mdi:delete-outline", entity_category="config", enabled_by_default=False),
            command_topic=topics.agent_command(agent_id, "remove"),
            payload_press=doorbell,
        ),
    )


def _camera(doorbell: str, agent_id: str) -> BinarySensor:
    """Return the connectivity of the camera, published by the agent."""
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
        value_template=json_key("event_type"),
        qos=1,
    )
