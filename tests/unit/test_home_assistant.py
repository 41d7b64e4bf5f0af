"""The agent and the doorbell as Home Assistant devices."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from edge_agent import home_assistant as ours
from edge_agent import topics
from edge_agent.doorbells.payloads import StatePayload
from edge_agent.home_assistant import HomeAssistant
from edge_agent.telemetry.health import HealthPayload
from ha_discovery import Discovery, announce

if TYPE_CHECKING:
    from edge_agent.domain import Publication

STRATEGIES = ("auto", "edgetpu", "cpu")
AGENT = ours.agent_device("porch-pi", version="1.2.3", strategies=STRATEGIES, telemetry_period_s=10)
DOORBELL = ours.doorbell_device("front_door", agent_id="porch-pi", version="1.2.3")


def payload_of(discovery: Discovery) -> dict[str, Any]:
    """Return the announcement."""
    payload: dict[str, Any] = json.loads(announce(discovery).payload)
    return payload


def components_of(discovery: Discovery) -> dict[str, dict[str, Any]]:
    """Return the announced components."""
    components: dict[str, dict[str, Any]] = payload_of(discovery)["components"]
    return components


def test_every_entity_of_the_agent_is_announced() -> None:
    """As platform and name."""
    named = {(options["platform"], options.get("name")) for options in components_of(AGENT).values()}
    assert named == {
        ("binary_sensor", None),
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


def test_every_entity_of_a_doorbell_is_announced() -> None:
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
        "visits_today": "sensor",
        "snapshot": "image",
        "best_face": "image",
        "detection": "switch",
        "min_confidence": "number",
        "remove": "button",
        "camera": "binary_sensor",
    }


def test_telemetry_becomes_unknown_after_three_periods() -> None:
    """All entities that read telemetry."""
    aging = {
        key for key, options in components_of(AGENT).items() if options.get("state_topic") == topics.health("porch-pi")
    }
    assert len(aging) == 12
    assert {components_of(AGENT)[key]["expire_after"] for key in aging} == {30}


def test_the_keys_that_templates_read_are_in_every_message() -> None:
    """Home Assistant logs a warning for a missing key."""
    for device, payload in ((AGENT, HealthPayload), (DOORBELL, StatePayload)):
        read = set(re.findall(r"value_json\.(\w+)", announce(device).payload.decode()))
        assert read - {"event_type"} <= set(payload.__struct_fields__)


@pytest.mark.parametrize("discovery", [AGENT, DOORBELL])
def test_every_command_topic_is_one_the_agent_understands(discovery: Discovery) -> None:
    """And each is in its subscriptions, which the parser covers."""
    commands = [options["command_topic"] for options in components_of(discovery).values() if "command_topic" in options]
    assert commands
    assert all(topics.parse(topic, "porch-pi") is not None for topic in commands)


def test_availability_of_each_entity() -> None:
    """The connectivity sensors stay available when their subject is not."""
    agent_topic, doorbell_topic = topics.agent_availability("porch-pi"), topics.doorbell_availability("front_door")
    assert payload_of(AGENT)["availability"] == [{"topic": agent_topic}]
    assert components_of(AGENT)["connectivity"]["availability"] == []
    assert payload_of(DOORBELL)["availability"] == [{"topic": agent_topic}, {"topic": doorbell_topic}]
    assert payload_of(DOORBELL)["availability_mode"] == "all"
    assert components_of(DOORBELL)["camera"]["availability"] == [{"topic": agent_topic}]


def test_a_doorbell_is_reached_via_its_agent() -> None:
    """By the agent's discovery identifier."""
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
def test_a_doorbell_has_a_readable_name(doorbell: str, name: str) -> None:
    """The default name, until its owner changes it."""
    assert payload_of(ours.doorbell_device(doorbell, agent_id="a", version="1"))["device"]["name"] == name


def test_configured_names_override_defaults() -> None:
    """For both devices."""
    agent = ours.agent_device("a", version="1", strategies=STRATEGIES, telemetry_period_s=1, name="Cellar")
    doorbell = ours.doorbell_device("d", agent_id="a", version="1", name="Gate")
    assert (agent.device.name, doorbell.device.name) == ("Cellar", "Gate")


