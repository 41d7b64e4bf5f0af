"""The agent and the doorbell as devices of Home Assistant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from edge_agent import announce as ours
from edge_agent import topics
from ha_discovery import Discovery, announce

AGENT = ours.agent_device("porch-pi", version="1.2.3", telemetry_period_s=10)
DOORBELL = ours.doorbell_device("front_door", agent_id="porch-pi", version="1.2.3")


def payload_of(discovery: Discovery) -> dict[str, Any]:
    """Return what is announced."""
    payload: dict[str, Any] = json.loads(announce(discovery).payload)
    return payload


def components_of(discovery: Discovery) -> dict[str, dict[str, Any]]:
    """Return the components that are announced."""
    components: dict[str, dict[str, Any]] = payload_of(discovery)["components"]
    return components


def keys_in_docstring() -> set[str]:
    """Return the JSON keys that the module's tables promise."""
    rows = re.findall(r"^\| (`.+?) \|", ours.__doc__ or "", flags=re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_every_entity_of_the_agent_is_there() -> None:
    """As platform and name."""
    named = {(options["platform"], options.get("name")) for options in components_of(AGENT).values()}
    assert named == {
        ("binary_sensor", None),
        ("update", "Update"),
        ("sensor", "Workers alive"),
        ("sensor", "Queue depth"),
        ("sensor", "Median latency"),
        ("sensor", "95th percentile latency"),
        ("sensor", "Frame rate"),
        ("sensor", "Dropped frames"),
        ("sensor", "Worker restarts"),
        ("sensor", "Active detector"),
        ("sensor", "Memory"),
        ("sensor", "CPU temperature"),
        ("sensor", "Started"),
        ("switch", "Detection"),
        ("select", "Detector strategy"),
        ("select", "Log level"),
        ("button", "Restart workers"),
    }


def test_every_entity_of_a_doorbell_is_there() -> None:
    """As key and platform."""
    assert {key: options["platform"] for key, options in components_of(DOORBELL).items()} == {
        "doorbell": "event",
        "face": "event",
        "ring_trigger": "device_automation",
        "face_appeared_trigger": "device_automation",
        "face_present": "binary_sensor",
        "faces": "sensor",
        "confidence": "sensor",
        "last_seen": "sensor",
        "snapshot": "image",
        "best_face": "image",
        "detection": "switch",
        "min_confidence": "number",
        "camera": "binary_sensor",
    }


def test_telemetry_becomes_unknown_after_three_periods() -> None:
    """All that is read from telemetry but the update, which does not age."""
    aging = {
        key for key, options in components_of(AGENT).items() if options.get("state_topic") == topics.health("porch-pi")
    } - {"update"}
    assert len(aging) == 12
    assert {components_of(AGENT)[key]["expire_after"] for key in aging} == {30}


def test_the_keys_that_templates_read_are_those_of_the_docstring() -> None:
    """A key that the agent does not send makes Home Assistant log a warning."""
    text = (announce(AGENT).payload + announce(DOORBELL).payload).decode()
    assert set(re.findall(r"value_json\.(\w+)", text)) - {"event_type"} == keys_in_docstring()


@pytest.mark.parametrize("discovery", [AGENT, DOORBELL])
def test_every_command_topic_is_one_the_agent_understands(discovery: Discovery) -> None:
    """And each is in its subscriptions, which the parser covers."""
    commands = [options["command_topic"] for options in components_of(discovery).values() if "command_topic" in options]
    assert commands
    assert all(topics.parse(topic, "porch-pi") is not None for topic in commands)


def test_who_is_available_when() -> None:
    """The connectivity sensors outlive what they tell about."""
    agent_topic, doorbell_topic = topics.agent_availability("porch-pi"), topics.doorbell_availability("front_door")
    assert payload_of(AGENT)["availability"] == [{"topic": agent_topic}]
    assert components_of(AGENT)["connectivity"]["availability"] == []
    assert payload_of(DOORBELL)["availability"] == [{"topic": agent_topic}, {"topic": doorbell_topic}]
    assert payload_of(DOORBELL)["availability_mode"] == "all"
    assert components_of(DOORBELL)["camera"]["availability"] == [{"topic": agent_topic}]


def test_a_doorbell_is_reached_via_its_agent() -> None:
    """By the identifier under which the agent is announced."""
    assert [payload_of(DOORBELL)["device"]["via_device"]] == payload_of(AGENT)["device"]["identifiers"]


@pytest.mark.parametrize(
    ("doorbell", "name"),
    [
        ("front", "Front doorbell"),
        ("front_door", "Front door doorbell"),
        ("Back-Doorbell", "Back Doorbell"),
        ("doorbell_2", "Doorbell 2"),
        ("__", "__ doorbell"),
    ],
)
def test_a_doorbell_has_a_name_that_reads_well(doorbell: str, name: str) -> None:
    """Until its owner gives it another."""
    assert payload_of(ours.doorbell_device(doorbell, agent_id="a", version="1"))["device"]["name"] == name


def test_names_of_the_owner_win() -> None:
    """For both devices."""
    agent = ours.agent_device("a", version="1", telemetry_period_s=1, name="Cellar")
    doorbell = ours.doorbell_device("d", agent_id="a", version="1", name="Gate")
    assert (agent.device.name, doorbell.device.name) == ("Cellar", "Gate")


def test_no_two_devices_share_a_unique_id() -> None:
    """Not even when the id of one begins like another's."""
    devices = [
        ours.agent_device(each, version="1", telemetry_period_s=1) for each in ("a", "a_detection", "doorbell_a")
    ]
    devices += [ours.doorbell_device(each, agent_id="a", version="1") for each in ("a", "a_faces", "a-faces")]
    ids = [
        (options["platform"], options["unique_id"])
        for device in devices
        for options in components_of(device).values()
        if "unique_id" in options
    ]
    assert len(ids) == len(set(ids))