def test_no_two_devices_share_a_unique_id() -> None:
    """Even if the id of one is a prefix of another's."""
    devices = [
        ours.agent_device(each, version="1", strategies=STRATEGIES, telemetry_period_s=1)
        for each in ("a", "a_detection", "doorbell_a")
    ]
    devices += [ours.doorbell_device(each, agent_id="a", version="1") for each in ("a", "a_faces", "a-faces")]
    ids = [
        (options["platform"], options["unique_id"])
        for device in devices
        for options in components_of(device).values()
        if "unique_id" in options
    ]
    assert len(ids) == len(set(ids))


# When messages are published

NOW = 100.0


def announced_after_birth(*, enabled: bool = True) -> HomeAssistant:
    """Return the publisher to Home Assistant, with a delay of three seconds after its birth message."""
    return HomeAssistant(
        "porch-pi",
        version="1",
        strategies=STRATEGIES,
        telemetry_period_s=10,
        prefix="homeassistant",
        enabled=enabled,
        delay_s=lambda: 3.0,
    )


def devices(publications: list[Publication]) -> list[str]:
    """Return the discovery ids, withdrawn ones with a minus."""
    return [("" if each.payload else "-") + each.topic.split("/")[-2] for each in publications]


def test_all_devices_are_announced_at_a_connection_and_new_doorbells_at_once() -> None:
    ours = announced_after_birth()
    assert devices(ours.configs(["front"])) == ["edge_agent_porch-pi", "edge_doorbell_front"]
    assert devices(ours.doorbell("back")) == ["edge_doorbell_back"]
    assert devices([ours.removal("back")]) == ["-edge_doorbell_back"]
    assert all(each.retain and each.qos == 1 for each in ours.configs(["front"]))


def test_a_birth_is_answered_by_configurations_and_then_by_states() -> None:
    ours = announced_after_birth()
    assert ours.next_due_s() is None
    ours.on_birth(NOW)
    assert ours.next_due_s() == NOW + 3
    assert not ours.is_configs_due(NOW + 2.9)
    assert not ours.is_states_due(NOW + 10)
    assert ours.is_configs_due(NOW + 3.5), "late"
    assert not ours.is_configs_due(NOW + 3.5)
    assert ours.next_due_s() == NOW + 4.5
    assert not ours.is_states_due(NOW + 4.4)
    assert ours.is_states_due(NOW + 4.5)
    assert not ours.is_states_due(NOW + 5)
    assert ours.next_due_s() is None


def test_a_doorbell_of_an_earlier_run_is_restored() -> None:
    (config,) = announced_after_birth().doorbell("front")
    assert announced_after_birth().on_discovery_message(config.topic, config.payload) == ("front", [config])


def test_components_of_an_older_version_are_removed_first() -> None:
    (config,) = announced_after_birth().doorbell("front")
    old = json.loads(config.payload)
    old["components"]["gone"] = {"platform": "sensor", "unique_id": "x", "state_topic": "x"}
    name, (before, after) = announced_after_birth().on_discovery_message(config.topic, json.dumps(old).encode())
    assert name == "front"
    assert json.loads(before.payload)["components"]["gone"] == {"platform": "sensor"}
    assert after == config


@pytest.mark.parametrize(
    ("agent", "program"), [("another", "edge-agent"), ("porch-pi", "zigbee2mqtt")], ids=["agent", "program"]
)
def test_other_devices_are_ignored(agent: str, program: str) -> None:
    (config,) = announced_after_birth().doorbell("front")
    payload = config.payload.replace(b"edge_agent_porch-pi", f"edge_agent_{agent}".encode())
    payload = payload.replace(b'"name":"edge-agent"', f'"name":"{program}"'.encode())
    assert announced_after_birth().on_discovery_message(config.topic, payload) == ("", [])


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}"])
def test_messages_that_are_not_devices_are_ignored(payload: bytes) -> None:
    assert announced_after_birth().on_discovery_message("homeassistant/device/edge_doorbell_front/config", payload) == (
        "",
        [],
    )


def test_without_discovery_earlier_announcements_are_withdrawn() -> None:
    configs = announced_after_birth().configs(["front"])
    off = announced_after_birth(enabled=False)
    assert off.configs(["front"]) == []
    assert off.doorbell("front") == []
    off.on_birth(NOW)
    assert off.next_due_s() is None
    withdrawn = [each for config in configs for each in off.on_discovery_message(config.topic, config.payload)[1]]
    assert devices(withdrawn) == ["-edge_agent_porch-pi", "-edge_doorbell_front"]
